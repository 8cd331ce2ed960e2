// SPDX-License-Identifier: GPL-2.0-only

//! ESP in UDP (RFC 3948), for peers behind address translation.

use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::sa::Sa};
use core::net::IpAddr;
use klips_core::wire::{
    ip::{self, Walk},
    udp::{self, Encap},
};

const ESP: u8 = 50;

/// Puts a UDP header in front of what follows the IP header.
pub(crate) fn encap(sa: &Sa, packet: &mut Packet) -> Result<(), Discard> {
    let view = ip::parse(packet.bytes(), Walk::Insert).map_err(|_| Discard::TxBadBundle)?;
    packet
        .push(udp::HEADER_LEN)
        .map_err(|_| Discard::TxNoMemory)?;
    let total_len = packet.len();
    let len = view.payload_len() + udp::HEADER_LEN;
    let (sport, dport) = sa.nat_ports();
    let header = Encap {
        sport,
        dport,
        len: u16::try_from(len).map_err(|_| Discard::TxTooBig)?,
    };
    let bytes = packet.bytes_mut();
    bytes.copy_within(udp::HEADER_LEN..udp::HEADER_LEN + view.header_len, 0);
    view.rewrite(bytes, udp::UDP, total_len)
        .map_err(|_| Discard::TxTooBig)?;
    let place = bytes
        .get_mut(view.header_len..)
        .ok_or(Discard::TxBadBundle)?;
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
