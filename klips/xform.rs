// SPDX-License-Identifier: GPL-2.0-only

//! Transforms: what one SA does to a packet. One protocol in one file, both directions.

pub(crate) mod esp;
pub(crate) mod ipip;

use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::sa::Sa};
use klips_core::{addr::Family, plan::Step};

/// The transform of an SA.
pub(crate) enum Xform {
    /// None yet: the SA is larval.
    None,
    /// An outer IPv4 header.
    Ipip,
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
            Self::Esp(esp) => Some(esp.step()),
        }
    }

    /// Applies the transform. The packet has the room that the plan asked for. Softirq; no locks held.
    #[inline]
    pub(crate) fn encap(
        &self,
        sa: &Sa,
        seq: u32,
        tos: u8,
        packet: &mut Packet,
    ) -> Result<(), Discard> {
        match self {
            Self::None => Err(Discard::TxBadBundle),
            Self::Ipip => ipip::encap(sa, tos, packet),
            Self::Esp(esp) => esp.encap(sa, seq, packet),
        }
    }
}
