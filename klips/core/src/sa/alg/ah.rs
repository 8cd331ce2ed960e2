// SPDX-License-Identifier: GPL-2.0-only

//! AH transforms: an authentication algorithm of the table as a hash of the kernel.

use super::auths::Auth;
use super::{bytes, AlgError, NONE};
use core::ffi::CStr;

/// An AH transform: what the crypto layer is asked for, and the sizes that packets have under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AhSuite {
    /// Name for the kernel's hash API.
    pub driver: &'static CStr,
    /// ICV in the packet, in bytes: the hash cut off.
    pub icv_len: usize,
    /// Key, in bytes.
    pub key_len: usize,
    /// Hash size in bits as the listing shows it (`alen=`), not the size of the ICV.
    pub auth_bits: u16,
}

/// The AH transform for a PF_KEY algorithm number and a key length in bits.
///
/// # Errors
///
/// [`AlgError::NoAuth`], [`AlgError::UnknownAuth`], [`AlgError::AuthKeySize`].
pub fn ah_suite(auth: u8, auth_key_bits: u16) -> Result<AhSuite, AlgError> {
    if auth == NONE {
        return Err(AlgError::NoAuth);
    }
    let auth = Auth::find(auth).ok_or(AlgError::UnknownAuth)?;
    if auth.key_bits != auth_key_bits {
        return Err(AlgError::AuthKeySize);
    }
    Ok(AhSuite {
        driver: auth.driver,
        icv_len: auth.icv_len,
        key_len: bytes(auth_key_bits),
        auth_bits: auth.hash_bits,
    })
}

impl AhSuite {
    /// Length of the whole hash, which the kernel writes before it is cut off, in bytes.
    pub const fn hash_len(&self) -> usize {
        bytes(self.auth_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_every_transform() {
        for (id, bits, driver, icv, hash) in [
            (2, 128, c"hmac(md5)", 12, 16),
            (3, 160, c"hmac(sha1)", 12, 20),
            (5, 256, c"hmac(sha256)", 16, 32),
            (6, 384, c"hmac(sha384)", 24, 48),
            (7, 512, c"hmac(sha512)", 32, 64),
            (9, 128, c"xcbc(aes)", 12, 16),
            (250, 128, c"cmac(aes)", 12, 16),
            (252, 256, c"hmac(sha256)", 12, 32),
        ] {
            let suite = ah_suite(id, bits).unwrap();
            assert_eq!((suite.driver, suite.icv_len), (driver, icv), "{id}");
            assert_eq!(suite.hash_len(), hash, "{id}");
            assert_eq!(suite.key_len * 8, usize::from(bits), "{id}");
            for wrong in (0..=600).filter(|wrong| *wrong != bits) {
                assert_eq!(
                    ah_suite(id, wrong),
                    Err(AlgError::AuthKeySize),
                    "{id} {wrong}"
                );
            }
        }
    }

    #[test]
    fn refusals() {
        assert_eq!(ah_suite(0, 0), Err(AlgError::NoAuth));
        assert_eq!(ah_suite(8, 160), Err(AlgError::UnknownAuth));
        assert_eq!(AlgError::NoAuth.errno(), 22);
    }
}
