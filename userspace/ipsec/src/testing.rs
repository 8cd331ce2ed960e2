// SPDX-License-Identifier: GPL-2.0-only

//! What the tests of several tools need.

use std::ffi::OsString;

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::{Request, MAX_REPLY};

use crate::error::Error;
use crate::kernel;

/// Words as a process gets them.
pub(crate) fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// The message for a request as hexadecimal digits.
pub(crate) fn message(request: &Request<'_>, seq: u32, pid: u32) -> String {
    let mut buf = [0; MAX_REPLY];
    let message =
        kernel::encode(&mut buf, Origin { seq, pid }, request).expect("a message that fits");
    let mut digits = String::new();
    for byte in message {
        digits.push_str(&format!("{byte:02x}"));
    }
    digits
}

/// Hexadecimal digits without the white space that makes them readable.
pub(crate) fn hex(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Has `read` take a thousand lines of these pieces. Every refusal must end with another status than 0, in whole lines, and
/// without any of the words of `secret`.
pub(crate) fn refusals_are_told<T>(
    pieces: &[&str],
    secret: &[&str],
    read: impl Fn(Vec<OsString>) -> Result<T, Error>,
) {
    let mut random = Random::new(1);
    for _ in 0..1000 {
        let line = random.line(pieces);
        let Err(error) = read(line.clone()) else {
            continue;
        };
        let text = error.stderr();
        assert_ne!(error.status(), 0, "{line:?}");
        assert!(text.is_empty() || text.ends_with('\n'), "{line:?}: {text}");
        assert!(secret.iter().all(|word| !text.contains(word)), "{line:?}");
    }
}

/// A small generator (SplitMix64), the same on every run.
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 1) as usize % n
    }

    /// The sample with a few bytes changed, taken away, put in or written twice.
    pub(crate) fn damaged(&mut self, sample: &[u8], bytes: &[u8]) -> Vec<u8> {
        let mut damaged = sample.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(damaged.len() + 1);
            let byte = bytes[self.below(bytes.len())];
            match (self.below(5), damaged.get_mut(at)) {
                (0, Some(there)) => *there = byte,
                (1, Some(_)) => drop(damaged.remove(at)),
                (2, _) => damaged.truncate(at),
                (3, _) => damaged.extend_from_within(..at),
                _ => damaged.insert(at, byte),
            }
        }
        damaged
    }

    /// A line of some of these pieces, in any order, perhaps without its end.
    pub(crate) fn line(&mut self, pieces: &[&str]) -> Vec<OsString> {
        let count = self.below(9);
        let line: Vec<&str> = (0..count)
            .map(|_| pieces[self.below(pieces.len())])
            .collect();
        let mut line = words(&line.join(" "));
        if self.below(8) == 0 {
            line.pop();
        }
        line
    }
}
