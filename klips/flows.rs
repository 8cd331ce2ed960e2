// SPDX-License-Identifier: GPL-2.0-only

//! What was found out for the last packet of a flow, for the next one.
//!
//! A packet's way (eroute or policy, SAs, route of the outer packet) depends on its flow and on tables that change rarely.
//! So it is remembered under the flow, with the epoch of the tables that it was found in; in another epoch it does not count.
//! What may change from packet to packet, or without an epoch (an SA's state and numbers, MTUs, switches, the route itself),
//! is looked at for every packet still.
//!
//! The table is a fixed number of places, shared by all CPUs, which only read it as long as nothing changes. A flow gets a place
//! with its second packet: many flows are one packet long. It keeps the place while its packets come: others get it after two
//! of theirs have found it idle, so that a scan of many flows neither fills memory nor drives out what is in use.

use crate::{
    eroute::Eroute,
    kapi::{
        net::route::Route,
        rcu::{Graveyard, Memo},
    },
    sadb::sa::Sa,
    spd::Policy,
    xform::{esp::Esp, Xform},
};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use kernel::{
    prelude::*,
    sync::{
        rcu::{self, Guard},
        Arc,
    },
};
use klips_core::{
    plan::Plan,
    wire::{
        ipv4::{self, Template},
        plain::Id,
    },
};

/// Places of a namespace's table; a power of two.
const PLACES: usize = 1024;

/// What sent the flow's packets this way.
pub(crate) enum By {
    /// An eroute.
    Eroute(Arc<Eroute>),
    /// A policy of the Linux dialect.
    Policy(Arc<Policy>),
}

impl By {
    /// Counts a packet.
    #[inline]
    pub(crate) fn hit(&self) {
        match self {
            Self::Eroute(eroute) => eroute.hit(),
            Self::Policy(policy) => policy.used(),
        }
    }
}

/// What was found out about a flow: it goes through one tunnel over IPv4 and one ESP SA, and out.
pub(crate) struct Found {
    /// Why its packets go this way.
    pub(crate) by: By,
    /// The tunnel.
    pub(crate) tunnel: Arc<Sa>,
    /// The ESP SA. Its cipher does not wait, and no UDP is put around.
    pub(crate) sa: Arc<Sa>,
    /// The outer header.
    pub(crate) template: Template,
    /// What follows ESP's header: the inner packet's protocol.
    pub(crate) next_header: u8,
    /// The route was found for outer packets that show no type of service.
    pub(crate) hides_tos: bool,
    /// The route of the outer packets.
    pub(crate) route: Route,
}

/// The way of a flow.
pub(crate) struct Way {
    /// The flow, by the device that its packets come to.
    id: Id,
    /// When this was so.
    epoch: u64,
    pub(crate) found: Found,
    /// Used since somebody else last wanted the place.
    used: AtomicBool,
}

impl Way {
    /// The transform of its ESP SA.
    #[inline]
    pub(crate) fn esp(&self) -> Option<&Esp> {
        match &self.found.sa.fixed.xform {
            Xform::Esp(esp) => Some(esp),
            _ => None,
        }
    }

    /// The room that a packet of `len` bytes takes.
    #[inline]
    pub(crate) fn plan(&self, esp: &Esp, len: usize) -> Plan {
        let headroom = ipv4::HEADER_LEN + esp.head_len();
        let tailroom = esp.tail_len(len);
        Plan {
            headroom,
            tailroom,
            total_len: len.saturating_add(headroom).saturating_add(tailroom),
        }
    }
}

struct Place {
    way: Memo<Way>,
    /// Which flow without a place came here last: part of its hash.
    last: AtomicU32,
}

/// The ways of a namespace's flows.
pub(crate) struct Flows {
    places: KVVec<Place>,
    /// The newest epoch that a way may be of; 0: there are none.
    newest: AtomicU64,
    yard: Arc<Graveyard>,
}

