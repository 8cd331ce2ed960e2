// SPDX-License-Identifier: GPL-2.0-only

//! Per-CPU event counters: written without a shared cache line, read by adding up.
//!
//! C header: [`include/linux/percpu.h`](srctree/include/linux/percpu.h)

use super::raw;
use kernel::prelude::*;

/// `N` counters of 64 bits for each CPU.
///
/// # Invariants
///
/// `0` points at a live per-CPU allocation of `N` counters.
pub(crate) struct Counters<const N: usize>(*mut u64);

// SAFETY: The allocation is shared by nature; each access is to the current CPU's part or a plain read.
unsafe impl<const N: usize> Send for Counters<N> {}
// SAFETY: As above.
unsafe impl<const N: usize> Sync for Counters<N> {}

impl<const N: usize> Counters<N> {
    /// Allocates zeroed counters. Process context; fails with `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: An allocation has no requirements.
        let ptr = unsafe { raw::klips_counters_alloc(N as u32) };
        if ptr.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: Just allocated for `N` counters.
        Ok(Self(ptr))
    }

    /// Adds `n` to counter `index`; an index out of range does nothing. Any context.
    #[inline]
    pub(crate) fn add(&self, index: usize, n: u64) {
        if index < N {
            // SAFETY: By the type invariant, and `index` is within the allocation.
            unsafe { raw::klips_counters_add(self.0, index as u32, n) };
        }
    }

    /// The sum of counter `index` over all CPUs; 0 if out of range. Any context.
    pub(crate) fn sum(&self, index: usize) -> u64 {
        if index < N {
            // SAFETY: By the type invariant, and `index` is within the allocation.
            unsafe { raw::klips_counters_sum(self.0, index as u32) }
        } else {
            0
        }
    }
}

impl<const N: usize> Drop for Counters<N> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody else has a reference any more.
        unsafe { raw::klips_counters_free(self.0) };
    }
}
