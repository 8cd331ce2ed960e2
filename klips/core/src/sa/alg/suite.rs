// SPDX-License-Identifier: GPL-2.0-only

//! ESP transforms: a cipher and an authentication algorithm of the table as one AEAD of the kernel.

use super::auths::Auth;
use super::ciphers::{Cipher, Integrity};
use super::{bytes, AlgError, DriverName, NONE};
use core::ffi::CStr;

/// An ESP transform: what the crypto layer is asked for, and the sizes that packets have under it. What is asked for each
/// packet comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Suite {
    /// IV in the packet, in bytes.
    pub iv_len: usize,
    /// What the payload is padded to, in bytes.
    pub block: usize,
    /// ICV in the packet, in bytes.
    pub icv_len: usize,
    /// The cipher authenticates by itself: its key is the encryption key as given. Otherwise the key is that of
    /// [`Suite::authenc_header`].
    pub aead: bool,
    /// An IV must never come twice under one key, but may be foreseen; otherwise it must be random.
    pub counts_ivs: bool,
    /// The ICV covers the upper half of a sequence number of 64 bits, too.
    pub esn: bool,
    /// Hash size in bits as the listing shows it (`alen=`), not the size of the ICV; 0 without.
    pub auth_bits: u16,
    /// Authentication key, in bytes.
    pub auth_key_len: usize,
    /// Encryption key, with the salt if there is one, in bytes.
    pub enc_key_len: usize,
    /// The kernel's cipher, or AEAD.
    cipher: &'static CStr,
    /// The kernel's hash beside it.
    auth: &'static CStr,
}

/// The transform for PF_KEY algorithm numbers and key lengths in bits.
///
/// A cipher without authentication is allowed, as KLIPS has it, unless that would be no protection at all.
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
    let icv_len = match (cipher.integrity, auth.id) {
        (Integrity::Own(len), NONE) => len,
        (Integrity::Own(_), _) => return Err(AlgError::AuthWithAead),
        (Integrity::Wanted, NONE) => return Err(AlgError::NeedsAuth),
        (Integrity::Wanted | Integrity::Other, _) => auth.icv_len,
    };
    if auth.key_bits != auth_key_bits {
        return Err(AlgError::AuthKeySize);
    }
    Ok(Suite {
        cipher: cipher.driver,
        auth: auth.driver,
        iv_len: cipher.iv_len,
        block: cipher.block,
        icv_len,
        aead: cipher.is_aead(),
        counts_ivs: cipher.counts_ivs,
        esn: false,
        auth_bits: auth.hash_bits,
        auth_key_len: bytes(auth_key_bits),
        enc_key_len: bytes(enc_key_bits),
    })
}

/// The template that makes an AEAD of a hash and a cipher.
pub(super) fn authenc(auth: &CStr, cipher: &CStr, esn: bool) -> DriverName {
    let template = if esn { c"authencesn(" } else { c"authenc(" };
    DriverName::compose(&[template, auth, c",", cipher, c")"])
}

/// Length of the header that the kernel's `authenc` template wants before its two keys, in bytes.
pub const AUTHENC_HEADER_LEN: usize = 8;

impl Suite {
    /// The same with sequence numbers of 64 bits (RFC 4304).
    ///
    /// # Errors
    ///
    /// [`AlgError::NeedsAuth`]: only the ICV tells the receiver whether it has guessed the upper half right.
    pub fn with_esn(self) -> Result<Self, AlgError> {
        if self.icv_len == 0 {
            return Err(AlgError::NeedsAuth);
        }
        Ok(Self { esn: true, ..self })
    }

    /// Name for the kernel's AEAD API.
    pub fn driver(&self) -> DriverName {
        if self.aead {
            return DriverName::whole(self.cipher);
        }
        authenc(self.auth, self.cipher, self.esn)
    }

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
    use super::super::{auths::AUTHS, ciphers::CIPHERS, *};
    use super::*;
    use std::string::{String, ToString};

    /// What every cipher has: its driver, IV, block, key sizes in bits; its own ICV, or whether it may be without one.
    type Row = (
        u8,
        &'static str,
        usize,
        usize,
        &'static [u16],
        Option<usize>,
        bool,
    );

