// SPDX-License-Identifier: GPL-2.0-only

//! Algorithms: one table for PF_KEY numbers, tool names, key sizes and the kernel's crypto drivers.
//!
//! The table is in three files: ciphers, authentication, compression. [`suite()`] puts an ESP transform together of its
//! parts, [`ah_suite`] one of AH. Nothing else knows algorithms.

mod ah;
mod announced;
mod auths;
mod ciphers;
mod comps;
mod driver;
#[cfg(any(feature = "parse", test))]
mod names;
mod numbers;
mod provider;
mod suite;

pub use ah::{ah_suite, AhSuite};
pub use announced::{supported, Supported};
pub use ciphers::authenticates_itself;
pub use comps::{comp_driver, comp_xform};
pub use driver::DriverName;
#[cfg(any(feature = "parse", test))]
pub use names::AlgChoice;
pub use numbers::*;
pub use provider::{provider, Job, Provider};
pub use suite::{suite, Suite, AUTHENC_HEADER_LEN};

#[cfg(any(feature = "parse", test))]
use crate::said::SaProto;
use auths::Auth;
use ciphers::Cipher;
use core::fmt;
use suite::authenc;

/// Why a combination of algorithms and keys was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgError {
    /// ESP without a cipher.
    NoCipher,
    /// A cipher that does not exist here.
    UnknownCipher,
    /// AH without an authentication algorithm.
    NoAuth,
    /// An authentication algorithm that does not exist here.
    UnknownAuth,
    /// An encryption key of a length that the cipher does not take.
    EncKeySize,
    /// An authentication key of a length that the algorithm does not take.
    AuthKeySize,
    /// An authentication algorithm beside a cipher that authenticates by itself.
    AuthWithAead,
    /// Nothing authenticates, where the cipher must not be without (RFC 4303 section 3.2.3, RFC 3686 section 1) or the
    /// sequence numbers cannot (RFC 4303 section 2.2.1).
    NeedsAuth,
}

impl AlgError {
    /// The classic errno: EPROTO for a missing cipher, EINVAL for everything else.
    pub const fn errno(self) -> i32 {
        const EINVAL: i32 = 22;
        const EPROTO: i32 = 71;
        match self {
            Self::UnknownCipher => EPROTO,
            _ => EINVAL,
        }
    }
}

impl fmt::Display for AlgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCipher => "ESP needs an encryption algorithm",
            Self::UnknownCipher => "encryption algorithm not available",
            Self::NoAuth => "AH needs an authentication algorithm",
            Self::UnknownAuth => "authentication algorithm not available",
            Self::EncKeySize => "wrong size of encryption key",
            Self::AuthKeySize => "wrong size of authentication key",
            Self::AuthWithAead => {
                "cipher authenticates by itself, no authentication algorithm wanted"
            }
            Self::NeedsAuth => "authentication algorithm wanted",
        })
    }
}

/// Whether a person should be told that an SA of these algorithms is for old peers only; see
/// `Documentation/algorithms.md`.
#[cfg(any(feature = "parse", test))]
pub fn is_weak(proto: SaProto, auth: u8, enc: u8) -> bool {
    let weak_auth = || Auth::find(auth).is_some_and(|auth| auth.weak);
    match proto {
        SaProto::Ah => weak_auth(),
        SaProto::Esp => Cipher::find(enc).is_some_and(|cipher| {
            cipher.weak || weak_auth() || (auth == NONE && !cipher.is_aead())
        }),
        SaProto::Ipip | SaProto::Comp | SaProto::Int => false,
    }
}

/// The part of the XFORM name that an encryption algorithm adds, for protocols other than COMP; `None` prints as
/// `_ID<n>`.
pub fn enc_xform(id: u8) -> Option<&'static str> {
    match id {
        NONE => Some(""),
        _ => Cipher::find(id).map(|cipher| cipher.listed),
    }
}

/// The part of the XFORM name that an authentication algorithm adds; `None` prints as `_ID<n>`.
pub fn auth_xform(id: u8) -> Option<&'static str> {
    let auth = Auth::find(id)?;
    (!auth.nameless).then_some(auth.listed)
}

/// What an authentication algorithm is called where there is no old form to be kept.
#[cfg(any(feature = "parse", test))]
pub fn auth_title(id: u8) -> Option<&'static str> {
    Auth::find(id).map(|auth| auth.listed.trim_start_matches('_'))
}

/// A key's length in bytes.
const fn bytes(bits: u16) -> usize {
    // CAST: Widens; `From` is not const.
    #[allow(clippy::as_conversions)]
    {
        (bits >> 3) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_algorithms_are_weak() {
        use SaProto::{Ah, Comp, Esp, Ipip};
        for (proto, auth, enc, weak) in [
            (Esp, AUTH_MD5, ENC_AES, true),
            (Esp, AUTH_SHA2_256_96, ENC_AES, true),
            (Esp, AUTH_SHA1, ENC_3DES, true),
            (Esp, AUTH_SHA1, ENC_NULL, true),
            (Esp, NONE, ENC_AES, true),
            (Ah, AUTH_MD5, NONE, true),
            (Esp, AUTH_SHA1, ENC_AES, false),
            (Esp, AUTH_SHA2_256, ENC_CAMELLIA, false),
            (Esp, NONE, ENC_AES_GCM_16, false),
            (Esp, NONE, ENC_NULL_AES_GMAC, false),
            // Larval.
            (Esp, NONE, NONE, false),
            (Ah, AUTH_AES_CMAC, NONE, false),
            (Comp, NONE, COMP_LZS, false),
            (Ipip, NONE, NONE, false),
        ] {
            assert_eq!(is_weak(proto, auth, enc), weak, "{proto:?} {auth} {enc}");
        }
    }

    #[test]
    fn classic_names_in_listings() {
        let enc = [NONE, ENC_NULL, ENC_3DES, ENC_AES, ENC_SERPENT, ENC_TWOFISH].map(enc_xform);
        let wanted = ["", "_NULL", "_3DES", "_AES", "_SERPENT", "_TWOFISH"];
        assert_eq!(enc, wanted.map(Some));
        let auth = [
            NONE,
            AUTH_MD5,
            AUTH_SHA1,
            AUTH_SHA2_256,
            AUTH_SHA2_384,
            AUTH_SHA2_512,
        ]
        .map(auth_xform);
        let wanted = [
            "",
            "_HMAC_MD5",
            "_HMAC_SHA1",
            "_HMAC_SHA2_256",
            "_HMAC_SHA2_384",
            "_HMAC_SHA2_512",
        ];
        assert_eq!(auth, wanted.map(Some));
        assert_eq!((enc_xform(2), auth_xform(8)), (None, None));
        assert_eq!([AUTH_AES_XCBC, AUTH_SHA2_256_96].map(auth_xform), [None; 2]);
        assert_eq!(auth_title(AUTH_AES_XCBC), Some("AES_XCBC"));
        assert_eq!(
            (auth_title(AUTH_MD5), auth_title(8)),
            (Some("HMAC_MD5"), None)
        );
    }

    #[test]
    fn listed_names_are_one_algorithm_each() {
        let mut seen = std::collections::BTreeMap::new();
        for enc in 0..=u8::MAX {
            for auth in 0..=u8::MAX {
                if let (Some(enc_name), Some(auth_name)) = (enc_xform(enc), auth_xform(auth)) {
                    let before = seen.insert(std::format!("{enc_name}{auth_name}"), (enc, auth));
                    assert_eq!(before, None, "{enc} {auth}");
                }
            }
        }
    }
}
