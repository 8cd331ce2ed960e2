// SPDX-License-Identifier: GPL-2.0-only

//! Sprung traps: packets that ask for a key daemon.
//!
//! Packets cannot change the eroute table. One that springs a `%trap` or `%trapsubnet` waits here, in a small table, until
//! the worker has asked the key daemons (ACQUIRE) and put a `%hold` eroute in its place. Packets of the same pair that come
//! meanwhile wait with it. The table is bounded, and so are holds: a flood costs itself, not others.

use crate::{
    eroute::Eroute,
    hold::{Pair, Waiting},
    kapi::lock::BhLock,
};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use kernel::{prelude::*, sync::Arc};
use klips_core::{eroute::Selector, pfkey::ext::Endpoint};

/// How many traps can be sprung before the worker gets to them.
pub(crate) const PENDING: usize = 64;

/// A sprung trap.
pub(crate) struct Sprung {
    /// The hold that it will become, as the listing will show it.
    pub(crate) hold: Selector,
    /// The trap's eroute.
    pub(crate) trap: Arc<Eroute>,
    /// Source of the packet, for the ACQUIRE.
    pub(crate) src: Endpoint,
    /// Destination of the packet, for the ACQUIRE.
    pub(crate) dst: Endpoint,
    /// The packets that wait.
    pub(crate) pair: Pair,
    /// What all packets have in common that the hold is for.
    key: Selector,
}

/// In the order in which they were sprung; room for [`PENDING`] is there from the start.
type Table = KVec<Sprung>;

/// The sprung traps of one namespace, and how many there ever were.
pub(crate) struct Traps {
    pending: Pin<KBox<BhLock<Table>>>,
    /// Sockets registered for ESP: without one nobody can be asked.
    listeners: AtomicU32,
    count: AtomicU64,
    sent: AtomicU64,
}

impl Traps {
    /// What is the same for all packets that one hold is for.
    fn key(hold: &Selector) -> Option<Selector> {
        Selector::new(hold.canonical(), *hold.mask())
    }

    /// An empty table. Process context.
    pub(crate) fn new() -> Result<Self> {
        let table = Table::with_capacity(PENDING, GFP_KERNEL)?;
        Ok(Self {
            pending: KBox::pin_init(BhLock::new(table), GFP_KERNEL)?,
            listeners: AtomicU32::new(0),
            count: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        })
    }

    /// Traps that were hit.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// ACQUIREs that were delivered.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts a delivered ACQUIRE.
    pub(crate) fn delivered(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many sockets can be asked.
    pub(crate) fn set_listeners(&self, n: u32) {
        self.listeners.store(n, Ordering::Relaxed);
    }

    /// A packet hit a trap. Any context.
    ///
    /// `hold` is the selector that the hold will have. `Ok` has what an earlier packet lost its place to this one; `Err`
    /// hands the packet back: nobody can be asked, or too many are waiting.
    pub(crate) fn spring(
        &self,
        hold: Selector,
        trap: &Arc<Eroute>,
        src: Endpoint,
        dst: Endpoint,
        waiting: Waiting,
    ) -> core::result::Result<Option<Waiting>, Waiting> {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.listeners.load(Ordering::Relaxed) == 0 {
            return Err(waiting);
        }
        let Some(key) = Self::key(&hold) else {
            return Err(waiting);
        };
        self.pending.with(|table| {
            if let Some(sprung) = table.iter_mut().find(|sprung| sprung.key == key) {
                return Ok(sprung.pair.last.replace(waiting));
            }
            if table.len() >= PENDING {
                return Err(waiting);
            }
            let sprung = Sprung {
                key,
                hold,
                trap: trap.clone(),
                src,
                dst,
                pair: Pair {
                    first: Some(waiting),
                    last: None,
                },
            };
            // There is room.
            let _ = table.push(sprung, GFP_ATOMIC);
            Ok(None)
        })
    }

    /// The trap that was sprung first: what to ask, for which hold. It stays until [`Traps::finish`], so that packets keep
    /// joining it.
    pub(crate) fn next(&self) -> Option<(Selector, Arc<Eroute>, Endpoint, Endpoint)> {
        self.pending.with(|table| {
            let first = table.first()?;
            Some((first.hold, first.trap.clone(), first.src, first.dst))
        })
    }

    /// The hold is in place, or will never be: takes the packets.
    pub(crate) fn finish(&self, hold: &Selector) -> Pair {
        let taken = self.pending.with(|table| {
            let key = Self::key(hold)?;
            let place = table.iter().position(|sprung| sprung.key == key)?;
            table.remove(place).ok()
        });
        taken.map_or(Pair::default(), |sprung| sprung.pair)
    }
}
