// SPDX-License-Identifier: GPL-2.0-only

//! A set of everything that was ever seen, which is what a replay window stands for.

use std::collections::HashSet;

/// What a replay window of `size` must know.
pub struct Model {
    size: u16,
    /// The newest number.
    pub last: u64,
    /// All numbers that were taken.
    pub seen: HashSet<u64>,
    /// The longest gap.
    pub skipped: u64,
}

impl Model {
    /// A window that has seen nothing.
    pub fn new(size: u16) -> Self {
        Self {
            size,
            last: 0,
            seen: HashSet::new(),
            skipped: 0,
        }
    }

    /// Whether it must take this number.
    pub fn accepts(&self, seq: u64) -> bool {
        if self.size == 0 {
            return true;
        }
        let in_window = seq > self.last || self.last - seq < u64::from(self.size);
        seq != 0 && in_window && !self.seen.contains(&seq)
    }

    /// Takes it.
    pub fn record(&mut self, seq: u64) {
        if self.size == 0 {
            return;
        }
        self.seen.insert(seq);
        if seq > self.last {
            self.skipped = self.skipped.max(seq - self.last - 1);
            self.last = seq;
        }
    }
}