    const TABLE: [Row; 15] = [
        (3, "cbc(des3_ede)", 8, 8, &[192], None, true),
        (11, "ecb(cipher_null)", 0, 4, &[0], None, false),
        (12, "cbc(aes)", 16, 16, &[128, 192, 256], None, true),
        (13, "rfc3686(ctr(aes))", 8, 4, &[160, 224, 288], None, false),
        (
            14,
            "rfc4309(ccm(aes))",
            8,
            4,
            &[152, 216, 280],
            Some(8),
            true,
        ),
        (
            15,
            "rfc4309(ccm(aes))",
            8,
            4,
            &[152, 216, 280],
            Some(12),
            true,
        ),
        (
            16,
            "rfc4309(ccm(aes))",
            8,
            4,
            &[152, 216, 280],
            Some(16),
            true,
        ),
        (
            18,
            "rfc4106(gcm(aes))",
            8,
            4,
            &[160, 224, 288],
            Some(8),
            true,
        ),
        (
            19,
            "rfc4106(gcm(aes))",
            8,
            4,
            &[160, 224, 288],
            Some(12),
            true,
        ),
        (
            20,
            "rfc4106(gcm(aes))",
            8,
            4,
            &[160, 224, 288],
            Some(16),
            true,
        ),
        (22, "cbc(camellia)", 16, 16, &[128, 192, 256], None, true),
        (
            23,
            "rfc4543(gcm(aes))",
            8,
            4,
            &[160, 224, 288],
            Some(16),
            true,
        ),
        (
            28,
            "rfc7539esp(chacha20,poly1305)",
            8,
            4,
            &[288],
            Some(16),
            true,
        ),
        (252, "cbc(serpent)", 16, 16, &[128, 192, 256], None, true),
        (253, "cbc(twofish)", 16, 16, &[128, 192, 256], None, true),
    ];

    /// What every authentication algorithm has: its driver, key in bits, ICV in bytes, hash in bits.
    const HASHES: [(u8, &str, u16, usize, u16); 9] = [
        (0, "digest_null", 0, 0, 0),
        (2, "hmac(md5)", 128, 12, 128),
        (3, "hmac(sha1)", 160, 12, 160),
        (5, "hmac(sha256)", 256, 16, 256),
        (6, "hmac(sha384)", 384, 24, 384),
        (7, "hmac(sha512)", 512, 32, 512),
        (9, "xcbc(aes)", 128, 12, 128),
        (250, "cmac(aes)", 128, 12, 128),
        (252, "hmac(sha256)", 256, 12, 256),
    ];

    fn driver(suite: &Suite) -> String {
        suite.driver().to_str().unwrap().to_string()
    }

    #[test]
    fn every_combination_has_the_sizes_of_its_rfc() {
        for (enc, cipher, iv, block, sizes, own_icv, _) in TABLE {
            for (auth, hash, auth_bits, icv, hash_bits) in HASHES {
                for &enc_bits in sizes {
                    let Ok(suite) = suite(auth, enc, auth_bits, enc_bits) else {
                        continue;
                    };
                    let wanted = match own_icv {
                        Some(_) => cipher.to_string(),
                        None => std::format!("authenc({hash},{cipher})"),
                    };
                    assert_eq!(driver(&suite), wanted);
                    assert_eq!((suite.iv_len, suite.block), (iv, block), "{wanted}");
                    assert_eq!(suite.icv_len, own_icv.unwrap_or(icv), "{wanted}");
                    assert_eq!(suite.auth_bits, hash_bits, "{wanted}");
                    assert_eq!(suite.aead, own_icv.is_some(), "{wanted}");
                    assert_eq!(suite.auth_key_len * 8, usize::from(auth_bits), "{wanted}");
                    assert_eq!(suite.enc_key_len * 8, usize::from(enc_bits), "{wanted}");
                    assert_eq!(suite.counts_ivs, iv == 8 && enc != 3, "{wanted}");
                }
            }
        }
        assert_eq!((TABLE.len(), HASHES.len()), (CIPHERS.len(), AUTHS.len()));
    }

