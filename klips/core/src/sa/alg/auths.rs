// SPDX-License-Identifier: GPL-2.0-only

//! The table of authentication algorithms.

use super::numbers::*;
use core::ffi::CStr;

/// An authentication algorithm of ESP and AH.
pub(super) struct Auth {
    /// PF_KEY number.
    pub(super) id: u8,
    /// Names behind the cipher in `--esp`, the usual one first.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) names: &'static [&'static str],
    /// Names in `--ah`, the usual one first.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) ah_names: &'static [&'static str],
    /// What the XFORM name in listings has of it.
    pub(super) listed: &'static str,
    /// Listings have its number instead: KLIPS took keys for it, but had no name.
    pub(super) nameless: bool,
    /// The only key length, in bits (RFC 4868 section 2.1.1 wants just one, the others have no more).
    pub(super) key_bits: u16,
    /// Length of the whole hash in bits, which listings show.
    pub(super) hash_bits: u16,
    /// Length of the ICV in the packet, in bytes.
    pub(super) icv_len: usize,
    /// The kernel's hash.
    pub(super) driver: &'static CStr,
    /// For old peers only.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) weak: bool,
}

/// All rows.
pub(super) const AUTHS: &[Auth] = &[
    NO_AUTH,
    MD5,
    SHA1,
    SHA2_256,
    SHA2_384,
    SHA2_512,
    AES_XCBC,
    AES_CMAC,
    SHA2_256_96,
];

pub(super) const NO_AUTH: Auth = Auth {
    id: NONE,
    names: &[],
    ah_names: &[],
    listed: "",
    nameless: false,
    key_bits: 0,
    hash_bits: 0,
    icv_len: 0,
    driver: c"digest_null",
    weak: false,
};

/// MD5 is broken as a hash; RFC 8221 section 6 says MUST NOT.
pub(super) const MD5: Auth = Auth {
    id: AUTH_MD5,
    names: &["md5-96", "md5"],
    ah_names: &["hmac-md5-96"],
    listed: "_HMAC_MD5",
    nameless: false,
    key_bits: 128,
    hash_bits: 128,
    icv_len: 12,
    driver: c"hmac(md5)",
    weak: true,
};

pub(super) const SHA1: Auth = Auth {
    id: AUTH_SHA1,
    names: &["sha1-96", "sha1"],
    ah_names: &["hmac-sha1-96"],
    listed: "_HMAC_SHA1",
    nameless: false,
    key_bits: 160,
    hash_bits: 160,
    icv_len: 12,
    driver: c"hmac(sha1)",
    weak: false,
};

pub(super) const SHA2_256: Auth = Auth {
    id: AUTH_SHA2_256,
    names: &[
        "sha2-256-128",
        "sha2-256",
        "sha2_256-128",
        "sha2_256",
        "sha256-128",
        "sha256",
    ],
    ah_names: &["hmac-sha2-256-128", "hmac-sha2_256-128"],
    listed: "_HMAC_SHA2_256",
    nameless: false,
    key_bits: 256,
    hash_bits: 256,
    icv_len: 16,
    driver: c"hmac(sha256)",
    weak: false,
};

pub(super) const SHA2_384: Auth = Auth {
    id: AUTH_SHA2_384,
    names: &[
        "sha2-384-192",
        "sha2-384",
        "sha2_384-192",
        "sha2_384",
        "sha384-192",
        "sha384",
    ],
    ah_names: &["hmac-sha2-384-192", "hmac-sha2_384-192"],
    listed: "_HMAC_SHA2_384",
    nameless: false,
    key_bits: 384,
    hash_bits: 384,
    icv_len: 24,
    driver: c"hmac(sha384)",
    weak: false,
};

pub(super) const SHA2_512: Auth = Auth {
    id: AUTH_SHA2_512,
    names: &[
        "sha2-512-256",
        "sha2-512",
        "sha2_512-256",
        "sha2_512",
        "sha512-256",
        "sha512",
    ],
    ah_names: &["hmac-sha2-512-256", "hmac-sha2_512-256"],
    listed: "_HMAC_SHA2_512",
    nameless: false,
    key_bits: 512,
    hash_bits: 512,
    icv_len: 32,
    driver: c"hmac(sha512)",
    weak: false,
};

pub(super) const AES_XCBC: Auth = Auth {
    id: AUTH_AES_XCBC,
    names: &["aes-xcbc-96", "aes-xcbc", "aes_xcbc-96", "aes_xcbc"],
    ah_names: &["aes-xcbc-96", "aes-xcbc-mac-96"],
    listed: "_AES_XCBC",
    nameless: true,
    key_bits: 128,
    hash_bits: 128,
    icv_len: 12,
    driver: c"xcbc(aes)",
    weak: false,
};

pub(super) const AES_CMAC: Auth = Auth {
    id: AUTH_AES_CMAC,
    names: &["aes-cmac-96", "aes-cmac", "aes_cmac-96", "aes_cmac"],
    ah_names: &["aes-cmac-96"],
    listed: "_AES_CMAC",
    nameless: false,
    key_bits: 128,
    hash_bits: 128,
    icv_len: 12,
    driver: c"cmac(aes)",
    weak: false,
};

/// Not RFC 4868: no peer but an old Linux wants it, and then by mistake.
pub(super) const SHA2_256_96: Auth = Auth {
    id: AUTH_SHA2_256_96,
    names: &[
        "sha2-256-96",
        "sha2_256-96",
        "sha256-96",
        "sha2_256_truncbug",
    ],
    ah_names: &["hmac-sha2-256-96", "hmac-sha2_256-96"],
    listed: "_HMAC_SHA2_256_96",
    nameless: true,
    key_bits: 256,
    hash_bits: 256,
    icv_len: 12,
    driver: c"hmac(sha256)",
    weak: true,
};

impl Auth {
    pub(super) fn find(id: u8) -> Option<&'static Self> {
        AUTHS.iter().find(|auth| auth.id == id)
    }
}
