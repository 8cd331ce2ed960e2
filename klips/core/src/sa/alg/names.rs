// SPDX-License-Identifier: GPL-2.0-only

//! Algorithms by the names that people type.
//!
//! ```text
//! --esp CIPHER[-AUTH]     3des-md5-96  aes128-sha1  aes-ctr-sha2-256  aes256-gcm-16  camellia192-aes-xcbc-96
//! ```
//!
//! A cipher may carry the size of its key (without the salt) behind its family: `aes128-gcm`. Those that authenticate by
//! themselves take no AUTH, all others but 3DES need one. Of the spellings in the table the first is the usual one; the
//! rest is what other tools say.

use super::auths::{Auth, AUTHS};
use super::ciphers::{Cipher, CIPHERS};
use super::{comps, ENC_3DES, NONE};
use core::slice;

/// The algorithms of an SA, chosen by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlgChoice {
    /// Number of the authentication algorithm, 0 for none.
    pub auth: u8,
    /// Number of the encryption (or compression) algorithm, 0 for none.
    pub encrypt: u8,
    /// Bits of the authentication key; 0 if it takes none.
    pub auth_bits: u16,
    /// Sizes in bits that the encryption key may have; none if it takes no key.
    pub encrypt_bits: &'static [u16],
    /// Whether the name itself tells the encryption key's size, as `aes256-sha1` does. A key of another size would make
    /// an SA other than the one asked for, so it is refused before the kernel sees it.
    pub sized_by_name: bool,
}

impl AlgChoice {
    /// No algorithm at all, as IPIP has it.
    pub const NONE: Self = Self {
        auth: NONE,
        encrypt: NONE,
        auth_bits: 0,
        encrypt_bits: &[],
        sized_by_name: false,
    };

    /// What `--ah NAME` asks for.
    pub fn ah(name: &str) -> Option<Self> {
        let auth = AUTHS.iter().find(|auth| auth.ah_names.contains(&name))?;
        Some(Self::NONE.with_auth(auth))
    }

    /// What `--comp NAME` asks for.
    pub fn comp(name: &str) -> Option<Self> {
        let encrypt = comps::named(name)?;
        Some(Self {
            encrypt,
            ..Self::NONE
        })
    }

    /// What `--esp NAME` asks for.
    pub fn esp(name: &str) -> Option<Self> {
        CIPHERS.iter().find_map(|cipher| {
            let spellings = &mut cipher.names.iter();
            spellings.find_map(|(family, mode)| esp_as(name, cipher, family, mode))
        })
    }

    const fn with_auth(self, auth: &Auth) -> Self {
        Self {
            auth: auth.id,
            auth_bits: auth.key_bits,
            ..self
        }
    }
}

/// What `name` asks for if it begins with this spelling of the cipher.
fn esp_as(name: &str, cipher: &'static Cipher, family: &str, mode: &str) -> Option<AlgChoice> {
    let (size, rest) = digits(name.strip_prefix(family)?);
    let encrypt_bits = sizes(cipher, size)?;
    let choice = AlgChoice {
        encrypt: cipher.id,
        encrypt_bits,
        sized_by_name: !size.is_empty(),
        ..AlgChoice::NONE
    };
    match rest.strip_prefix(mode)?.strip_prefix('-') {
        Some(auth) if !cipher.is_aead() => {
            let auth = AUTHS.iter().find(|row| row.names.contains(&auth))?;
            Some(choice.with_auth(auth))
        }
        None if rest.len() == mode.len() && (cipher.is_aead() || cipher.id == ENC_3DES) => {
            Some(choice)
        }
        _ => None,
    }
}

