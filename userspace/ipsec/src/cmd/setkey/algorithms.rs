// SPDX-License-Identifier: GPL-2.0-only

//! The algorithms of the language: names, numbers, and how long their keys are.
//!
//! The numbers are those of Linux, and those of KLIPS where Linux has none. What KAME has besides is known by name, so that it can be refused with a reason.

use klips_core::pfkey::linux::SaType;

/// An algorithm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    /// Names, the one of listings first.
    pub(super) names: &'static [&'static str],
    /// Its number.
    pub(super) number: u8,
    /// How long its key may be.
    pub(super) key: KeyBits,
    /// The cipher authenticates by itself.
    pub(super) is_aead: bool,
}

/// Lengths of a key, in bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyBits {
    /// No key.
    None,
    /// One of these.
    OneOf(&'static [u16]),
    /// From one to the other in steps of 8.
    Between(u16, u16),
}

impl KeyBits {
    /// Whether a key may have so many bits.
    pub(super) fn fits(&self, bits: usize) -> bool {
        match self {
            Self::None => bits == 0,
            Self::OneOf(list) => list.iter().any(|one| usize::from(*one) == bits),
            Self::Between(min, max) => (usize::from(*min)..=usize::from(*max)).contains(&bits),
        }
    }

    /// The lengths in words.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::None => "no key".to_owned(),
            Self::OneOf([only]) => format!("a key of {only} bits"),
            Self::OneOf(list) => {
                let list: Vec<String> = list.iter().map(u16::to_string).collect();
                let (last, others) = list
                    .split_last()
                    .map_or(("", [].as_slice()), |(l, o)| (l, o));
                format!("a key of {} or {last} bits", others.join(", "))
            }
            Self::Between(min, max) => format!("a key of {min} to {max} bits"),
        }
    }
}

const fn plain(names: &'static [&'static str], number: u8, key: KeyBits) -> Algorithm {
    Algorithm {
        names,
        number,
        key,
        is_aead: false,
    }
}

const fn aead(names: &'static [&'static str], number: u8, key: KeyBits) -> Algorithm {
    Algorithm {
        is_aead: true,
        ..plain(names, number, key)
    }
}

const AES: KeyBits = KeyBits::OneOf(&[128, 192, 256]);
/// With a nonce of four bytes behind the key.
const AES_NONCE4: KeyBits = KeyBits::OneOf(&[160, 224, 288]);
/// With a nonce of three bytes behind the key.
const AES_NONCE3: KeyBits = KeyBits::OneOf(&[152, 216, 280]);

/// Behind `-E`.
pub(super) const CIPHERS: &[Algorithm] = &[
    plain(&["null", "simple"], 11, KeyBits::None),
    plain(&["des-cbc"], 2, KeyBits::OneOf(&[64])),
    plain(&["3des-cbc"], 3, KeyBits::OneOf(&[192])),
    plain(&["cast128-cbc"], 6, KeyBits::Between(40, 128)),
    plain(&["blowfish-cbc"], 7, KeyBits::Between(40, 448)),
    plain(&["aes-cbc", "rijndael-cbc"], 12, AES),
    plain(&["aes-ctr"], 13, AES_NONCE4),
    aead(&["aes-ccm-8"], 14, AES_NONCE3),
    aead(&["aes-ccm-12"], 15, AES_NONCE3),
    aead(&["aes-ccm-16"], 16, AES_NONCE3),
    aead(&["aes-gcm-8"], 18, AES_NONCE4),
    aead(&["aes-gcm-12"], 19, AES_NONCE4),
    aead(&["aes-gcm-16"], 20, AES_NONCE4),
    plain(&["camellia-cbc"], 22, AES),
    aead(&["aes-gmac"], 23, AES_NONCE4),
    aead(&["chacha20-poly1305"], 28, KeyBits::OneOf(&[288])),
    plain(&["serpent-cbc"], 252, AES),
    plain(&["twofish-cbc"], 253, AES),
];

