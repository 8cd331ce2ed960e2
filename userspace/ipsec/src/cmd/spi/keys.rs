// SPDX-License-Identifier: GPL-2.0-only

//! Whether the keys of a new SA fit its algorithms.

use klips_core::pfkey::ext::Key as RawKey;

use super::NewSa;
use crate::keytext::Key;

/// Checks that there is a key where one is needed, none where none is, and that a key is of the size that the
/// algorithm's name tells. Other sizes are the kernel's to judge.
pub(super) fn check(sa: &NewSa) -> Result<(), String> {
    let NewSa {
        suite, algorithm, ..
    } = sa;
    let present = |needed: bool, there: bool, what: &str, option: &str| match (needed, there) {
        (true, false) => Err(format!(
            "'{algorithm}' needs an {what} key; give it with {option}"
        )),
        (false, true) => Err(format!("'{algorithm}' takes no {what} key")),
        _ => Ok(()),
    };
    present(
        suite.auth_bits != 0,
        sa.auth_key.is_some(),
        "authentication",
        "--authkey",
    )?;
    present(
        !suite.encrypt_bits.is_empty(),
        sa.encrypt_key.is_some(),
        "encryption",
        "--enckey",
    )?;
    let size = bits(sa.encrypt_key.as_ref());
    if suite.sized_by_name && !suite.encrypt_bits.contains(&size) {
        let want = one_of(suite.encrypt_bits);
        return Err(format!(
            "the encryption key has {size} bits, and '{algorithm}' takes {want}"
        ));
    }
    Ok(())
}

/// What is odd about the keys, if the kernel has refused them.
pub(super) fn trouble(sa: &NewSa) -> Option<String> {
    let NewSa {
        suite, algorithm, ..
    } = sa;
    let auth = bits(sa.auth_key.as_ref());
    if auth != suite.auth_bits {
        let want = suite.auth_bits;
        return Some(format!(
            "the authentication key has {auth} bits, and {algorithm} takes {want}"
        ));
    }
    let encrypt = bits(sa.encrypt_key.as_ref());
    if suite.encrypt_bits.is_empty() || suite.encrypt_bits.contains(&encrypt) {
        return None;
    }
    let want = one_of(suite.encrypt_bits);
    Some(format!(
        "the encryption key has {encrypt} bits, and {algorithm} takes {want}"
    ))
}

/// Bits in a key, 0 if there is none.
fn bits(key: Option<&Key>) -> u16 {
    let bytes = key.map_or(0, |key| key.len());
    u16::try_from(bytes.saturating_mul(8)).unwrap_or(u16::MAX)
}

/// The key as a message carries it.
pub(super) fn raw(key: &Key) -> RawKey<'_> {
    RawKey {
        bits: bits(Some(key)),
        bytes: key,
    }
}

/// `128, 192 or 256`.
fn one_of(sizes: &[u16]) -> String {
    let texts: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    match texts.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => texts.join(""),
    }
}
