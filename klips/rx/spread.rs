// SPDX-License-Identifier: GPL-2.0-only

//! Received packets that another processor decrypts.
//!
//! If all packets of an SA come by one processor, that one's time is what they share. From `net.ipsec.spread_rate` packets in a
//! second on, all processors verify and decrypt them. Whatever they are is judged, recorded and passed on where they came in,
//! and in that order: of the packets of an SA that one processor receives none overtakes another, be it when this begins or ends.
//! Those of two SAs may, as when one takes the other's place, and those that two processors receive.

use super::{later::Opening, Inbound};
use crate::{
    error::Discard,
    kapi::{
        net::skbuff::Packet,
        spread::{Job, Place},
    },
    sadb::sa::Sa,
    xform::{esp::Esp, Xform},
};
use kernel::{prelude::*, sync::Arc};

/// An SA is weighed each time that it has received so many packets.
const SAMPLE: u64 = 256;

/// The transform of `sa`, if other processors do it.
#[inline]
pub(super) fn of(sa: &Sa) -> Option<&Esp> {
    match &sa.fixed.xform {
        Xform::Esp(esp) if sa.spreads() => Some(esp),
        _ => None,
    }
}

/// A packet on its way.
pub(crate) struct Spread {
    opening: Opening,
    packet: Packet,
    result: Result,
}

static PLACE: Place<Spread> = Place::new();

impl Job for Spread {
    fn place() -> &'static Place<Self> {
        &PLACE
    }

    fn work(&mut self) {
        self.result = self.opening.decrypt(&mut self.packet);
    }

    fn finish(mut self) {
        let (packet, result) = (self.packet, self.result);
        self.opening.go_on(packet, result);
        if let Some(sa) = self.opening.sa() {
            sa.leave_spread();
        }
    }
}

impl Inbound<'_> {
    /// Has another processor decrypt the packet.
    pub(super) fn spread(&self, sa: &Sa, packet: Packet, opening: Opening) -> Result<(), Discard> {
        if !sa.enter_spread() {
            return Err(Discard::RxCryptoBusy);
        }
        let job = Spread {
            opening,
            packet,
            result: Err(EBUSY),
        };
        let given = PLACE.give_away(job, self.guard);
        given.map(|()| self.ns.spread.add()).map_err(|(_, why)| {
            sa.leave_spread();
            match why {
                ENOMEM => Discard::RxNoMemory,
                _ => Discard::RxCryptoBusy,
            }
        })
    }

    /// Looks once in a while whether packets of `sa`, of which the one with number `seq` was good, are to be spread.
    #[inline(always)]
    pub(super) fn weigh_now_and_then(&self, sa: &Arc<Sa>, seq: u64) {
        if seq % SAMPLE == 0 {
            self.weigh(sa);
        }
    }

    /// Looks whether packets of `sa` are to be spread.
    #[cold]
    #[inline(never)]
    pub(super) fn weigh(&self, sa: &Sa) {
        sa.weigh(self.ns.sysctl.spread_rate(), || PLACE.is_useful());
    }
}
