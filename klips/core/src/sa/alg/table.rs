// SPDX-License-Identifier: GPL-2.0-only

//! The table itself, and what is announced of it.

use super::{AUTH_MD5, AUTH_SHA1, AUTH_SHA2_256, ENC_3DES, ENC_AES, ENC_AES_GCM_16, NONE};
use crate::said::SaProto;
use core::ffi::CStr;

/// A cipher of ESP.
pub(super) struct Cipher {
    pub(super) id: u8,
    /// Accepted key lengths in bits.
    pub(super) key_bits: &'static [u16],
    pub(super) iv_len: usize,
    /// What the payload is padded to. GCM needs no more than ESP itself does.
    pub(super) block: usize,
    /// Length of the ICV, if the cipher makes its own.
    pub(super) own_icv_len: Option<usize>,
}

const CIPHERS: [Cipher; 3] = [
    Cipher {
        id: ENC_3DES,
        key_bits: &[192],
        iv_len: 8,
        block: 8,
        own_icv_len: None,
    },
    Cipher {
        id: ENC_AES,
        key_bits: &[128, 192, 256],
        iv_len: 16,
        block: 16,
        own_icv_len: None,
    },
    Cipher {
        id: ENC_AES_GCM_16,
        key_bits: &[160, 224, 288],
        iv_len: 8,
        block: 4,
        own_icv_len: Some(16),
    },
];

impl Cipher {
    pub(super) fn find(id: u8) -> Option<&'static Self> {
        const TABLE: &[Cipher] = &CIPHERS;
        TABLE.iter().find(|cipher| cipher.id == id)
    }
}

/// An authentication algorithm.
pub(super) struct Auth {
    pub(super) id: u8,
    pub(super) key_bits: u16,
    pub(super) hash_bits: u16,
    pub(super) icv_len: usize,
}

const AUTHS: [Auth; 4] = [
    Auth {
        id: NONE,
        key_bits: 0,
        hash_bits: 0,
        icv_len: 0,
    },
    Auth {
        id: AUTH_MD5,
        key_bits: 128,
        hash_bits: 128,
        icv_len: 12,
    },
    Auth {
        id: AUTH_SHA1,
        key_bits: 160,
        hash_bits: 160,
        icv_len: 12,
    },
    Auth {
        id: AUTH_SHA2_256,
        key_bits: 256,
        hash_bits: 256,
        icv_len: 16,
    },
];

impl Auth {
    pub(super) fn find(id: u8) -> Option<&'static Self> {
        const TABLE: &[Auth] = &AUTHS;
        TABLE.iter().find(|auth| auth.id == id)
    }
}

/// The AEAD of the kernel that does both jobs.
pub(super) fn driver(cipher: u8, auth: u8) -> Option<&'static CStr> {
    Some(match (cipher, auth) {
        (ENC_3DES, NONE) => c"authenc(digest_null,cbc(des3_ede))",
        (ENC_3DES, AUTH_MD5) => c"authenc(hmac(md5),cbc(des3_ede))",
        (ENC_3DES, AUTH_SHA1) => c"authenc(hmac(sha1),cbc(des3_ede))",
        (ENC_3DES, AUTH_SHA2_256) => c"authenc(hmac(sha256),cbc(des3_ede))",
        (ENC_AES, NONE) => c"authenc(digest_null,cbc(aes))",
        (ENC_AES, AUTH_MD5) => c"authenc(hmac(md5),cbc(aes))",
        (ENC_AES, AUTH_SHA1) => c"authenc(hmac(sha1),cbc(aes))",
        (ENC_AES, AUTH_SHA2_256) => c"authenc(hmac(sha256),cbc(aes))",
        (ENC_AES_GCM_16, NONE) => c"rfc4106(gcm(aes))",
        _ => return None,
    })
}

/// The part of the XFORM name that an encryption algorithm adds, for protocols other than COMP; `None` prints as
/// `_ID<n>`.
pub const fn enc_xform(id: u8) -> Option<&'static str> {
    Some(match id {
        NONE => "",
        super::ENC_NULL => "_NULL",
        ENC_3DES => "_3DES",
        ENC_AES => "_AES",
        ENC_AES_GCM_16 => "_AES_GCM_16",
        252 => "_SERPENT",
        253 => "_TWOFISH",
        _ => return None,
    })
}

/// The part of the XFORM name that an authentication algorithm adds; `None` prints as `_ID<n>`.
pub const fn auth_xform(id: u8) -> Option<&'static str> {
    Some(match id {
        NONE => "",
        AUTH_MD5 => "_HMAC_MD5",
        AUTH_SHA1 => "_HMAC_SHA1",
        AUTH_SHA2_256 => "_HMAC_SHA2_256",
        6 => "_HMAC_SHA2_384",
        7 => "_HMAC_SHA2_512",
        _ => return None,
    })
}

/// An algorithm as a REGISTER reply announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// PF_KEY number.
    pub id: u8,
    /// IV in bits.
    pub iv_bits: u8,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
}

const fn supported_alg(id: u8, iv_bits: u8, min_bits: u16, max_bits: u16) -> Supported {
    Supported {
        id,
        iv_bits,
        min_bits,
        max_bits,
    }
}

/// Authentication and encryption algorithms of a protocol, most recently added first as REGISTER lists them.
///
/// 3DES is there twice: with the 192 bits that it takes, and with the 168 that count and older software looks for.
pub const fn supported(proto: SaProto) -> (&'static [Supported], &'static [Supported]) {
    const ESP_AUTH: [Supported; 3] = [
        supported_alg(AUTH_SHA2_256, 0, 256, 256),
        supported_alg(AUTH_MD5, 0, 128, 128),
        supported_alg(AUTH_SHA1, 0, 160, 160),
    ];
    const ESP_ENC: [Supported; 4] = [
        supported_alg(ENC_AES_GCM_16, 64, 160, 288),
        supported_alg(ENC_3DES, 64, 192, 192),
        supported_alg(ENC_AES, 128, 128, 256),
        supported_alg(ENC_3DES, 64, 168, 168),
    ];
    const IPIP: [Supported; 1] = [supported_alg(1, 0, 32, 32)];
    match proto {
        SaProto::Esp => (&ESP_AUTH, &ESP_ENC),
        SaProto::Ipip => (&[], &IPIP),
        SaProto::Ah | SaProto::Comp | SaProto::Int => (&[], &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_can_be_had() {
        let (auths, encs) = supported(SaProto::Esp);
        for auth in auths {
            let found = Auth::find(auth.id).unwrap();
            assert_eq!(
                (found.key_bits, found.key_bits),
                (auth.min_bits, auth.max_bits)
            );
            assert!(auth_xform(auth.id).is_some());
        }
        for enc in encs.iter().filter(|enc| enc.min_bits != 168) {
            let found = Cipher::find(enc.id).unwrap();
            assert_eq!(found.key_bits.first(), Some(&enc.min_bits));
            assert_eq!(found.key_bits.last(), Some(&enc.max_bits));
            assert_eq!(found.iv_len * 8, usize::from(enc.iv_bits));
            assert!(enc_xform(enc.id).is_some());
        }
    }

    #[test]
    fn every_pair_has_a_driver() {
        for cipher in &CIPHERS {
            for auth in &AUTHS {
                let possible = cipher.own_icv_len.is_none() || auth.id == NONE;
                assert_eq!(
                    driver(cipher.id, auth.id).is_some(),
                    possible,
                    "{} {}",
                    cipher.id,
                    auth.id
                );
            }
        }
    }
}
