// SPDX-License-Identifier: GPL-2.0-only

//! The dialect of Linux: what af_key and its clients said, every broken message, and the dialect against itself.

#![cfg(target_endian = "little")]

pub(in crate::pfkey) mod captured;
mod damaged;
mod refused;
mod roundtrip;
mod survive;

use std::vec::Vec;

use self::survive::{composed, read, survive, ORIGIN};
use super::*;
use crate::pfkey::build::Origin;
use crate::pfkey::tests::hex;
use crate::pfkey::{envelope, Errno, SendError};

/// A message of the other direction that has to be good.
fn told(bytes: &[u8]) -> Message<'_> {
    message(&envelope::open(bytes).expect("a message")).expect("something known")
}

/// Puts the length of a message into its header.
fn set_len(bytes: &mut [u8]) {
    let words = (bytes.len() / 8) as u16;
    bytes[4..6].copy_from_slice(&words.to_ne_bytes());
}

/// A network without port and protocol.
fn net(addr: &str, prefix_len: u8) -> Endpoint {
    Endpoint {
        prefix_len,
        ..Endpoint::whole(addr.parse().unwrap())
    }
}
