// SPDX-License-Identifier: GPL-2.0-only

//! Who was told lately that packets are too long.
//!
//! A TCP sender that is told sends what did not fit again, in shorter segments: to send it in fragments as well would be to
//! send it twice. One that does not get the message, or does not heed it, must not wait for ever. So what does not fit is
//! dropped for a moment after a pair of hosts was first told, and goes in fragments later.

use crate::kapi::{crypto, time};
use core::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use klips_core::addr::addr_bits;

const PLACES: usize = 64;

/// How long what does not fit is dropped, seconds.
const HEEDS: u64 = 1;

/// How long it goes in fragments then, until a sender is given another chance, seconds.
const FORGETS: u64 = 60;

/// The pairs that were told, each with the time. Two pairs may share a place; then one is forgotten early.
pub(crate) struct Told {
    places: [AtomicU64; PLACES],
    key: u64,
}

impl Told {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        let mut key = [0; 8];
        crypto::random(&mut key);
        Self {
            places: [const { AtomicU64::new(0) }; PLACES],
            key: u64::from_ne_bytes(key),
        }
    }

    /// Notes that packets from `src` to `dst` are too long. Whether the sender can be expected to send this one again.
    /// Any context.
    pub(crate) fn will_repeat(&self, src: &IpAddr, dst: &IpAddr) -> bool {
        let pair = self.pair(src, dst);
        let Some(place) = self.places.get(pair as usize % PLACES) else {
            return false;
        };
        // The upper half names the pair, the lower one is the time.
        let (now, last) = (time::uptime_secs() & MASK, place.load(Relaxed));
        let since = (now.wrapping_sub(last)) & MASK;
        if last >> 32 == pair & MASK && since <= FORGETS {
            return since <= HEEDS;
        }
        place.store(pair << 32 | now, Relaxed);
        true
    }

    fn pair(&self, src: &IpAddr, dst: &IpAddr) -> u64 {
        let bits = addr_bits(src).rotate_left(64) ^ addr_bits(dst);
        let folded = (bits as u64) ^ ((bits >> 64) as u64).rotate_left(29) ^ self.key;
        let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    }
}

const MASK: u64 = 0xffff_ffff;
