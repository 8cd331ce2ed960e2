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
        ecn,
        ip::{self, IpView, Walk},
        ipv4,
        plain::{self, Plain},
    },
};

const IPV6: u8 = 41;

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
        if !simple || sa.is_inner() || sa.spreads() {
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
        let seq = self.first_look(sa, shown)?;
        let opened = esp
            .check_len(payload_len)
            .and_then(|()| esp.unseal(&mut packet, HEADER, high_half(seq)))
            .inspect_err(|why| blame(sa, *why))?;
        let Ok(trailer) = opened else {
            sa.commit_receive(seq)?;
            return Err(Discard::RxBadPadding);
        };
        self.record(sa, seq, HEADER + trailer.payload_len)?;
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
        let from = HEADER + esp.head_len();
        let inner = packet.bytes().get(from..).unwrap_or(&[]);
        let inner = inner.get(..trailer.payload_len).unwrap_or(&[]);
        if let Some(plain) = unchanged(inner, next_header, tos) {
            return self.emerge(tunnel, &src, from, &plain, packet).map(Some);
        }
        packet
            .pull(esp.head_len())
            .map_err(|_| Discard::RxBadLength)?;
        packet.trim(HEADER + trailer.payload_len);
        let inner = self.untunnel(tunnel, &src, HEADER, tos, next_header, &mut packet)?;
        self.deliver(tunnel, packet, inner.ethertype, inner.proto())
            .map(Some)
    }

    /// Whether the packet may go to the cipher. Returns its whole sequence number.
    #[inline]
    fn first_look(&self, sa: &Arc<Sa>, shown: u32) -> Result<u64, Discard> {
        if sa.is_ahead(shown) {
            return Ok(shown.into());
        }
        let (admitted, limit) = sa.begin_receive(Some(shown), self.now);
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        Ok(admitted?.unwrap_or(0))
    }

    /// Takes a packet of which `plain` is known, and that begins at byte `from`, out of a tunnel that ends its group: what
    /// [`Inbound::untunnel`] does, for a packet that leaves as it was put in.
    #[inline(always)]
    fn emerge(
        &self,
        tunnel: &Arc<Sa>,
        outer_src: &IpAddr,
        from: usize,
        plain: &Plain,
        mut packet: Packet,
    ) -> Result<usize, Discard> {
        self.check_source(tunnel, outer_src)?;
        if self.checks_policy() {
            let (src, dst) = plain.ends();
            if !self.allows(tunnel, &src, &dst) {
                return Err(Discard::RxInnerMismatch);
            }
        }
        self.admit_unnumbered(tunnel, plain.len)?;
        packet
            .cut(from, plain.len)
            .map_err(|_| Discard::RxBadInner)?;
        let ethertype = if plain.is_v6() { 0x86dd } else { 0x0800 };
        self.deliver(tunnel, packet, ethertype, Some(plain.proto()))
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

/// The packet inside of a tunnel, of protocol `next_header`, if it is plain and the outer type of service changes nothing.
#[inline(always)]
fn unchanged(inner: &[u8], next_header: u8, outer_tos: u8) -> Option<Plain> {
    let plain = plain::parse(inner)?;
    let stays = ecn::leave_tunnel(outer_tos, plain.tos) == Some(plain.tos);
    let named = plain.is_v6() == (next_header == IPV6);
    (stays && named).then_some(plain)
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