impl Flows {
    /// None. Process context.
    pub(crate) fn new(yard: &Arc<Graveyard>) -> Result<Self> {
        let mut places = KVVec::with_capacity(PLACES, GFP_KERNEL)?;
        for _ in 0..PLACES {
            let place = Place {
                way: Memo::empty(),
                last: AtomicU32::new(0),
            };
            places.push(place, GFP_KERNEL)?;
        }
        Ok(Self {
            places,
            newest: AtomicU64::new(0),
            yard: yard.clone(),
        })
    }

    #[inline]
    fn place(&self, hash: u64) -> Option<&Place> {
        self.places.get(hash as usize & (PLACES - 1))
    }

    /// Whether this is the way of a flow now. Any context.
    #[inline]
    pub(crate) fn is_way_of(&self, way: &Way, id: &Id) -> bool {
        way.id == *id && way.epoch == self.yard.epoch()
    }

    /// The way of a flow, if it is known. Any context.
    #[inline]
    pub(crate) fn find<'g>(&'g self, id: &Id, guard: &'g Guard) -> Option<&'g Way> {
        let way = self.place(id.hash())?.way.read(guard)?;
        if !self.is_way_of(way, id) {
            return None;
        }
        if !way.used.load(Ordering::Relaxed) {
            way.used.store(true, Ordering::Relaxed);
        }
        Some(way)
    }

    /// Whether the way of a flow is to be found out for its next packets: it is not known, and now gets a place. Any context.
    pub(crate) fn wants_way(&self, id: &Id, guard: &Guard) -> bool {
        let hash = id.hash();
        let Some(place) = self.place(hash) else {
            return false;
        };
        let way = place.way.read(guard);
        if let Some(way) = way.filter(|way| way.id == *id) {
            // One that is known already has been declined: it may serve other packets of the flow.
            return way.epoch != self.yard.epoch();
        }
        let tag = (hash >> 32) as u32;
        if place.last.load(Ordering::Relaxed) != tag {
            place.last.store(tag, Ordering::Relaxed);
            return false;
        }
        way.is_none_or(|way| {
            way.epoch != self.yard.epoch() || !way.used.swap(false, Ordering::Relaxed)
        })
    }

    /// Remembers what was found out about a flow in `epoch`. Any context.
    pub(crate) fn remember(&self, id: Id, epoch: u64, found: Found) {
        let way = Way {
            id,
            epoch,
            found,
            used: AtomicBool::new(true),
        };
        if let Some(place) = self.place(id.hash()) {
            place.way.put(way, &self.yard);
            if epoch != self.yard.epoch() {
                // It may have been swept already, and the SAs are not to be held.
                place.way.forget(&self.yard);
                return;
            }
            self.newest.store(epoch, Ordering::Relaxed);
        }
    }

    /// Forgets a way that turned out not to be one any more. Any context.
    pub(crate) fn forget(&self, way: &Way) {
        if let Some(place) = self.place(way.id.hash()) {
            place.way.forget(&self.yard);
        }
    }

    /// Whether there are ways of epochs that are over. Any context.
    pub(crate) fn are_stale(&self) -> bool {
        let newest = self.newest.load(Ordering::Relaxed);
        newest != 0 && newest != self.yard.epoch()
    }

    /// Forgets all ways of epochs that are over, so that nothing holds an SA that was removed, and its keys. Process context.
    pub(crate) fn sweep(&self) {
        if !self.are_stale() {
            return;
        }
        self.newest.store(0, Ordering::Relaxed);
        let now = self.yard.epoch();
        for place in &self.places {
            let guard = rcu::read_lock();
            match place.way.read(&guard) {
                Some(way) if way.epoch == now => self.newest.store(now, Ordering::Relaxed),
                Some(_) => place.way.forget(&self.yard),
                None => {}
            }
        }
    }

    /// Forgets all. Process context.
    pub(crate) fn clear(&self) {
        for place in &self.places {
            place.way.forget(&self.yard);
        }
    }
}
