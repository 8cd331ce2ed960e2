// SPDX-License-Identifier: GPL-2.0-only

//! Transforms: what one SA does to a packet. One protocol in one file, both directions.

pub(crate) mod ah;
pub(crate) mod comp;
pub(crate) mod esp;
pub(crate) mod ipip;
pub(crate) mod udp;

use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::sa::Sa};
use core::pin::Pin;
use kernel::prelude::*;
use klips_core::{addr::Family, plan::Step};

/// What the header of a tunnel shows.
#[derive(Clone, Copy)]
pub(crate) struct Outer {
    /// Type of service.
    pub(crate) tos: u8,
    /// Routers must not fragment the packet.
    pub(crate) df: bool,
}

/// The transform of an SA.
pub(crate) enum Xform {
    /// None yet: the SA is larval.
    None,
    /// An outer IP header.
    Ipip,
    /// AH.
    Ah(ah::Ah),
    /// IPComp.
    Comp(Pin<KBox<comp::Comp>>),
    /// ESP.
    Esp(esp::Esp),
}

impl Xform {
    /// What the transform adds to a packet, for planning. `None` if packets cannot go through it.
    #[inline]
    pub(crate) fn step(&self, sa: &Sa) -> Option<Step> {
        match self {
            Self::None => None,
            Self::Ipip => Some(Step::Ipip(Family::of(&sa.fixed.said.dst))),
            Self::Ah(ah) => Some(ah.step()),
            Self::Comp(_) => Some(comp::Comp::step()),
            Self::Esp(esp) => Some(esp.step()),
        }
    }

    /// The transform, if its cipher may come back later.
    #[inline]
    pub(crate) fn waits(&self) -> Option<&esp::Esp> {
        match self {
            Self::Esp(esp) if esp.is_async() => Some(esp),
            _ => None,
        }
    }

    /// Applies a transform that does not wait. The packet has the room that the plan asked for. Softirq; no locks held.
    #[inline]
    pub(crate) fn encap(
        &self,
        sa: &Sa,
        seq: u64,
        outer: Outer,
        packet: &mut Packet,
    ) -> Result<(), Discard> {
        match self {
            Self::None => Err(Discard::TxBadBundle),
            Self::Ipip => ipip::encap(sa, outer, packet),
            Self::Ah(ah) => ah.encap(sa, seq, packet),
            Self::Comp(comp) => comp.encap(sa, packet),
            Self::Esp(esp) => esp.encap(sa, seq, packet),
        }
    }
}

/// The half of a sequence number that packets do not show. It is authenticated where extended numbers are in use.
pub(crate) const fn high_half(seq: u64) -> u32 {
    (seq >> 32) as u32
}

/// The half that they show.
pub(crate) const fn low_half(seq: u64) -> u32 {
    (seq & 0xffff_ffff) as u32
}
