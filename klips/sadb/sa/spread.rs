// SPDX-License-Identifier: GPL-2.0-only

//! Whether packets of an SA are decrypted by other processors than those that receive them.

use super::Sa;
use crate::kapi::time;
use core::sync::atomic::{AtomicU32, Ordering};
use klips_core::sa::is_to_spread;

/// One: packets are to be spread. Two for each that is under way.
///
/// As long as any is under way, the next one must go the same way, or it would overtake them; so the way is left only when this
/// is zero, which one look tells.
#[derive(Default)]
pub(crate) struct Spread(AtomicU32);

/// Packets are to be spread.
const WANTED: u32 = 1;
/// A packet is under way.
const PACKET: u32 = 2;
/// How many packets of one SA may be under way. When a processor was held up, all that waited for it come out at once: they must
/// find room in the stack's queues, which is for 1,000 packets (`net.core.netdev_max_backlog`).
const MOST: u32 = 512 * PACKET;

impl Sa {
    /// Whether the next packet received is to be decrypted elsewhere. Any context.
    #[inline]
    pub(crate) fn spreads(&self) -> bool {
        self.moving.spread.0.load(Ordering::Acquire) != 0
    }

    /// A packet goes elsewhere. `false`: too many are there. Softirq.
    pub(crate) fn enter_spread(&self) -> bool {
        let spread = &self.moving.spread.0;
        // Some CPUs may exceed the limit by one packet each.
        let may = spread.load(Ordering::Relaxed) < MOST;
        if may {
            spread.fetch_add(PACKET, Ordering::Relaxed);
        }
        may
    }

    /// It is back, and where it was to go. Softirq.
    pub(crate) fn leave_spread(&self) {
        self.moving.spread.0.fetch_sub(PACKET, Ordering::Release);
    }

    /// Looks how fast packets come, and decides how the next ones go; `threshold` in packets per second, 0: none is spread.
    /// `is_useful` says whether there is anybody to spread them to. Softirq.
    pub(crate) fn weigh(&self, threshold: u64, is_useful: impl FnOnce() -> bool) {
        let spread = &self.moving.spread.0;
        let already = spread.load(Ordering::Relaxed) & WANTED != 0;
        if threshold == 0 && !already {
            return;
        }
        let now = time::uptime_millis();
        let rate = self.hot(|hot| hot.rate(now));
        let wanted = rate.map(|rate| is_to_spread(already, rate, threshold));
        match wanted {
            Some(true) if !already && is_useful() => {
                spread.fetch_or(WANTED, Ordering::Relaxed);
            }
            Some(false) if already => {
                spread.fetch_and(!WANTED, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
