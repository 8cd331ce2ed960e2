// SPDX-License-Identifier: GPL-2.0-only

//! IP in IP (RFC 2003): the tunnel header as an SA of its own.

use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::sa::Sa, xform::Outer};
use core::net::IpAddr;
use klips_core::wire::{ecn, flow, ipv4, ipv6};

/// Time to live of every outer packet; the inner one's path does not show.
pub(crate) const OUTER_TTL: u8 = 64;
const IPV4: u8 = 4;
const IPV6: u8 = 41;

/// Puts an outer header in front of the packet.
pub(super) fn encap(sa: &Sa, outer: Outer, packet: &mut Packet) -> Result<(), Discard> {
    let proto = match packet.bytes().first().map(|b| b >> 4) {
        Some(4) => IPV4,
        Some(6) => IPV6,
        _ => return Err(Discard::TxBadInnerHeader),
    };
    match (sa.fixed.src, sa.fixed.said.dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            packet
                .push(ipv4::HEADER_LEN)
                .map_err(|_| Discard::TxNoMemory)?;
            let total_len = u16::try_from(packet.len()).map_err(|_| Discard::TxTooBig)?;
            ipv4::OuterV4 {
                tos: outer.tos,
                ttl: OUTER_TTL,
                proto,
                src,
                dst,
                id: 0,
                df: outer.df,
                total_len,
            }
            .write(packet.bytes_mut())
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let payload_len = u16::try_from(packet.len()).map_err(|_| Discard::TxTooBig)?;
            packet
                .push(ipv6::HEADER_LEN)
                .map_err(|_| Discard::TxNoMemory)?;
            ipv6::OuterV6 {
                class: outer.tos,
                hop_limit: OUTER_TTL,
                next_header: proto,
                src,
                dst,
                payload_len,
            }
            .write(packet.bytes_mut())
        }
        _ => return Err(Discard::TxBadBundle),
    }
    .map_err(|_| Discard::TxBadBundle)
}

/// What came out of a tunnel.
pub(crate) struct Inner {
    /// Source and destination of the inner packet.
    pub(crate) flow: flow::Flow,
    /// Its Ethernet type.
    pub(crate) ethertype: u16,
}

impl Inner {
    /// The protocol behind its IP header, if it is whole.
    pub(crate) fn proto(&self) -> Option<u8> {
        (!self.flow.is_fragment).then_some(self.flow.proto)
    }
}

/// Takes the outer header, of `header_len` bytes and with type of service `tos`, off and looks at what was inside; link
/// padding is cut off, and congestion that was marked outside is marked inside.
pub(crate) fn decap(
    packet: &mut Packet,
    header_len: usize,
    proto: u8,
    tos: u8,
) -> Result<Inner, Discard> {
    packet.pull(header_len).map_err(|_| Discard::RxBadHeader)?;
    let flow = flow::classify(packet.bytes()).map_err(|_| Discard::RxBadInner)?;
    let ethertype = match (proto, flow.src) {
        (IPV4, IpAddr::V4(_)) => 0x0800,
        (IPV6, IpAddr::V6(_)) => 0x86dd,
        _ => return Err(Discard::RxBadInner),
    };
    packet.trim(flow.len);
    let inner_tos = ecn::leave_tunnel(tos, flow.tos).ok_or(Discard::RxCongestion)?;
    if inner_tos != flow.tos {
        match flow.src {
            IpAddr::V4(_) => ipv4::set_tos(packet.bytes_mut(), inner_tos),
            IpAddr::V6(_) => ipv6::set_class(packet.bytes_mut(), inner_tos),
        }
        .map_err(|_| Discard::RxBadInner)?;
    }
    Ok(Inner { flow, ethertype })
}

/// Whether `proto` is an IP packet inside IP.
pub(crate) fn is_tunnelled(proto: u8) -> bool {
    matches!(proto, IPV4 | IPV6)
}
