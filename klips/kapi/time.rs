// SPDX-License-Identifier: GPL-2.0-only

//! The coarse clock that lifetimes are counted by.
//!
//! C header: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h)

use super::raw;

/// Seconds since boot, time asleep included; at least 1. Any context.
#[inline]
pub(crate) fn uptime_secs() -> u64 {
    // SAFETY: No requirement.
    unsafe { raw::klips_uptime_secs() }.max(1)
}

/// Seconds since 1970 by the wall clock. Any context.
pub(crate) fn wall_secs() -> u64 {
    // SAFETY: No requirement.
    unsafe { raw::klips_wall_secs() }
}

/// Milliseconds since boot, time asleep included, as of the last tick of the clock. Any context.
pub(crate) fn uptime_millis() -> u64 {
    // SAFETY: No requirement.
    unsafe { raw::klips_uptime_millis() }
}
