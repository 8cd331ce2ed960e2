// SPDX-License-Identifier: GPL-2.0-only

//! ESP in UDP (RFC 3948), for peers behind address translation.
//!
//! The kernel takes ESP out of UDP in the form of the RFC only; the older one, with a marker, can be sent.

use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::sa::Sa, xform::Xform};
use core::net::IpAddr;
use klips_core::{
    pfkey::types::natt_type,
    wire::{
        ip::{self, Walk},
        udp::{self, Encap},
    },
};

const ESP: u8 = 50;

/// How many bytes of marker stand between UDP and what `sa` makes; `None` if that is not sent in UDP.
pub(crate) fn marker_len(sa: &Sa) -> Option<usize> {
    match (&sa.fixed.xform, sa.fixed.nat_kind) {
        (Xform::Esp(_), natt_type::NON_ESP) => Some(0),
        (Xform::Esp(_), natt_type::NON_IKE) => Some(udp::NON_IKE_MARKER),
        _ => None,
    }
}

/// Puts a UDP header and `marker` zero bytes in front of what follows the IP header.
pub(crate) fn encap(sa: &Sa, marker: usize, packet: &mut Packet) -> Result<(), Discard> {
    let view = ip::parse(packet.bytes(), Walk::Insert).map_err(|_| Discard::TxBadBundle)?;
    let head = udp::HEADER_LEN + marker;
    packet.push(head).map_err(|_| Discard::TxNoMemory)?;
    let total_len = packet.len();
    let (sport, dport) = sa.nat_ports();
    let header = Encap {
        sport,
        dport,
        len: u16::try_from(view.payload_len() + head).map_err(|_| Discard::TxTooBig)?,
    };
    let bytes = packet.bytes_mut();
    bytes.copy_within(head..head + view.header_len, 0);
    view.rewrite(bytes, udp::UDP, total_len)
        .map_err(|_| Discard::TxTooBig)?;
    let place = bytes
        .get_mut(view.header_len..)
        .ok_or(Discard::TxBadBundle)?;
    place
        .get_mut(udp::HEADER_LEN..head)
        .ok_or(Discard::TxBadBundle)?
        .fill(0);
    header.write(place).map_err(|_| Discard::TxBadBundle)?;
    match (view.src, view.dst) {
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            udp::set_checksum_v6(src, dst, place).map_err(|_| Discard::TxBadBundle)
        }
        _ => Ok(()),
    }
}

/// The ports of a datagram, host byte order.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    /// The sender's.
    pub(crate) src: u16,
}

/// Makes an ESP packet of one that came in UDP. The IP header's length does not count the UDP header any more.
pub(crate) fn decap(packet: &mut Packet) -> Result<Ports, Discard> {
    let outer = ip::parse_header(packet.bytes(), Walk::Find).map_err(|_| Discard::RxTruncated)?;
    let bytes = packet.bytes_mut();
    let datagram = bytes.get(outer.header_len..).unwrap_or(&[]);
    if datagram.len() < udp::HEADER_LEN {
        return Err(Discard::RxTruncated);
    }
    let (src, _) = udp::ports(udp::UDP, datagram).ok_or(Discard::RxTruncated)?;
    bytes.copy_within(..outer.header_len, udp::HEADER_LEN);
    packet
        .pull(udp::HEADER_LEN)
        .map_err(|_| Discard::RxTruncated)?;
    let view = ip::parse(packet.bytes(), Walk::Find).map_err(|_| Discard::RxTruncated)?;
    view.rewrite(packet.bytes_mut(), ESP, view.total_len)
        .map_err(|_| Discard::RxBadHeader)?;
    Ok(Ports { src })
}
