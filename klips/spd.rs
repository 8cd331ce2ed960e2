// SPDX-License-Identifier: GPL-2.0-only

//! The policies of the Linux dialect (SPD): what becomes of packets in each direction.
//!
//! Of the policies that match, the one with the lowest priority decides; among equals, the one that came first. A packet
//! asks one exact hash table under each distinct mask ([`klips_core::spd`]), taking no lock. There is one policy at most
//! for a direction and a selector; replacing it is one pointer store, so that no packet meets neither of the two.

mod shapes;
mod writer;

pub(crate) use writer::{Cursor, SpdWriter};

use crate::{
    kapi::{
        rcu::Graveyard,
        rcu_map::{new_map, Keyed, Map},
        time,
    },
    sadb::sa::Limit,
};
use core::{
    ops::Deref,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use kernel::{
    prelude::*,
    sync::{rcu::Guard, Arc},
};
use klips_core::{
    addr::Family,
    eroute::{Key, Selector},
    pfkey::{
        ext::Lifetime,
        linux::{Action, Direction, Endpoint, Template},
    },
    spd::{search, Rank, Times},
};
use shapes::{Published, ShapesWriter};

/// The most templates of a policy.
pub(crate) const MAX_TEMPLATES: usize = crate::sadb::MAX_GROUP;

/// What a policy is made from.
pub(crate) struct Spec {
    /// The packets that it is about: those that go this way,
    pub(crate) direction: Direction,
    /// and between these networks.
    pub(crate) selector: Selector,
    /// The source network as it was given.
    pub(crate) src: Endpoint,
    /// The destination network as it was given.
    pub(crate) dst: Endpoint,
    /// What becomes of them.
    pub(crate) action: Action,
    /// Policies with lower numbers go first.
    pub(crate) priority: u32,
    /// The SAs that packets go through, the first one first; one at least if they are to be protected, else none.
    pub(crate) templates: KVec<Template>,
    /// Limits that end it.
    pub(crate) hard: Lifetime,
    /// Limits that give a warning.
    pub(crate) soft: Lifetime,
}

/// A policy.
pub(crate) struct Policy {
    /// Its number. The low bits are those of its direction.
    pub(crate) id: u32,
    /// When it was made, seconds of uptime.
    pub(crate) created: u64,
    spec: Spec,
    rank: Rank,
    last_use: AtomicU64,
    count: AtomicU64,
    soft_reported: AtomicBool,
    /// When the table looks at it again; 0: not by itself. Written under the namespace's mutex.
    deadline: AtomicU64,
}

impl Deref for Policy {
    type Target = Spec;

    #[inline]
    fn deref(&self) -> &Spec {
        &self.spec
    }
}

impl Policy {
    /// Counts a packet that it decided about. Any context.
    #[inline]
    pub(crate) fn used(&self) {
        let now = time::uptime_secs();
        // Mostly it is the same second, and the line need not be written.
        if self.last_use.load(Ordering::Relaxed) != now {
            self.last_use.store(now, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// When a packet met it last, seconds of uptime; 0: never.
    pub(crate) fn last_use(&self) -> u64 {
        self.last_use.load(Ordering::Relaxed)
    }

    /// Packets that it decided about.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn times(&self) -> Times {
        Times {
            created: self.created,
            last_use: self.last_use(),
        }
    }

    /// When time may end it, or has it give a warning.
    fn next_deadline(&self) -> Option<u64> {
        let times = self.times();
        let soft = times
            .end(&self.soft)
            .filter(|_| !self.soft_reported.load(Ordering::Relaxed));
        [times.end(&self.hard), soft].into_iter().flatten().min()
    }

    /// Whether time has passed a limit. A soft one is told once.
    pub(crate) fn time_is_up(&self, now: u64) -> Option<Limit> {
        let times = self.times();
        let passed = |limits: &Lifetime| times.end(limits).is_some_and(|end| end <= now);
        if passed(&self.hard) {
            return Some(Limit::Hard);
        }
        let told = passed(&self.soft) && !self.soft_reported.swap(true, Ordering::Relaxed);
        told.then_some(Limit::Soft)
    }
}

/// What the hash table is indexed by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    direction: Direction,
    key: Key,
    mask: Key,
}

impl Slot {
    fn of(direction: Direction, selector: &Selector) -> Self {
        Self {
            direction,
            key: selector.canonical(),
            mask: *selector.mask(),
        }
    }
}

impl Keyed for Policy {
    type Key = Slot;
    type Tag = u64;

    #[inline]
    fn key(&self) -> Slot {
        Slot::of(self.direction, &self.selector)
    }

    #[inline]
    fn hash(slot: &Slot) -> u64 {
        let seed = slot.mask.seed() ^ u64::from(slot.direction.number());
        slot.key.hash64(seed)
    }

    #[inline]
    fn tag(_slot: &Slot, hash: u64) -> u64 {
        hash
    }
}

/// Directions times families: each has masks of its own.
const PLACES: usize = 6;

/// Where the masks of a direction and a family are.
#[inline]
fn place(direction: Direction, family: Family) -> usize {
    let first = match direction {
        Direction::In => 0,
        Direction::Out => 2,
        Direction::Forward => 4,
    };
    first + usize::from(family == Family::V6)
}

/// The readers' side.
pub(crate) struct Spd {
    map: Map<Policy>,
    shapes: [Published; PLACES],
}

impl Spd {
    /// The policy for a packet whose key is [`klips_core::spd::key`]'s. Any context; it is not counted as used.
    #[inline]
    pub(crate) fn lookup<'g>(
        &'g self,
        direction: Direction,
        packet: &Key,
        guard: &'g Guard,
    ) -> Option<&'g Arc<Policy>> {
        let shapes = self.shapes.get(place(direction, packet.family))?;
        search(shapes.read(guard)?, packet, |key, mask| {
            let slot = Slot {
                direction,
                key: *key,
                mask: *mask,
            };
            self.map.get(&slot, guard).map(|found| (found.rank, found))
        })
    }
}

impl Spd {
    /// Whether there are policies for packets of a family that come in. Any context.
    #[inline]
    pub(crate) fn judges_inward(&self, family: Family, guard: &Guard) -> bool {
        [Direction::In, Direction::Forward].iter().any(|direction| {
            let shapes = self.shapes.get(place(*direction, family));
            shapes.is_some_and(|shapes| shapes.read(guard).is_some())
        })
    }
}

/// Makes an empty table. Process context.
pub(crate) fn new(yard: &Arc<Graveyard>) -> Result<(Spd, SpdWriter)> {
    let (map, writer) = new_map(yard.clone())?;
    let mut shapes = KVec::with_capacity(PLACES, GFP_KERNEL)?;
    let mut make = || -> Result<Published> {
        let (published, writer) = ShapesWriter::new(yard)?;
        shapes.push(writer, GFP_KERNEL)?;
        Ok(published)
    };
    let published = [make()?, make()?, make()?, make()?, make()?, make()?];
    let reader = Spd {
        map,
        shapes: published,
    };
    Ok((reader, SpdWriter::new(writer, shapes)))
}
