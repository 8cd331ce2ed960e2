// SPDX-License-Identifier: GPL-2.0-only

//! Bytes that somebody writes to a PF_KEY socket, in both dialects, and how the tools show them.

use ipsec_tools::rehearse::shown;
use klips_core::pfkey::tell::{blank_keys, tell};
use klips_core::pfkey::walk::Extensions;
use klips_core::pfkey::{envelope, sockopt, ExtType};
use klips_core_tests::{pfkey, pfkey_linux};

/// Bytes of the header, and of the units of all lengths.
const HEADER: usize = 16;
const WORD: usize = 8;

/// The bytes are a message; if its length is wrong, then also with the right one, as most mistakes are behind it.
pub fn run(input: &[u8]) {
    message(input);
    let whole = input.len() / WORD * WORD;
    if let Ok(words) = u16::try_from(whole / WORD) {
        if whole >= HEADER {
            let mut right = input[..whole].to_vec();
            right[0] = 2;
            right[4..6].copy_from_slice(&words.to_ne_bytes());
            right[6..8].fill(0);
            message(&right);
        }
    }
    let _ = sockopt::exemption(input);
}

/// What must be true of every message.
pub fn message(bytes: &[u8]) {
    pfkey::survive(bytes);
    pfkey_linux::survive(bytes);
    if let Ok(envelope) = envelope::check(bytes) {
        let _ = tell(&envelope);
    }
    no_keys_are_left(bytes);
    drop(shown(bytes));
}

/// Whatever the message is, once it is blanked it shows no key.
fn no_keys_are_left(bytes: &[u8]) {
    let mut blanked = bytes.to_vec();
    blank_keys(&mut blanked);
    assert_eq!(blanked.len(), bytes.len());
    let body = blanked.get(HEADER..).unwrap_or(&[]);
    for extension in Extensions::new(body).flatten() {
        if matches!(
            extension.kind(),
            Some(ExtType::KeyAuth | ExtType::KeyEncrypt)
        ) {
            let key = extension.bytes().get(WORD..).unwrap_or(&[]);
            assert!(key.iter().all(|byte| *byte == 0));
        }
    }
    let before = blanked.clone();
    blank_keys(&mut blanked);
    assert_eq!(blanked, before);
}
