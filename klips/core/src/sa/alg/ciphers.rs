// SPDX-License-Identifier: GPL-2.0-only

//! The table of encryption algorithms.

use super::numbers::*;
use core::ffi::CStr;

/// How a cipher is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integrity {
    /// By the cipher itself, with an ICV of so many bytes.
    Own(usize),
    /// By another algorithm, or not at all.
    Other,
    /// By another algorithm: it must not be without.
    Wanted,
}

/// A name on the command line: the family, then the size of the key if wanted, then the mode.
pub(super) type Name = (&'static str, &'static str);

/// A cipher of ESP.
pub(super) struct Cipher {
    /// PF_KEY number.
    pub(super) id: u8,
    /// Names in `--esp`, the usual one first.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) names: &'static [Name],
    /// What the XFORM name in listings has of it.
    pub(super) listed: &'static str,
    /// Accepted key lengths in bits, shortest first, with the salt behind the key.
    pub(super) key_bits: &'static [u16],
    /// How many of them are salt.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) salt_bits: u16,
    /// IV in the packet, in bytes.
    pub(super) iv_len: usize,
    /// What the payload is padded to, in bytes: 4, which ESP itself wants, or the block of the cipher.
    pub(super) block: usize,
    pub(super) integrity: Integrity,
    /// Its IVs may be foreseen, but must never repeat under one key; those of the others must be random.
    pub(super) counts_ivs: bool,
    /// The kernel's cipher, or AEAD.
    pub(super) driver: &'static CStr,
    /// For old peers only.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    pub(super) weak: bool,
}

/// All rows.
pub(super) const CIPHERS: &[Cipher] = &[
    TRIPLE_DES,
    NULL,
    AES,
    AES_CTR,
    AES_CCM_8,
    AES_CCM_12,
    AES_CCM_16,
    AES_GCM_8,
    AES_GCM_12,
    AES_GCM_16,
    CAMELLIA,
    AES_GMAC,
    CHACHA20_POLY1305,
    SERPENT,
    TWOFISH,
];

/// What ciphers in CBC mode with blocks of 16 bytes have in common.
const CBC: Cipher = Cipher {
    id: NONE,
    names: &[],
    listed: "",
    key_bits: &[128, 192, 256],
    salt_bits: 0,
    iv_len: 16,
    block: 16,
    integrity: Integrity::Other,
    counts_ivs: false,
    driver: c"",
    weak: false,
};

/// What modes that count have in common.
const COUNTER: Cipher = Cipher {
    key_bits: &[160, 224, 288],
    salt_bits: 32,
    iv_len: 8,
    block: 4,
    counts_ivs: true,
    ..CBC
};

/// Blocks of 64 bits collide in long streams; RFC 8221 section 5 says SHOULD NOT.
pub(super) const TRIPLE_DES: Cipher = Cipher {
    id: ENC_3DES,
    names: &[("3des", ""), ("3des", "-cbc")],
    listed: "_3DES",
    key_bits: &[192],
    iv_len: 8,
    block: 8,
    driver: c"cbc(des3_ede)",
    weak: true,
    ..CBC
};

/// Hides nothing. ESP wants a multiple of 4 bytes all the same.
pub(super) const NULL: Cipher = Cipher {
    id: ENC_NULL,
    names: &[("null", "")],
    listed: "_NULL",
    key_bits: &[0],
    iv_len: 0,
    block: 4,
    integrity: Integrity::Wanted,
    driver: c"ecb(cipher_null)",
    weak: true,
    ..CBC
};

pub(super) const AES: Cipher = Cipher {
    id: ENC_AES,
    names: &[("aes", ""), ("aes", "-cbc"), ("aes_cbc", "")],
    listed: "_AES",
    driver: c"cbc(aes)",
    ..CBC
};

/// Whoever flips a bit of the packet flips that bit of the text.
pub(super) const AES_CTR: Cipher = Cipher {
    id: ENC_AES_CTR,
    names: &[("aes", "-ctr"), ("aes_ctr", "")],
    listed: "_AES_CTR",
    integrity: Integrity::Wanted,
    driver: c"rfc3686(ctr(aes))",
    ..COUNTER
};

/// AES-CCM has a salt of 3 bytes.
const CCM: Cipher = Cipher {
    key_bits: &[152, 216, 280],
    salt_bits: 24,
    driver: c"rfc4309(ccm(aes))",
    ..COUNTER
};

