// SPDX-License-Identifier: GPL-2.0-only

//! What was wrong with packets of an SA.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many packets of each fault, for the listing.
#[derive(Default)]
pub(crate) struct Faults {
    /// The window refused them.
    pub(crate) order: Count,
    /// The ICV was wrong.
    pub(crate) icv: Count,
    /// They were of a length that the cipher cannot take.
    pub(crate) size: Count,
    /// The padding was not 1, 2, 3, ….
    pub(crate) padding: Count,
}

/// A count that stays at its largest number.
#[derive(Default)]
pub(crate) struct Count(AtomicU32);

impl Count {
    /// One more. Any context.
    #[cold]
    pub(crate) fn add(&self) {
        let more = |n: u32| n.checked_add(1);
        let _ = self.0.fetch_update(Relaxed, Relaxed, more);
    }

    /// How many.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }
}
