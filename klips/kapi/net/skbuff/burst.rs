// SPDX-License-Identifier: GPL-2.0-only

//! Large packets that the stack leaves to a device to segment (GSO).
//!
//! C header: [`include/net/gso.h`](srctree/include/net/gso.h)

use super::Skb;
use crate::kapi::raw;
use core::ptr::{self, NonNull};

/// What a packet is on the wire: one, or the segments of a large one in their order. Dropping it frees what is left.
///
/// # Invariants
///
/// The head of a list of live buffers of which this is the owner; null: it is empty.
pub(crate) struct Burst(*mut raw::sk_buff);

impl Skb {
    /// Does to a packet that a device is to send what the stack has left to the device: segments it, and fills in
    /// checksums. `GFP_ATOMIC`; on failure the packet is freed and `None` returned.
    #[inline]
    pub(crate) fn segments(self) -> Option<Burst> {
        // SAFETY: The buffer is given up.
        let list = unsafe { raw::klips_skb_segments(self.into_raw()) };
        // INVARIANT: The buffers are ours now.
        (!list.is_null()).then_some(Burst(list))
    }
}

impl Iterator for Burst {
    type Item = Skb;

    #[inline]
    fn next(&mut self) -> Option<Skb> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: By the type invariant, which it keeps.
        let skb = unsafe { raw::klips_skb_pop(ptr::from_mut(&mut self.0)) };
        // SAFETY: A live buffer of ours, in no list any more.
        NonNull::new(skb).map(|skb| unsafe { Skb::from_raw(skb) })
    }
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.by_ref().for_each(drop);
    }
}
