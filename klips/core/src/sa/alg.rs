// SPDX-License-Identifier: GPL-2.0-only

//! Algorithms: one table for PF_KEY numbers, tool names, key sizes and the kernel's crypto drivers.

mod names;
mod provider;
mod table;

pub use names::{parse_esp, EspChoice};
pub use provider::{provider, Job, Provider};
pub use table::{auth_xform, enc_xform, supported, Supported};

use core::ffi::CStr;
use core::fmt;
use table::{Auth, Cipher};

/// PF_KEY number of "no algorithm".
pub const NONE: u8 = 0;
/// PF_KEY authentication algorithm: HMAC-MD5-96, RFC 2403.
pub const AUTH_MD5: u8 = 2;
/// PF_KEY authentication algorithm: HMAC-SHA1-96, RFC 2404.
pub const AUTH_SHA1: u8 = 3;
/// PF_KEY authentication algorithm: HMAC-SHA-256-128, RFC 4868.
pub const AUTH_SHA2_256: u8 = 5;
/// PF_KEY encryption algorithm: 3DES-CBC, RFC 2451.
pub const ENC_3DES: u8 = 3;
/// PF_KEY encryption algorithm: NULL, RFC 2410.
pub const ENC_NULL: u8 = 11;
/// PF_KEY encryption algorithm: AES-CBC, RFC 3602.
pub const ENC_AES: u8 = 12;
/// PF_KEY encryption algorithm: AES-GCM with an ICV of 16 bytes, RFC 4106. The key ends with the 4-byte salt.
pub const ENC_AES_GCM_16: u8 = 20;

/// Why a combination of algorithms and keys was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgError {
    /// ESP without a cipher.
    NoCipher,
    /// A cipher that does not exist here.
    UnknownCipher,
    /// An authentication algorithm that does not exist here.
    UnknownAuth,
    /// An encryption key of a length that the cipher does not take.
    EncKeySize,
    /// An authentication key of a length that the algorithm does not take.
    AuthKeySize,
    /// An authentication algorithm beside a cipher that authenticates by itself.
    AuthWithAead,
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
            Self::UnknownAuth => "authentication algorithm not available",
            Self::EncKeySize => "wrong size of encryption key",
            Self::AuthKeySize => "wrong size of authentication key",
            Self::AuthWithAead => {
                "cipher authenticates by itself, no authentication algorithm wanted"
            }
        })
    }
}

/// An ESP transform: what the crypto layer is asked for, and the sizes that packets have under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Name for the kernel's AEAD API.
    pub driver: &'static CStr,
    /// IV in the packet, in bytes.
    pub iv_len: usize,
    /// What the payload is padded to, in bytes.
    pub block: usize,
    /// ICV in the packet, in bytes.
    pub icv_len: usize,
    /// The cipher authenticates by itself: its key is the encryption key as given. Otherwise the key is that of
    /// [`Suite::authenc_header`].
    pub aead: bool,
    /// Hash size in bits as the listing shows it (`alen=`), not the size of the ICV; 0 without.
    pub auth_bits: u16,
    /// Authentication key, in bytes.
    pub auth_key_len: usize,
    /// Encryption key, with the salt if there is one, in bytes.
    pub enc_key_len: usize,
}

/// The transform for PF_KEY algorithm numbers and key lengths in bits.
///
/// A cipher without authentication is allowed, as KLIPS has it.
///
/// # Errors
///
/// [`AlgError`].
pub fn suite(auth: u8, enc: u8, auth_key_bits: u16, enc_key_bits: u16) -> Result<Suite, AlgError> {
    if enc == NONE {
        return Err(AlgError::NoCipher);
    }
    let cipher = Cipher::find(enc).ok_or(AlgError::UnknownCipher)?;
    if !cipher.key_bits.contains(&enc_key_bits) {
        return Err(AlgError::EncKeySize);
    }
    let auth = Auth::find(auth).ok_or(AlgError::UnknownAuth)?;
    if cipher.own_icv_len.is_some() && auth.id != NONE {
        return Err(AlgError::AuthWithAead);
    }
    if auth.key_bits != auth_key_bits {
        return Err(AlgError::AuthKeySize);
    }
    Ok(Suite {
        driver: table::driver(cipher.id, auth.id).ok_or(AlgError::UnknownAuth)?,
        iv_len: cipher.iv_len,
        block: cipher.block,
        icv_len: cipher.own_icv_len.unwrap_or(auth.icv_len),
        aead: cipher.own_icv_len.is_some(),
        auth_bits: auth.hash_bits,
        auth_key_len: bytes(auth_key_bits),
        enc_key_len: bytes(enc_key_bits),
    })
}

fn bytes(bits: u16) -> usize {
    usize::from(bits >> 3)
}

/// Whether a person should be told that these algorithms are for old peers only.
///
/// 3DES has blocks of 64 bits (RFC 9395 deprecates it), MD5 is broken as a hash and deprecated with it, NULL hides nothing.
pub const fn is_weak(auth: u8, enc: u8) -> bool {
    auth == AUTH_MD5 || enc == ENC_3DES || enc == ENC_NULL
}

/// Length of the header that the kernel's `authenc` template wants before its two keys, in bytes.
pub const AUTHENC_HEADER_LEN: usize = 8;

