// SPDX-License-Identifier: GPL-2.0-only

//! Algorithms by the names that people type.

use super::{AUTH_MD5, AUTH_SHA1, AUTH_SHA2_256, ENC_3DES, ENC_AES, ENC_AES_GCM_16, NONE};
use crate::addr::split_once;

/// What `--esp 3des-md5-96` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EspChoice {
    /// PF_KEY encryption algorithm.
    pub enc: u8,
    /// PF_KEY authentication algorithm, 0 for none.
    pub auth: u8,
    /// The key length that the name fixes, in bits with the salt of AEADs; `None` where the key decides.
    pub enc_key_bits: Option<u16>,
}

const CIPHERS: [(&str, u8, Option<u16>); 9] = [
    ("3des", ENC_3DES, Some(192)),
    ("aes", ENC_AES, None),
    ("aes128", ENC_AES, Some(128)),
    ("aes192", ENC_AES, Some(192)),
    ("aes256", ENC_AES, Some(256)),
    ("aesgcm", ENC_AES_GCM_16, None),
    ("aesgcm128", ENC_AES_GCM_16, Some(160)),
    ("aesgcm192", ENC_AES_GCM_16, Some(224)),
    ("aesgcm256", ENC_AES_GCM_16, Some(288)),
];

const AUTHS: [(&str, u8); 8] = [
    ("md5-96", AUTH_MD5),
    ("md5", AUTH_MD5),
    ("sha1-96", AUTH_SHA1),
    ("sha1", AUTH_SHA1),
    ("sha2_256-128", AUTH_SHA2_256),
    ("sha2_256", AUTH_SHA2_256),
    ("sha256-128", AUTH_SHA2_256),
    ("sha256", AUTH_SHA2_256),
];

/// The ESP transform of a name `<cipher>` or `<cipher>-<auth>`, such as `3des-md5-96`, `aes128-sha1` or `aesgcm256`.
///
/// An authentication algorithm beside an AEAD is no name.
pub fn parse_esp(name: &str) -> Option<EspChoice> {
    let (cipher, auth) = match split_once(name, b'-') {
        Some((cipher, auth)) => (cipher, Some(auth)),
        None => (name, None),
    };
    let (_, enc, enc_key_bits) = CIPHERS.into_iter().find(|(known, ..)| *known == cipher)?;
    let auth = match auth {
        None => NONE,
        Some(_) if enc == ENC_AES_GCM_16 => return None,
        Some(auth) => AUTHS
            .into_iter()
            .find_map(|(known, id)| (known == auth).then_some(id))?,
    };
    Some(EspChoice {
        enc,
        auth,
        enc_key_bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classic_and_new_names() {
        let choice =
            |name| parse_esp(name).map(|choice| (choice.enc, choice.auth, choice.enc_key_bits));
        assert_eq!(choice("3des-md5-96"), Some((3, 2, Some(192))));
        assert_eq!(choice("3des-sha1-96"), Some((3, 3, Some(192))));
        assert_eq!(choice("3des"), Some((3, 0, Some(192))));
        assert_eq!(choice("aes128-sha1"), Some((12, 3, Some(128))));
        assert_eq!(choice("aes-sha1-96"), Some((12, 3, None)));
        assert_eq!(choice("aes256-sha2_256"), Some((12, 5, Some(256))));
        assert_eq!(choice("aesgcm128"), Some((20, 0, Some(160))));
        for wrong in [
            "",
            "des",
            "aes-",
            "aes-md4",
            "-md5",
            "aesgcm-sha1",
            "AES",
            "aes64",
        ] {
            assert_eq!(parse_esp(wrong), None, "{wrong}");
        }
    }
}
