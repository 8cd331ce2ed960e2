// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY messages by construction: well-formed ones, of which some are damaged then.
//!
//! Bytes at random hardly get past the header. Here they choose a message, the extensions that it must and may have, what
//! is in those, and at last a few blows that make it wrong in one place.

mod klips;
mod linux;

use crate::pfkey::message;
use ipsec_tools::rehearse::shown;
use klips_core_tests::Rng;
use std::net::IpAddr;

/// Bytes from which on a message does not grow any more.
const LONG: usize = 4096;

/// The bytes choose.
pub fn run(input: &[u8]) {
    let mut choices = Rng::of(input);
    let mut bytes = match choices.one_in(2) {
        true => klips::message(&mut choices),
        false => linux::message(&mut choices),
    };
    message(&bytes);
    // All keys are of this byte, and nothing else can have so many of it: addresses have 8 bytes that are chosen.
    let key = "c0".repeat(12);
    for text in shown(&bytes) {
        assert!(!text.contains(&key), "{text}");
    }
    for _ in 0..choices.below(5) {
        damage(&mut bytes, &mut choices);
        message(&bytes);
    }
}

/// An address, of IPv4 mostly.
fn address(choices: &mut Rng) -> IpAddr {
    match choices.below(4) {
        0 => IpAddr::from(u128::from(choices.bits()).rotate_left(64).to_be_bytes()),
        1 => IpAddr::from([0; 4]),
        _ => IpAddr::from([10, 0, choices.below(3) as u8, choices.below(3) as u8]),
    }
}

/// A number at an edge of something, or any.
fn edge(choices: &mut Rng) -> u32 {
    match choices.below(4) {
        0 => choices.pick(&[0, 1, 255, 256, 0x7fff, 0x8000, 0xffff, 1 << 31, u32::MAX]),
        1 => choices.bits() as u32,
        _ => 0x100 + choices.below(0x1000) as u32,
    }
}

/// One thing goes wrong. The length in the header is made right again, mostly.
fn damage(bytes: &mut Vec<u8>, choices: &mut Rng) {
    let words = (bytes.len() / 8) as u64;
    let at = 8 * choices.below(words) as usize;
    match choices.below(8) {
        0 => bytes.truncate(at.max(16)),
        1 if bytes.len() < LONG => bytes.extend_from_within(at..),
        2 if at >= 16 => drop(bytes.drain(at..at + 8)),
        3 => bytes.extend([0; 8]),
        4 => bytes[at] = choices.below(64) as u8,
        5 if at + 4 <= bytes.len() => bytes[at + 2] = choices.below(64) as u8,
        6 => bytes.swap(at, at + choices.below(8) as usize),
        _ => {
            let at = choices.below(bytes.len() as u64) as usize;
            bytes[at] = choices.bits() as u8;
        }
    }
    if !choices.one_in(8) {
        let words = (bytes.len() / 8) as u16;
        bytes[4..6].copy_from_slice(&words.to_ne_bytes());
    }
}