impl Suite {
    /// Length of the key for the crypto layer, in bytes.
    pub const fn key_len(&self) -> usize {
        let keys = self.auth_key_len.saturating_add(self.enc_key_len);
        if self.aead {
            keys
        } else {
            keys.saturating_add(AUTHENC_HEADER_LEN)
        }
    }

    /// The header of an `authenc` key: a netlink attribute (native byte order) with the encryption key's length (big
    /// endian). The authentication key follows, then the encryption key.
    ///
    /// C: `struct crypto_authenc_key_param` in `include/crypto/authenc.h`.
    pub fn authenc_header(&self) -> [u8; AUTHENC_HEADER_LEN] {
        const CRYPTO_AUTHENC_KEYA_PARAM: u16 = 1;
        const RTA_LEN: u16 = 8;
        let [l0, l1] = RTA_LEN.to_ne_bytes();
        let [t0, t1] = CRYPTO_AUTHENC_KEYA_PARAM.to_ne_bytes();
        let [k0, k1, k2, k3] = u32::try_from(self.enc_key_len).unwrap_or(0).to_be_bytes();
        [l0, l1, t0, t1, k0, k1, k2, k3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_every_suite() {
        // (auth, enc, auth key bits, enc key bits) -> (driver, iv, block, icv, alen)
        let table = [
            (
                (0, 3, 0, 192),
                ("authenc(digest_null,cbc(des3_ede))", 8, 8, 0, 0),
            ),
            (
                (2, 3, 128, 192),
                ("authenc(hmac(md5),cbc(des3_ede))", 8, 8, 12, 128),
            ),
            (
                (3, 3, 160, 192),
                ("authenc(hmac(sha1),cbc(des3_ede))", 8, 8, 12, 160),
            ),
            (
                (5, 3, 256, 192),
                ("authenc(hmac(sha256),cbc(des3_ede))", 8, 8, 16, 256),
            ),
            (
                (0, 12, 0, 128),
                ("authenc(digest_null,cbc(aes))", 16, 16, 0, 0),
            ),
            (
                (2, 12, 128, 192),
                ("authenc(hmac(md5),cbc(aes))", 16, 16, 12, 128),
            ),
            (
                (3, 12, 160, 128),
                ("authenc(hmac(sha1),cbc(aes))", 16, 16, 12, 160),
            ),
            (
                (5, 12, 256, 256),
                ("authenc(hmac(sha256),cbc(aes))", 16, 16, 16, 256),
            ),
            ((0, 20, 0, 160), ("rfc4106(gcm(aes))", 8, 4, 16, 0)),
            ((0, 20, 0, 224), ("rfc4106(gcm(aes))", 8, 4, 16, 0)),
            ((0, 20, 0, 288), ("rfc4106(gcm(aes))", 8, 4, 16, 0)),
        ];
        for ((auth, enc, auth_bits, enc_bits), (driver, iv, block, icv, alen)) in table {
            let suite = suite(auth, enc, auth_bits, enc_bits).unwrap();
            assert_eq!(suite.driver.to_str(), Ok(driver));
            assert_eq!(
                (suite.iv_len, suite.block, suite.icv_len, suite.auth_bits),
                (iv, block, icv, alen),
                "{driver}"
            );
            assert_eq!(suite.aead, enc == ENC_AES_GCM_16);
            assert_eq!(suite.auth_key_len * 8, usize::from(auth_bits));
            assert_eq!(suite.enc_key_len * 8, usize::from(enc_bits));
        }
    }

    #[test]
    fn refusals_and_their_errno() {
        for (auth, enc, auth_bits, enc_bits, error, errno) in [
            (2, 0, 128, 0, AlgError::NoCipher, 22),
            (2, 11, 128, 0, AlgError::UnknownCipher, 71),
            (2, 252, 128, 128, AlgError::UnknownCipher, 71),
            (9, 12, 128, 128, AlgError::UnknownAuth, 22),
            (2, 3, 128, 168, AlgError::EncKeySize, 22),
            (2, 12, 128, 136, AlgError::EncKeySize, 22),
            (2, 12, 160, 128, AlgError::AuthKeySize, 22),
            (0, 12, 128, 128, AlgError::AuthKeySize, 22),
            (3, 20, 160, 160, AlgError::AuthWithAead, 22),
            (0, 20, 0, 128, AlgError::EncKeySize, 22),
        ] {
            let refused = suite(auth, enc, auth_bits, enc_bits);
            assert_eq!(refused, Err(error), "{auth} {enc}");
            assert_eq!(error.errno(), errno);
        }
    }

    #[test]
    fn old_algorithms_are_weak() {
        assert!(is_weak(AUTH_MD5, ENC_AES) && is_weak(AUTH_SHA1, ENC_3DES));
        assert!(is_weak(AUTH_SHA1, ENC_NULL));
        assert!(!is_weak(AUTH_SHA1, ENC_AES) && !is_weak(NONE, ENC_AES_GCM_16));
    }

    #[test]
    fn authenc_key_header() {
        let suite = suite(AUTH_SHA1, ENC_AES, 160, 256).unwrap();
        let header = suite.authenc_header();
        assert_eq!(header[..2], 8_u16.to_ne_bytes());
        assert_eq!(header[2..4], 1_u16.to_ne_bytes());
        assert_eq!(header[4..], [0, 0, 0, 32]);
        assert_eq!(suite.key_len(), 8 + 20 + 32);
        assert_eq!(super::suite(0, 20, 0, 160).unwrap().key_len(), 20);
    }
}
