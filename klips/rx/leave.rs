// SPDX-License-Identifier: GPL-2.0-only

//! How packets leave IPsec: out of a tunnel, or of transport mode, and to the stack.

use super::{Inbound, Path, TCP};
use crate::{
    error::Discard,
    kapi::net::{
        dev::Driver,
        skbuff::{Marking, Packet},
    },
    sadb::{sa::Sa, SMALL_REFS},
    xform::{
        ipip::{self, Inner},
        Xform,
    },
};
use core::net::IpAddr;
use kernel::sync::Arc;
use klips_core::{
    addr::Family,
    pfkey::types::natt_type,
    wire::{ip::IpView, ipv4},
};

impl Inbound<'_> {
    /// Takes the packet out of its tunnel, if that is an IPIP SA that ends its group and allows it. The outer header, of
    /// `header_len` bytes, shows `src` and `tos`.
    pub(super) fn untunnel(
        &self,
        tunnel: &Arc<Sa>,
        src: &IpAddr,
        header_len: usize,
        tos: u8,
        next_header: u8,
        packet: &mut Packet,
    ) -> Result<Inner, Discard> {
        if !matches!(tunnel.fixed.xform, Xform::Ipip) {
            return Err(Discard::RxIncompletePolicy);
        }
        if tunnel.next.is_some() {
            return Err(Discard::RxTunnelNotLast);
        }
        self.check_source(tunnel, src)?;
        let inner = ipip::decap(packet, header_len, next_header, tos)?;
        if self.checks_policy() && !self.allows(tunnel, &inner.flow.src, &inner.flow.dst) {
            return Err(Discard::RxInnerMismatch);
        }
        self.admit_unnumbered(tunnel, packet.len())?;
        Ok(inner)
    }

    /// Whether a packet of `len` bytes may come out of a tunnel as its state and lifetimes are; it is accounted for.
    #[inline(always)]
    pub(super) fn admit_unnumbered(&self, tunnel: &Arc<Sa>, len: usize) -> Result<(), Discard> {
        let (admitted, limit) = tunnel.receive_unnumbered(len, self.now);
        if let Some(limit) = limit {
            self.ns.report(tunnel, limit);
        }
        admitted
    }

    /// Delivers a packet that came in transport mode, whose own IP header is `view`.
    ///
    /// A peer behind address translation computed its checksums with the address that it knows; if that is known here,
    /// the packet gets it back.
    pub(super) fn leave_transport(
        &self,
        sa: &Arc<Sa>,
        view: &IpView,
        path: &Path,
        mut packet: Packet,
    ) -> Result<usize, Discard> {
        let ethertype = match view.family() {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        };
        if let (Some(IpAddr::V4(original)), Family::V4) = (sa.fixed.nat_oa, view.family()) {
            if sa.fixed.nat_kind != natt_type::NONE {
                ipv4::set_src(packet.bytes_mut(), original).map_err(|_| Discard::RxBadHeader)?;
            }
        }
        self.judge_transport(packet.bytes(), path, sa.is_linux())?;
        self.deliver(sa, packet, ethertype, None)
    }

    /// Lets the packet enter the stack as received on the ipsecN device, with the mark of `sa`.
    ///
    /// `proto`: the protocol behind its IP header, if that is known, and the packet whole. TCP has its segments merged, as a
    /// network card would do, for whoever is next.
    pub(super) fn deliver(
        &self,
        sa: &Sa,
        packet: Packet,
        ethertype: u16,
        proto: Option<u8>,
    ) -> Result<usize, Discard> {
        // The stack asks for that only of what it queues.
        if !self.dev.port().is_up() {
            return Err(Discard::RxDeviceDown);
        }
        let len = packet.len();
        let cells = (proto == Some(TCP)).then(|| self.dev.data().gro());
        packet
            .receive_on(
                self.dev.port(),
                ethertype,
                marking_of(sa.fixed.saref),
                cells,
            )
            .map_err(|_| Discard::RxNoMemory)?;
        Ok(len)
    }

    /// Whether the tunnel's policy allows the addresses; a tunnel without a policy allows all.
    pub(super) fn allows(&self, tunnel: &Sa, src: &IpAddr, dst: &IpAddr) -> bool {
        tunnel
            .policy
            .read(self.guard)
            .is_none_or(|policy| policy.allows(src, dst))
    }
}

/// How a packet is marked that came out of the SA with this reference number: the number in bits 16 to 30, bit 31 to say so,
/// the lower half as it was. Not at all if the number does not fit.
fn marking_of(saref: u32) -> Marking {
    if saref > SMALL_REFS {
        return Marking::NONE;
    }
    Marking {
        keep: 0xffff,
        set: 0x8000_0000 | saref << 16,
    }
}