    #[test]
    fn which_combinations_there_are() {
        for (enc, _, _, _, sizes, own_icv, alone) in TABLE {
            for (auth, _, auth_bits, ..) in HASHES {
                let error = match (own_icv, auth) {
                    (None, 0) if !alone => Some(AlgError::NeedsAuth),
                    (Some(_), 1..) => Some(AlgError::AuthWithAead),
                    _ => None,
                };
                for &enc_bits in sizes {
                    let made = suite(auth, enc, auth_bits, enc_bits);
                    assert_eq!(made.err(), error, "{enc} {auth}");
                }
            }
        }
    }

    #[test]
    fn keys_of_other_sizes_are_refused() {
        for (enc, _, _, _, sizes, own_icv, alone) in TABLE {
            let (auth, auth_bits) = match own_icv.is_some() || alone {
                true => (0, 0),
                false => (3, 160),
            };
            for enc_bits in 0..=600 {
                let made = suite(auth, enc, auth_bits, enc_bits);
                assert_eq!(made.is_ok(), sizes.contains(&enc_bits), "{enc} {enc_bits}");
                if let Err(error) = made {
                    assert_eq!(error, AlgError::EncKeySize);
                }
            }
        }
        for (auth, _, bits, ..) in HASHES {
            for auth_bits in 0..=600 {
                let made = suite(auth, ENC_AES, auth_bits, 128).map(|_| ());
                let wanted = match auth_bits == bits {
                    true => Ok(()),
                    false => Err(AlgError::AuthKeySize),
                };
                assert_eq!(made, wanted, "{auth} {auth_bits}");
            }
        }
    }

    #[test]
    fn refusals_and_their_errno() {
        for (auth, enc, auth_bits, enc_bits, error, errno) in [
            (2, 0, 128, 0, AlgError::NoCipher, 22),
            (2, 2, 128, 64, AlgError::UnknownCipher, 71),
            (2, 7, 128, 128, AlgError::UnknownCipher, 71),
            (8, 12, 160, 128, AlgError::UnknownAuth, 22),
            (2, 3, 128, 168, AlgError::EncKeySize, 22),
            (2, 12, 128, 136, AlgError::EncKeySize, 22),
            (2, 12, 160, 128, AlgError::AuthKeySize, 22),
            (0, 12, 128, 128, AlgError::AuthKeySize, 22),
            (3, 20, 160, 160, AlgError::AuthWithAead, 22),
            (0, 20, 0, 128, AlgError::EncKeySize, 22),
            (0, 11, 0, 0, AlgError::NeedsAuth, 22),
            (0, 13, 0, 160, AlgError::NeedsAuth, 22),
        ] {
            let refused = suite(auth, enc, auth_bits, enc_bits);
            assert_eq!(refused, Err(error), "{auth} {enc}");
            assert_eq!(error.errno(), errno);
        }
    }

    #[test]
    fn extended_sequence_numbers() {
        for (auth, enc, auth_bits, enc_bits, wanted) in [
            (3, 12, 160, 128, "authencesn(hmac(sha1),cbc(aes))"),
            (9, 11, 128, 0, "authencesn(xcbc(aes),ecb(cipher_null))"),
            (0, 20, 0, 160, "rfc4106(gcm(aes))"),
            (0, 28, 0, 288, "rfc7539esp(chacha20,poly1305)"),
        ] {
            let narrow = suite(auth, enc, auth_bits, enc_bits).unwrap();
            let wide = narrow.with_esn().unwrap();
            assert_eq!(driver(&wide), wanted);
            assert!(wide.esn && !narrow.esn && wide != narrow);
            assert_eq!(wide.icv_len, narrow.icv_len);
        }
        let alone = suite(0, 12, 0, 128).unwrap();
        assert_eq!(alone.with_esn(), Err(AlgError::NeedsAuth));
    }

    #[test]
    fn every_name_fits() {
        let longest = |rows: &mut dyn Iterator<Item = &'static CStr>| {
            rows.map(|driver| driver.to_bytes().len()).max().unwrap()
        };
        let cipher = longest(&mut CIPHERS.iter().map(|row| row.driver));
        let auth = longest(&mut AUTHS.iter().map(|row| row.driver));
        assert!("authencesn(,)".len() + cipher + auth < 64);
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
        assert_eq!(
            super::suite(3, 11, 160, 0).unwrap().authenc_header()[4..],
            [0; 4]
        );
    }
}
