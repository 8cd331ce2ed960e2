// SPDX-License-Identifier: GPL-2.0-only

//! Damaged messages: whatever is done to them, the answer is a request or one of few errors, and never a panic.

#![cfg(target_endian = "little")]

use super::samples::ALL;
use super::*;

fn set_len(bytes: &mut [u8]) {
    let words = (bytes.len() / WORD) as u16;
    bytes[4..6].copy_from_slice(&words.to_ne_bytes());
}

#[test]
fn every_truncation() {
    for sample in ALL {
        let whole = hex(sample);
        for len in 0..whole.len() {
            let mut cut = whole[..len].to_vec();
            assert_eq!(read(&cut), Err(SendError(Errno::Emsgsize)));
            // The same with a header that agrees, where it can.
            if len >= 16 && len % WORD == 0 {
                set_len(&mut cut);
                assert!(read(&cut).is_ok());
                survive(&cut);
            }
        }
    }
}

#[test]
fn every_flipped_bit() {
    for sample in ALL {
        let mut bytes = hex(sample);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            survive(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn telling_values_of_every_header_byte_and_length() {
    let values: Vec<u8> = (0..=34).chain([63, 64, 65, 127, 128, 254, 255]).collect();
    for sample in ALL {
        let whole = hex(sample);
        // The bytes of the header, then the low byte of every 16 bit field.
        let places = (0..16).chain((16..whole.len()).step_by(2));
        for place in places {
            for value in &values {
                let mut bytes = whole.clone();
                bytes[place] = *value;
                survive(&bytes);
            }
        }
    }
}

/// A generator of the xorshift kind; the seed is the test's own so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn random_splices_and_noise() {
    let samples: Vec<Vec<u8>> = ALL.iter().map(|sample| hex(sample)).collect();
    let mut random = Random(0x5eed_0fac);
    for _ in 0..20_000 {
        let mut bytes = samples[random.below(samples.len())].clone();
        let donor = &samples[random.below(samples.len())];
        // Extensions of one message on the header of another.
        let cut = 16 + WORD * random.below((bytes.len() - 16) / WORD + 1);
        bytes.truncate(cut);
        let from = 16 + WORD * random.below((donor.len() - 16) / WORD + 1);
        bytes.extend_from_slice(&donor[from..]);
        for _ in 0..random.below(4) {
            let place = random.below(bytes.len());
            bytes[place] = random.below(256) as u8;
        }
        if random.below(4) != 0 {
            set_len(&mut bytes);
        }
        survive(&bytes);
    }
}
