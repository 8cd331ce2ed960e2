// SPDX-License-Identifier: GPL-2.0-only

//! The walk of most packets that are taken off the physical device: one ESP SA of a group, and the tunnel behind it.
//!
//! It asks what [`Inbound::walk`] asks, in the same order, without what that needs for all the other ways that a packet can
//! come. Whatever turns out to be something else inside goes on there.

use super::{blame, note_padding, Inbound, Onward, Path, Progress};
use crate::{
    error::Discard,
    kapi::net::skbuff::{Packet, Skb},
    sadb::sa::Sa,
    xform::{
        esp::{Esp, Opened},
        high_half,
        ipip::is_tunnelled,
        Xform,
    },
};
use core::net::IpAddr;
use kernel::sync::Arc;
use klips_core::{
    addr::Family,
    pfkey::types::natt_type,
    wire::{
        ip::{self, IpView, Walk},
        ipv4,
    },
};

/// Where the walk leads.
pub(super) struct Inward<'g> {
    pub(super) sa: &'g Arc<Sa>,
    esp: &'g Esp,
    tunnel: &'g Arc<Sa>,
}

impl<'g> Inbound<'g> {
    /// The walk of packets that come by `sa`, if they are to take this one.
    #[inline]
    pub(super) fn inward_by(&self, sa: &'g Arc<Sa>) -> Option<Inward<'g>> {
        let Xform::Esp(esp) = &sa.fixed.xform else {
            return None;
        };
        let simple = !esp.is_async() && !sa.is_linux() && sa.fixed.nat_kind == natt_type::NONE;
        if !simple || sa.is_inner() {
            return None;
        }
        let tunnel = sa.next.read(self.guard)?;
        let ends = matches!(tunnel.fixed.xform, Xform::Ipip) && !tunnel.next.is_some();
        let judged = |family| self.ns.spd.judges_inward(family, self.guard);
        (ends && !judged(Family::V4) && !judged(Family::V6)).then_some(Inward { sa, esp, tunnel })
    }

    /// Takes a packet whose bare IPv4 header says `src`, `tos` and `total_len`, with sequence number `shown`, through SA and
    /// tunnel. Returns the length of the inner packet, bytes.
    pub(super) fn express(
        &self,
        way: &Inward<'g>,
        skb: Skb,
        shown: u32,
    ) -> Result<Option<usize>, Discard> {
        const HEADER: usize = ipv4::HEADER_LEN;
        let (sa, esp, tunnel) = (way.sa, way.esp, way.tunnel);
        let mut packet = skb.into_packet().ok_or(Discard::RxNoMemory)?;
        let (src, tos, total_len) = outer(packet.bytes()).ok_or(Discard::RxTruncated)?;
        packet.trim(total_len);
        let payload_len = total_len.saturating_sub(HEADER);
        if payload_len % 4 != 0 {
            return Err(Discard::RxBadLength);
        }
        self.check_source(sa, &src)?;
        let (admitted, limit) = sa.begin_receive(Some(shown), self.now);
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        let seq = admitted?.unwrap_or(0);
        let opened = esp
            .check_len(payload_len)
            .and_then(|()| esp.unseal(&mut packet, HEADER, high_half(seq)))
            .inspect_err(|why| blame(sa, *why))?;
        let Ok(trailer) = opened else {
            sa.commit_receive(seq)?;
            return Err(Discard::RxBadPadding);
        };
        if let Some(limit) = sa.receive(seq, HEADER + trailer.payload_len, self.now)? {
            self.ns.report(sa, limit);
        }
        let next_header = note_padding(
            sa,
            &Opened {
                next_header: trailer.next_header,
                pad_ok: trailer.pad_ok,
            },
        );
        if !is_tunnelled(next_header) {
            let view = ip::parse(packet.bytes(), Walk::Find).map_err(|_| Discard::RxTruncated)?;
            esp.strip(&mut packet, &view, &trailer, false)?;
            return self.rest(sa, view, seq, next_header, packet);
        }
        packet
            .pull(esp.head_len())
            .map_err(|_| Discard::RxBadLength)?;
        packet.trim(HEADER + trailer.payload_len);
        let inner = self.untunnel(tunnel, &src, HEADER, tos, next_header, &mut packet)?;
        self.deliver(tunnel, packet, inner.ethertype, Some(&inner.flow))
            .map(Some)
    }

    /// Goes on with what was no packet in a tunnel.
    fn rest(
        &self,
        sa: &'g Arc<Sa>,
        view: IpView,
        seq: u64,
        next_header: u8,
        packet: Packet,
    ) -> Result<Option<usize>, Discard> {
        let at = Progress {
            view,
            seq: Some(seq),
            depth: 0,
            ports: None,
        };
        let mut path = Path::new();
        match self.onward(sa, &at, &mut path, next_header, packet)? {
            Onward::Delivered(len) => Ok(Some(len)),
            Onward::Nested(inner, packet) => self.walk(inner, packet, 1, None, &mut path),
        }
    }
}

/// Source, type of service and total length in a bare IPv4 header.
#[inline]
fn outer(packet: &[u8]) -> Option<(IpAddr, u8, usize)> {
    let [_, tos, l0, l1, _, _, _, _, _, _, _, _, s0, s1, s2, s3, ..] =
        packet.first_chunk::<20>()?;
    let total_len = usize::from(u16::from_be_bytes([*l0, *l1]));
    let src = IpAddr::from([*s0, *s1, *s2, *s3]);
    (total_len <= packet.len()).then_some((src, *tos, total_len))
}