/// The sizes in bits that the key may have when `size` stands behind the family.
fn sizes(cipher: &'static Cipher, size: &str) -> Option<&'static [u16]> {
    let all = match cipher.key_bits {
        [0] => &[],
        all => all,
    };
    if size.is_empty() {
        return Some(all);
    }
    // Where there is just one size, it is in no name.
    if size.starts_with('0') || all.len() < 2 {
        return None;
    }
    let wanted = size.parse::<u16>().ok()?.checked_add(cipher.salt_bits)?;
    all.iter()
        .find(|bits| **bits == wanted)
        .map(slice::from_ref)
}

/// The digits at the beginning, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text.strip_suffix(rest).unwrap_or(""), rest)
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;
    use std::{format, string::String, vec::Vec};

    fn numbers(name: &str) -> Option<(u8, u8, u16, &'static [u16])> {
        AlgChoice::esp(name).map(|choice| {
            let AlgChoice {
                auth,
                encrypt,
                auth_bits,
                encrypt_bits,
                ..
            } = choice;
            (auth, encrypt, auth_bits, encrypt_bits)
        })
    }

    #[test]
    fn classic_names() {
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
        for (name, auth, encrypt, auth_bits, bits) in table {
            let wanted = Some((*auth, *encrypt, *auth_bits, *bits));
            assert_eq!(numbers(name), wanted, "{name}");
        }
    }

    #[test]
    fn newer_names() {
        let table: &[(&str, u8, u8, u16, &[u16])] = &[
            ("null-md5-96", 2, 11, 128, &[]),
            ("aes-cbc-sha1", 3, 12, 160, &[128, 192, 256]),
            ("aes128-aes-xcbc-96", 9, 12, 128, &[128]),
            ("aes_cbc256-aes_cmac", 250, 12, 128, &[256]),
            ("aes192-ctr-sha2-384-192", 6, 13, 384, &[224]),
            ("aes_ctr-sha2_512", 7, 13, 512, &[160, 224, 288]),
            ("aes256-ccm-8", 0, 14, 0, &[280]),
            ("aes-ccm-12", 0, 15, 0, &[152, 216, 280]),
            ("aes_ccm", 0, 16, 0, &[152, 216, 280]),
            ("aes128-gcm-8", 0, 18, 0, &[160]),
            ("aes_gcm_b256", 0, 19, 0, &[288]),
            ("aes192-gcm-16", 0, 20, 0, &[224]),
            ("camellia192-sha256", 5, 22, 256, &[192]),
            ("aes256-gmac", 0, 23, 0, &[288]),
            ("chacha20-poly1305", 0, 28, 0, &[288]),
            ("serpent256-sha2-256-96", 252, 252, 256, &[256]),
            ("twofish-sha1", 3, 253, 160, &[128, 192, 256]),
        ];
        for (name, auth, encrypt, auth_bits, bits) in table {
            let wanted = Some((*auth, *encrypt, *auth_bits, *bits));
            assert_eq!(numbers(name), wanted, "{name}");
        }
    }

    #[test]
    fn no_names() {
        for bad in [
            "",
            "-",
            "des",
            "des-md5",
            "aes",
            "aes128",
            "aes-",
            "aes-ctr",
            "aes-cbc",
            "aes512-sha1",
            "aes64-sha1",
            "aes0128-sha1",
            "aes128-md4",
            "-md5",
            "3des-",
            "3des-gcm",
            "3des192-md5",
            "aes-gcm-sha1",
            "aes-gcm-10",
            "aes_gcm-16",
            "aes-gmac-sha1",
            "null",
            "null128-md5",
            "chacha20",
            "chacha20-poly1305256",
            "chacha20-poly1305-sha1",
            "AES-GCM",
            "aes99999-sha1",
        ] {
            assert_eq!(AlgChoice::esp(bad), None, "{bad}");
        }
    }

    /// The names of a cipher, with the bits that each fixes.
    fn cipher_names(cipher: &'static Cipher) -> Vec<(String, &'static [u16])> {
        let mut names = Vec::new();
        for (family, mode) in cipher.names {
            let all = sizes(cipher, "").unwrap();
            names.push((format!("{family}{mode}"), all));
            if all.len() > 1 {
                for bits in all {
                    let size = bits - cipher.salt_bits;
                    names.push((format!("{family}{size}{mode}"), slice::from_ref(bits)));
                }
            }
        }
        names
    }

    #[test]
    fn every_name_of_the_table_means_its_row() {
        for cipher in CIPHERS {
            for (name, bits) in cipher_names(cipher) {
                if cipher.is_aead() || cipher.id == ENC_3DES {
                    assert_eq!(numbers(&name), Some((0, cipher.id, 0, bits)), "{name}");
                }
                for auth in AUTHS {
                    for auth_name in auth.names {
                        let both = format!("{name}-{auth_name}");
                        let wanted = (!cipher.is_aead()).then_some((
                            auth.id,
                            cipher.id,
                            auth.key_bits,
                            bits,
                        ));
                        assert_eq!(numbers(&both), wanted, "{both}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_a_name_asks_for_can_be_had() {
        for cipher in CIPHERS {
            for auth in AUTHS {
                let name = match auth.names.first() {
                    Some(auth) => format!("{}-{auth}", cipher_names(cipher)[0].0),
                    None => cipher_names(cipher)[0].0.clone(),
                };
                let Some(choice) = AlgChoice::esp(&name) else {
                    continue;
                };
                let bits = choice.encrypt_bits.first().copied().unwrap_or(0);
                let made = suite(choice.auth, choice.encrypt, choice.auth_bits, bits);
                assert!(made.is_ok(), "{name}: {made:?}");
            }
        }
    }

    #[test]
    fn ah_and_comp_names() {
        for (name, number, bits) in [
            ("hmac-md5-96", 2, 128),
            ("hmac-sha1-96", 3, 160),
            ("hmac-sha2-256-128", 5, 256),
            ("hmac-sha2_256-128", 5, 256),
            ("hmac-sha2-384-192", 6, 384),
            ("hmac-sha2-512-256", 7, 512),
            ("hmac-sha2-256-96", 252, 256),
            ("aes-xcbc-96", 9, 128),
            ("aes-cmac-96", 250, 128),
        ] {
            let choice = AlgChoice::ah(name).unwrap();
            assert_eq!((choice.auth, choice.auth_bits), (number, bits), "{name}");
            assert_eq!((choice.encrypt, choice.encrypt_bits), (0, &[][..]));
            assert!(super::super::ah_suite(number, bits).is_ok(), "{name}");
        }
        assert_eq!(AlgChoice::ah("md5"), None);
        assert_eq!(AlgChoice::ah(""), None);
        assert_eq!(AlgChoice::comp("deflate").map(|c| c.encrypt), Some(2));
        assert_eq!(AlgChoice::comp("lzs").map(|c| c.encrypt), Some(3));
        assert_eq!(AlgChoice::comp("zip"), None);
    }
}
