// SPDX-License-Identifier: GPL-2.0-only

//! Telling the dialects apart: no request of either is ever taken for one of the other.

use super::samples::*;
use super::*;
use crate::pfkey::linux::tests::captured;
use crate::pfkey::tell::{blank_keys, tell};

fn told(sample: &str) -> Option<Speech> {
    tell(&envelope::check(&hex(sample)).expect("a message"))
}

/// A request that is its header alone.
fn bare(kind: u8, satype: u8) -> Option<Speech> {
    let bytes = [2, kind, 0, satype, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    tell(&envelope::check(&bytes).expect("a message"))
}

#[test]
fn what_tools_and_daemons_of_klips_send_is_klips() {
    for sample in ALL {
        // To remove all SAs is the same in both.
        let want = (*sample != SPI_CLEAR).then_some(Speech::Klips);
        assert_eq!(told(sample), want, "{sample}");
    }
}

#[test]
fn what_clients_of_af_key_send_is_linux_or_could_be_either() {
    for sample in [captured::ADD, captured::SPDUPDATE, captured::SPDGET] {
        assert_eq!(told(sample), Some(Speech::Linux), "{sample}");
    }
    assert_eq!(told(captured::GETSPI), None);
}

#[test]
fn headers_alone() {
    let rows = [
        // REGISTER for AH and ESP, and FLUSH, are the same in both.
        (7, 2, None),
        (7, 3, None),
        (7, 9, None),
        (9, 0, None),
        (9, 9, None),
        // COMP and INT; nothing; DUMP, PROMISC, SPDDUMP, SPDFLUSH.
        (7, 10, Some(Speech::Klips)),
        (9, 11, Some(Speech::Klips)),
        (7, 0, Some(Speech::Linux)),
        (10, 0, Some(Speech::Linux)),
        (11, 1, Some(Speech::Linux)),
        (18, 0, Some(Speech::Linux)),
        (19, 0, Some(Speech::Linux)),
        // NAT_T_NEW_MAPPING or SPDACQUIRE, which nobody may send.
        (17, 0, None),
    ];
    for (kind, satype, want) in rows {
        assert_eq!(bare(kind, satype), want, "type {kind} satype {satype}");
    }
    for kind in 20..=24 {
        assert_eq!(bare(kind, 0), Some(Speech::Linux), "type {kind}");
    }
}

/// ADD with an SA extension of two words, as FreeS/WAN and strongSwan had it.
fn short_add(satype: u8, encrypt: u8, more: &str) -> Option<Speech> {
    let body = std::format!(
        "02000100 00001234 000100{encrypt:02x} 00000000
         03000500 00000000 02000000 0a000001 00000000 00000000
         03000600 00000000 02000000 0a000002 00000000 00000000 {more}"
    );
    let body = hex(&body);
    let mut bytes = std::vec![2, 3, 0, satype, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
    bytes.extend(body);
    bytes[4] = u8::try_from(bytes.len() / 8).unwrap();
    tell(&envelope::check(&bytes).expect("a message"))
}

#[test]
fn short_sas() {
    assert_eq!(short_add(3, 12, ""), None);
    // Mode and reqid.
    let sa2 = "02001300 02000000 00000000 00000000";
    assert_eq!(short_add(3, 12, sa2), Some(Speech::Linux));
    // IPIP, which has no algorithm, and IPCOMP, which has.
    assert_eq!(short_add(9, 0, ""), Some(Speech::Klips));
    assert_eq!(short_add(9, 2, ""), Some(Speech::Linux));
    assert_eq!(short_add(9, 0, sa2), Some(Speech::Linux));
    // A NAT-T extension of KLIPS, and one of Linux.
    assert_eq!(short_add(3, 12, "01001b00 02000000"), Some(Speech::Klips));
    assert_eq!(short_add(3, 12, "01001400 02000000"), Some(Speech::Linux));
}

#[test]
fn a_larger_group_is_klips() {
    // Nothing but a short SA, which is not enough by itself, and X_GROUP.
    let group = "04002100 00000000 03000200 00001234 0a000002 00000000 00000000 00000000";
    assert_eq!(short_add(3, 12, group), Some(Speech::Klips));
}

#[test]
fn keys_are_blanked_and_nothing_else() {
    let sample = hex(SPI_ADD_ESP);
    let mut shown = sample.clone();
    blank_keys(&mut shown);
    assert_eq!(shown.len(), sample.len());
    for (at, (was, is)) in sample.iter().zip(&shown).enumerate() {
        let key = (96..112).contains(&at) || (120..144).contains(&at);
        assert_eq!(*is, if key { 0 } else { *was }, "byte {at}");
    }
}

#[test]
fn blanking_takes_damaged_messages() {
    let sample = hex(SPI_ADD_ESP);
    for cut in 0..sample.len() {
        let mut shown = sample[..cut].to_vec();
        blank_keys(&mut shown);
        let key = &sample[96..112];
        assert!(
            cut < 112 || !shown.windows(16).any(|part| part == key),
            "{cut}"
        );
    }
    for at in 16..sample.len() {
        for value in [0, 1, 255] {
            let mut shown = sample.clone();
            shown[at] = value;
            blank_keys(&mut shown);
        }
    }
}