/// Behind `-A`.
pub(super) const HASHES: &[Algorithm] = &[
    plain(&["hmac-md5"], 2, KeyBits::OneOf(&[128])),
    plain(&["hmac-sha1"], 3, KeyBits::OneOf(&[160])),
    plain(&["hmac-sha256", "hmac-sha2-256"], 5, KeyBits::OneOf(&[256])),
    plain(&["hmac-sha384", "hmac-sha2-384"], 6, KeyBits::OneOf(&[384])),
    plain(&["hmac-sha512", "hmac-sha2-512"], 7, KeyBits::OneOf(&[512])),
    plain(&["hmac-ripemd160"], 8, KeyBits::OneOf(&[160])),
    plain(&["aes-xcbc-mac"], 9, KeyBits::OneOf(&[128])),
    plain(&["aes-cmac"], 250, KeyBits::OneOf(&[128])),
    plain(&["null"], 251, KeyBits::None),
    plain(
        &["hmac-sha256-96", "hmac-sha2-256-96"],
        252,
        KeyBits::OneOf(&[256]),
    ),
];

/// Behind `-C`.
pub(super) const COMPRESSIONS: &[Algorithm] = &[
    plain(&["oui"], 1, KeyBits::None),
    plain(&["deflate"], 2, KeyBits::None),
    plain(&["lzs"], 3, KeyBits::None),
    plain(&["lzjh"], 4, KeyBits::None),
];

/// What KAME has, and no Linux: names, and why.
const OF_KAME: &[(&str, &str)] = &[
    (
        "des-deriv",
        "the transforms of RFC 1829 are on the BSDs alone",
    ),
    (
        "des-32iv",
        "the transforms of RFC 1829 are on the BSDs alone",
    ),
    (
        "keyed-md5",
        "the transforms of RFC 1828 are on the BSDs alone",
    ),
    (
        "keyed-sha1",
        "the transforms of RFC 1852 are on the BSDs alone",
    ),
    (
        "tcp-md5",
        "a program sets TCP signatures on its socket on Linux",
    ),
];

/// The algorithm of this name.
///
/// # Errors
///
/// Why there is none.
pub(super) fn find(
    table: &'static [Algorithm],
    what: &str,
    name: &str,
) -> Result<&'static Algorithm, String> {
    if let Some(found) = table.iter().find(|one| one.names.contains(&name)) {
        return Ok(found);
    }
    if let Some((_, why)) = OF_KAME.iter().find(|(known, _)| *known == name) {
        return Err(format!("{name} is not supported: {why}"));
    }
    let known: Vec<&str> = table.iter().flat_map(|one| one.names).copied().collect();
    Err(format!(
        "there is no {what} algorithm '{name}'; known are {}",
        known.join(", ")
    ))
}

/// What listings have for this number.
pub(super) fn name(table: &[Algorithm], number: u8) -> Option<&'static str> {
    let found = table.iter().find(|one| one.number == number)?;
    found.names.first().copied()
}

/// The name of the cipher, or the compression, of an SA.
pub(super) fn cipher_name(satype: SaType, number: u8) -> Option<&'static str> {
    match satype {
        SaType::IpComp => name(COMPRESSIONS, number),
        SaType::Ah | SaType::Esp => name(CIPHERS, number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_there_once() {
        for table in [CIPHERS, HASHES, COMPRESSIONS] {
            let mut names: Vec<&str> = table.iter().flat_map(|one| one.names).copied().collect();
            let mut numbers: Vec<u8> = table.iter().map(|one| one.number).collect();
            let counts = (names.len(), numbers.len());
            names.sort_unstable();
            names.dedup();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!((names.len(), numbers.len()), counts);
        }
    }

    #[test]
    fn what_is_missing_is_told_with_a_reason() {
        let why = |name| find(HASHES, "authentication", name).unwrap_err();
        assert!(why("keyed-md5").contains("BSDs"));
        assert!(why("sha1").contains("known are hmac-md5, hmac-sha1"));
        assert_eq!(find(CIPHERS, "x", "rijndael-cbc").unwrap().number, 12);
        assert_eq!(AES.wanted(), "a key of 128, 192 or 256 bits");
        assert!(AES.fits(192) && !AES.fits(193) && KeyBits::Between(40, 448).fits(448));
    }
}
