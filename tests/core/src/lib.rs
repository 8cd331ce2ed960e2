// SPDX-License-Identifier: GPL-2.0-only

//! What the tests share: random numbers that are the same on every run, and short ways to name things.

pub mod eroutes;
pub mod lines;
pub mod packets;
pub mod pfkey;
pub mod pfkey_linux;
pub mod replay;
pub mod table;

use klips_core::addr::Subnet;
use klips_core::eroute::Selector;
use klips_core::said::Said;
use std::net::IpAddr;

/// Choices: a small generator (SplitMix64), or bytes that a fuzzer chose. A failing test names its seed, and that seed
/// fails again.
pub struct Rng(Source);

enum Source {
    Seed(u64),
    Bytes(std::vec::IntoIter<u8>),
}

impl Rng {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// The choices that these bytes make, and then zeros.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Source::Bytes(Vec::from(bytes).into_iter()))
    }

    /// Whether there are bytes left.
    pub fn has_more(&self) -> bool {
        match &self.0 {
            Source::Seed(_) => true,
            Source::Bytes(bytes) => !bytes.as_slice().is_empty(),
        }
    }

    /// Sixty-four random bits.
    pub fn bits(&mut self) -> u64 {
        match &mut self.0 {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            Source::Bytes(bytes) => number(bytes, 8),
        }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        match &mut self.0 {
            Source::Seed(_) => self.bits() % n,
            // No more bytes than such a number has.
            Source::Bytes(bytes) => number(bytes, (71 - (n - 1).leading_zeros() as usize) / 8) % n,
        }
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of the `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.bits() as u8).collect()
    }
}

/// So many bytes as a number, the first one lowest.
fn number(bytes: &mut impl Iterator<Item = u8>, len: usize) -> u64 {
    let mut number = 0;
    for (place, byte) in bytes.take(len).enumerate() {
        number |= u64::from(byte) << (8 * place);
    }
    number
}

/// An address.
pub fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A SAID.
pub fn said(text: &str) -> Said {
    Said::parse(text).unwrap()
}

/// A network.
pub fn subnet(text: &str) -> Subnet {
    Subnet::parse(text, None).unwrap()
}

/// The selector of two networks, a protocol and ports.
pub fn selector(src: &str, dst: &str, proto: u8, sport: u16, dport: u16) -> Selector {
    Selector::between(&subnet(src), &subnet(dst), proto, sport, dport).unwrap()
}

/// Bytes from hexadecimal text with blanks and line ends in it.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    assert_eq!(digits.len() % 2, 0, "odd number of digits");
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4) | pair[1])
        .collect()
}
