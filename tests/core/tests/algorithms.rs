// SPDX-License-Identifier: GPL-2.0-only

//! `Documentation/algorithms.md` says what the table of algorithms has.

use klips_core::sa::alg::{
    ah_suite, auth_xform, comp_driver, enc_xform, suite, supported, AlgChoice,
};
use klips_core::said::SaProto;

const DOCUMENT: &str = include_str!("../../../Documentation/algorithms.md");

/// The cells of the rows under a heading.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').skip(1).map(str::trim).collect())
        .collect()
}

fn names(cell: &str) -> Vec<&str> {
    cell.split(", ")
        .map(|name| name.trim_matches('`'))
        .collect()
}

fn numbers(cell: &str) -> Vec<u16> {
    let words = cell.split(", ").filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap()).collect()
}

/// The listed name, which may be a number.
fn listed(cell: &str, id: u8, name: Option<&str>) {
    let name = name.map_or(format!("_ID{id}"), str::to_owned);
    assert_eq!(cell.trim_matches('`'), name);
}

#[test]
fn ciphers_are_documented() {
    let rows = rows("Encryption");
    for row in &rows {
        let [name, id, key, iv, block, icv, kernel, listed_as, ..] = row[..] else {
            panic!("{row:?}");
        };
        let id = id.parse().unwrap();
        for name in names(name) {
            let alone = AlgChoice::esp(name).filter(|choice| !icv.is_empty() || choice.auth != 0);
            let choice = alone.or_else(|| AlgChoice::esp(&format!("{name}-sha1")));
            let choice = choice.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(
                (choice.encrypt, choice.encrypt_bits),
                (id, &numbers(key)[..]),
                "{name}"
            );
            let bits = choice.encrypt_bits.first().copied().unwrap_or(0);
            let suite = suite(choice.auth, id, choice.auth_bits, bits).unwrap();
            assert_eq!(suite.iv_len, iv.parse().unwrap(), "{name}");
            assert_eq!(suite.block, block.parse().unwrap(), "{name}");
            assert_eq!(suite.aead, !icv.is_empty(), "{name}");
            let driver = suite.driver();
            if suite.aead {
                assert_eq!(suite.icv_len * 8, icv.parse().unwrap(), "{name}");
                assert_eq!(driver.to_str().unwrap(), kernel.trim_matches('`'), "{name}");
            } else {
                let whole = format!("authenc(hmac(sha1),{})", kernel.trim_matches('`'));
                assert_eq!(driver.to_str().unwrap(), whole, "{name}");
            }
        }
        listed(listed_as, id, enc_xform(id));
    }
    // 3DES is announced twice.
    assert_eq!(rows.len(), supported(SaProto::Esp).1.len() - 1);
}

#[test]
fn authentication_is_documented() {
    let rows = rows("Authentication");
    for row in &rows {
        let [esp, ah, id, key, icv, kernel, listed_as, ..] = row[..] else {
            panic!("{row:?}");
        };
        let id = id.parse().unwrap();
        let key = key.parse().unwrap();
        for name in names(esp) {
            let choice = AlgChoice::esp(&format!("aes-{name}")).unwrap();
            assert_eq!((choice.auth, choice.auth_bits), (id, key), "{name}");
        }
        for name in names(ah) {
            let choice = AlgChoice::ah(name).unwrap();
            assert_eq!((choice.auth, choice.auth_bits), (id, key), "{name}");
        }
        let suite = ah_suite(id, key).unwrap();
        assert_eq!(suite.icv_len * 8, icv.parse().unwrap(), "{id}");
        assert_eq!(suite.driver.to_str().unwrap(), kernel.trim_matches('`'));
        listed(listed_as, id, auth_xform(id));
    }
    assert_eq!(rows.len(), supported(SaProto::Ah).0.len());
}

#[test]
fn compression_is_documented() {
    for row in rows("Compression") {
        let choice = AlgChoice::comp(row[0].trim_matches('`')).unwrap();
        assert_eq!(choice.encrypt, row[1].parse().unwrap());
        let driver = comp_driver(choice.encrypt).map_or("none", |name| name.to_str().unwrap());
        assert_eq!(driver, row[2].trim_matches('`'));
    }
}
