// SPDX-License-Identifier: GPL-2.0-only

//! Damaged messages: whatever is done to them, the answer is a request or one of few errors, and never a panic.

use super::captured::*;
use super::*;

const ALL: [&str; 6] = [GETSPI, ADD, SPDUPDATE, SPDGET, REGISTER, LARVAL];

#[test]
fn every_truncation() {
    for sample in ALL {
        let whole = hex(sample);
        for len in 0..whole.len() {
            let mut cut = whole[..len].to_vec();
            assert_eq!(read(&cut), Err(SendError(Errno::Emsgsize)));
            if len >= 16 && len % 8 == 0 {
                set_len(&mut cut);
                survive(&cut);
            }
        }
    }
}

#[test]
fn every_byte_changed() {
    for sample in ALL {
        let mut bytes = hex(sample);
        for at in 0..bytes.len() {
            let old = bytes[at];
            for new in [
                0,
                1,
                2,
                3,
                4,
                8,
                0x10,
                0x12,
                0x18,
                0x7f,
                0x80,
                0xff,
                old ^ 1,
            ] {
                bytes[at] = new;
                survive(&bytes);
            }
            bytes[at] = old;
        }
    }
}

#[test]
fn random_damage() {
    let mut seed = 1_u64;
    let mut below = |n: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    for round in 0..20_000 {
        let mut bytes = hex(ALL[round % ALL.len()]);
        for _ in 0..=below(4) {
            let at = below(bytes.len() / 8) * 8;
            match below(5) {
                0 => bytes.truncate(at.max(16)),
                1 => bytes.extend_from_within(at..),
                2 if at >= 16 => drop(bytes.drain(at..at + 8)),
                _ => {
                    let at = below(bytes.len());
                    bytes[at] = below(256) as u8;
                }
            }
        }
        set_len(&mut bytes);
        survive(&bytes);
    }
}
