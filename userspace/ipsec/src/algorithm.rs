// SPDX-License-Identifier: GPL-2.0-only

//! What the algorithm names on the command line mean in PF_KEY numbers and key sizes.

use klips_core::pfkey::types::alg;

/// Bits of the salt behind an AES-GCM key (RFC 4106 section 8.1).
const SALT_BITS: u16 = 32;

/// The algorithms of an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// Number of the authentication algorithm, 0 for none.
    pub(crate) auth: u8,
    /// Number of the encryption (or compression) algorithm, 0 for none.
    pub(crate) encrypt: u8,
    /// Bits of the authentication key; 0 if it takes none.
    pub(crate) auth_bits: u16,
    /// Sizes in bits that the encryption key may have; none if it takes no key.
    pub(crate) encrypt_bits: &'static [u16],
    /// Whether the name itself tells the encryption key's size, as `aes256-sha1` does. A key of another size would make
    /// an SA other than the one asked for, so it is refused before the kernel sees it.
    pub(crate) sized_by_name: bool,
}

impl Suite {
    /// No algorithm at all, as IPIP has it.
    pub(crate) const NONE: Self = Self {
        auth: alg::NONE,
        encrypt: alg::NONE,
        auth_bits: 0,
        encrypt_bits: &[],
        sized_by_name: false,
    };

    /// What `--ah NAME` asks for.
    pub(crate) fn ah(name: &str) -> Option<Self> {
        let (auth, auth_bits) = match name {
            "hmac-md5-96" => (alg::AUTH_MD5, 128),
            "hmac-sha1-96" => (alg::AUTH_SHA1, 160),
            "hmac-sha2-256-128" | "hmac-sha2_256-128" => (alg::AUTH_SHA2_256, 256),
            _ => return None,
        };
        Some(Self {
            auth,
            auth_bits,
            ..Self::NONE
        })
    }

    /// What `--comp NAME` asks for.
    pub(crate) fn comp(name: &str) -> Option<Self> {
        let encrypt = match name {
            "deflate" => alg::COMP_DEFLATE,
            "lzs" => alg::COMP_LZS,
            _ => return None,
        };
        Some(Self {
            encrypt,
            ..Self::NONE
        })
    }

    /// What `--esp NAME` asks for: a cipher, a dash and an authenticator; or `3des` alone, or AES-GCM, which needs no
    /// authenticator beside it.
    pub(crate) fn esp(name: &str) -> Option<Self> {
        let (cipher, rest) = match name.split_once('-') {
            Some((cipher, rest)) => (cipher, Some(rest)),
            None => (name, None),
        };
        let (cbc, gcm): (&[u16], &[u16]) = match cipher {
            "3des" => return triple_des(rest),
            "aes" => (
                &[128, 192, 256],
                &[128 + SALT_BITS, 192 + SALT_BITS, 256 + SALT_BITS],
            ),
            "aes128" => (&[128], &[128 + SALT_BITS]),
            "aes192" => (&[192], &[192 + SALT_BITS]),
            "aes256" => (&[256], &[256 + SALT_BITS]),
            _ => return None,
        };
        let sized_by_name = cipher != "aes";
        if rest == Some("gcm") {
            let encrypt = alg::ENCRYPT_AES_GCM;
            return Some(Self {
                encrypt,
                encrypt_bits: gcm,
                sized_by_name,
                ..Self::NONE
            });
        }
        let (auth, auth_bits) = authenticator(rest?)?;
        Some(Self {
            auth,
            encrypt: alg::ENCRYPT_AES,
            auth_bits,
            encrypt_bits: cbc,
            sized_by_name,
        })
    }
}

/// 3DES, with an authenticator or without.
fn triple_des(rest: Option<&str>) -> Option<Suite> {
    let (auth, auth_bits) = match rest {
        Some(name) => authenticator(name)?,
        None => (alg::NONE, 0),
    };
    Some(Suite {
        auth,
        encrypt: alg::ENCRYPT_3DES,
        auth_bits,
        encrypt_bits: &[192],
        sized_by_name: false,
    })
}

/// Number and key size of the authenticator of an ESP suite.
fn authenticator(name: &str) -> Option<(u8, u16)> {
    match name {
        "md5" | "md5-96" => Some((alg::AUTH_MD5, 128)),
        "sha1" | "sha1-96" => Some((alg::AUTH_SHA1, 160)),
        "sha2_256" | "sha2-256" | "sha2_256-128" | "sha2-256-128" => {
            Some((alg::AUTH_SHA2_256, 256))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn esp_names() {
        let table: &[(&str, u8, u8, u16, &[u16])] = &[
            ("3des-md5-96", 2, 3, 128, &[192]),
            ("3des-sha1-96", 3, 3, 160, &[192]),
            ("3des", 0, 3, 0, &[192]),
            ("3des-sha2-256", 5, 3, 256, &[192]),
            ("3des-sha2-256-128", 5, 3, 256, &[192]),
            ("aes128-sha1", 3, 12, 160, &[128]),
            ("aes192-md5-96", 2, 12, 128, &[192]),
            ("aes256-sha2_256", 5, 12, 256, &[256]),
            ("aes-sha2-256-128", 5, 12, 256, &[128, 192, 256]),
            ("aes-gcm", 0, 20, 0, &[160, 224, 288]),
            ("aes128-gcm", 0, 20, 0, &[160]),
            ("aes256-gcm", 0, 20, 0, &[288]),
        ];
        for (name, auth, encrypt, auth_bits, encrypt_bits) in table {
            let suite = Suite::esp(name).expect(name);
            let got = (
                suite.auth,
                suite.encrypt,
                suite.auth_bits,
                suite.encrypt_bits,
            );
            assert_eq!(got, (*auth, *encrypt, *auth_bits, *encrypt_bits), "{name}");
        }
        for bad in [
            "",
            "des",
            "aes",
            "aes128",
            "aes512-sha1",
            "3des-",
            "3des-gcm",
            "aes-gcm-sha1",
            "null-md5",
            "AES-GCM",
        ] {
            assert_eq!(Suite::esp(bad), None, "{bad}");
        }
    }

    #[test]
    fn ah_and_comp_names() {
        assert_eq!(
            Suite::ah("hmac-md5-96").map(|s| (s.auth, s.auth_bits)),
            Some((2, 128))
        );
        assert_eq!(
            Suite::ah("hmac-sha1-96").map(|s| (s.auth, s.auth_bits)),
            Some((3, 160))
        );
        assert_eq!(Suite::ah("md5"), None);
        assert_eq!(Suite::comp("deflate").map(|s| s.encrypt), Some(2));
        assert_eq!(Suite::comp("lzs").map(|s| s.encrypt), Some(3));
        assert_eq!(Suite::comp("zip"), None);
    }
}