pub(super) const AES_CCM_8: Cipher = Cipher {
    id: ENC_AES_CCM_8,
    names: &[("aes", "-ccm-8"), ("aes", "-ccm8"), ("aes_ccm_a", "")],
    listed: "_AES_CCM_8",
    integrity: Integrity::Own(8),
    ..CCM
};

pub(super) const AES_CCM_12: Cipher = Cipher {
    id: ENC_AES_CCM_12,
    names: &[("aes", "-ccm-12"), ("aes", "-ccm12"), ("aes_ccm_b", "")],
    listed: "_AES_CCM_12",
    integrity: Integrity::Own(12),
    ..CCM
};

pub(super) const AES_CCM_16: Cipher = Cipher {
    id: ENC_AES_CCM_16,
    names: &[
        ("aes", "-ccm"),
        ("aes", "-ccm-16"),
        ("aes", "-ccm16"),
        ("aes_ccm", ""),
        ("aes_ccm_c", ""),
    ],
    listed: "_AES_CCM_16",
    integrity: Integrity::Own(16),
    ..CCM
};

const GCM: Cipher = Cipher {
    driver: c"rfc4106(gcm(aes))",
    ..COUNTER
};

pub(super) const AES_GCM_8: Cipher = Cipher {
    id: ENC_AES_GCM_8,
    names: &[("aes", "-gcm-8"), ("aes", "-gcm8"), ("aes_gcm_a", "")],
    listed: "_AES_GCM_8",
    integrity: Integrity::Own(8),
    ..GCM
};

pub(super) const AES_GCM_12: Cipher = Cipher {
    id: ENC_AES_GCM_12,
    names: &[("aes", "-gcm-12"), ("aes", "-gcm12"), ("aes_gcm_b", "")],
    listed: "_AES_GCM_12",
    integrity: Integrity::Own(12),
    ..GCM
};

pub(super) const AES_GCM_16: Cipher = Cipher {
    id: ENC_AES_GCM_16,
    names: &[
        ("aes", "-gcm"),
        ("aes", "-gcm-16"),
        ("aes", "-gcm16"),
        ("aes_gcm", ""),
        ("aes_gcm_c", ""),
    ],
    listed: "_AES_GCM_16",
    integrity: Integrity::Own(16),
    ..GCM
};

/// Encrypts nothing, and says so: nobody takes it for more.
pub(super) const AES_GMAC: Cipher = Cipher {
    id: ENC_NULL_AES_GMAC,
    names: &[("aes", "-gmac"), ("null_auth_aes_gmac", "")],
    listed: "_NULL_AES_GMAC",
    integrity: Integrity::Own(16),
    driver: c"rfc4543(gcm(aes))",
    ..COUNTER
};

pub(super) const CHACHA20_POLY1305: Cipher = Cipher {
    id: ENC_CHACHA20_POLY1305,
    names: &[
        ("chacha20-poly1305", ""),
        ("chacha20_poly1305", ""),
        ("chacha20poly1305", ""),
    ],
    listed: "_CHACHA20_POLY1305",
    key_bits: &[288],
    integrity: Integrity::Own(16),
    driver: c"rfc7539esp(chacha20,poly1305)",
    ..COUNTER
};

pub(super) const CAMELLIA: Cipher = Cipher {
    id: ENC_CAMELLIA,
    names: &[("camellia", ""), ("camellia", "-cbc"), ("camellia_cbc", "")],
    listed: "_CAMELLIA",
    driver: c"cbc(camellia)",
    ..CBC
};

pub(super) const SERPENT: Cipher = Cipher {
    id: ENC_SERPENT,
    names: &[("serpent", ""), ("serpent", "-cbc"), ("serpent_cbc", "")],
    listed: "_SERPENT",
    driver: c"cbc(serpent)",
    ..CBC
};

pub(super) const TWOFISH: Cipher = Cipher {
    id: ENC_TWOFISH,
    names: &[("twofish", ""), ("twofish", "-cbc"), ("twofish_cbc", "")],
    listed: "_TWOFISH",
    driver: c"cbc(twofish)",
    ..CBC
};

/// Whether the cipher with this PF_KEY number authenticates by itself.
pub fn authenticates_itself(id: u8) -> bool {
    Cipher::find(id).is_some_and(Cipher::is_aead)
}

impl Cipher {
    pub(super) fn find(id: u8) -> Option<&'static Self> {
        CIPHERS.iter().find(|cipher| cipher.id == id)
    }

    /// Whether it authenticates by itself.
    pub(super) const fn is_aead(&self) -> bool {
        matches!(self.integrity, Integrity::Own(_))
    }
}
