// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY against the bytes of the classic tools, against every kind of broken message, and against itself.

mod golden;
mod headers;
mod mutate;
mod refuse;
mod replies;
mod roundtrip;
mod samples;
mod survive;
mod tell;

use self::survive::{read, recompose, survive};
use super::*;
use std::vec::Vec;

/// Bytes of a string of hex digits; blanks are for the reader.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| char::from(byte).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect()
}

/// A message that has to be good.
fn request(bytes: &[u8]) -> Request<'_> {
    read(bytes).expect("a message").expect("a request")
}
