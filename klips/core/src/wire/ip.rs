// SPDX-License-Identifier: GPL-2.0-only

//! An IP header of either family, as the IPsec transforms see it: what stands before the IPsec header, and the one byte
//! that says so.

use super::{ipv4, ipv6, WireError};
use crate::addr::Family;
use core::net::IpAddr;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION: u8 = 60;

/// Extension headers that are followed.
const MAX_EXTENSIONS: usize = 8;

/// Offset of the protocol in an IPv4 header.
const V4_PROTO: usize = 9;
/// Offset of the next header in an IPv6 header.
const V6_NEXT: usize = 6;

/// How far the walk through IPv6 extension headers goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// To where an IPsec header belongs (RFC 4303 3.1.1): behind hop-by-hop options, routing header and the destination
    /// options in front of that.
    Insert,
    /// To the first header that is no such extension: where a received IPsec header stands.
    Find,
}

/// A validated IP header.
///
/// Invariant: `header_len` <= `total_len` <= length of the buffer that it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpView {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// What follows the header.
    pub proto: u8,
    /// Type of service or traffic class.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Header with options or extension headers, in bytes.
    pub header_len: usize,
    /// Header and payload, in bytes.
    pub total_len: usize,
    /// Part of a fragmented packet.
    pub is_fragment: bool,
    /// Offset of the byte that is `proto`.
    proto_at: usize,
}

impl IpView {
    /// Bytes after the header.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.total_len.saturating_sub(self.header_len)
    }

    /// The payload, in the packet that this view was parsed from.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        super::window(packet, self.header_len, self.total_len)
    }

    /// The family of the header.
    #[inline]
    pub const fn family(&self) -> Family {
        Family::of(&self.dst)
    }

    /// Changes what follows the header and the length of the packet; `packet` begins with the header that this view was
    /// parsed from, wherever that has moved to.
    ///
    /// # Errors
    ///
    /// `Truncated` if there is no such header any more, `BadLength` if `total_len` does not cover it or cannot be
    /// expressed. The packet is unchanged then.
    #[inline]
    pub fn rewrite(&self, packet: &mut [u8], proto: u8, total_len: usize) -> Result<(), WireError> {
        if total_len < self.header_len {
            return Err(WireError::BadLength);
        }
        match self.dst {
            IpAddr::V4(_) => {
                let len = u16::try_from(total_len).map_err(|_| WireError::BadLength)?;
                ipv4::set_proto_and_len(packet, proto, len)
            }
            IpAddr::V6(_) => {
                let len = total_len.saturating_sub(ipv6::HEADER_LEN);
                let len = u16::try_from(len).map_err(|_| WireError::BadLength)?;
                if packet.len() < ipv6::HEADER_LEN.max(self.header_len) {
                    return Err(WireError::Truncated);
                }
                *packet.get_mut(self.proto_at).ok_or(WireError::Truncated)? = proto;
                ipv6::set_payload_len(packet, len)
            }
        }
    }
}

/// Parses the header at the start of `packet`, which must hold the whole packet; more bytes may follow.
///
/// # Errors
///
/// `Truncated`, `BadVersion`, or `BadLength` for lengths that contradict each other.
#[inline]
pub fn parse(packet: &[u8], walk: Walk) -> Result<IpView, WireError> {
    let view = parse_header(packet, walk)?;
    if view.total_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(view)
}

/// As [`parse`], for a `packet` that may end behind its headers. The caller compares `total_len` with the length that it
/// knows.
///
/// # Errors
///
/// As [`parse`].
#[inline]
pub fn parse_header(packet: &[u8], walk: Walk) -> Result<IpView, WireError> {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => v4(packet),
        Some(6) => v6(packet, walk),
        Some(_) => Err(WireError::BadVersion),
        None => Err(WireError::Truncated),
    }
}

#[inline]
fn v4(packet: &[u8]) -> Result<IpView, WireError> {
    let view = ipv4::parse_header(packet)?;
    Ok(IpView {
        src: IpAddr::V4(view.src),
        dst: IpAddr::V4(view.dst),
        proto: view.proto,
        tos: view.tos,
        ttl: view.ttl,
        header_len: view.header_len,
        total_len: view.total_len,
        is_fragment: view.is_fragment(),
        proto_at: V4_PROTO,
    })
}

fn v6(packet: &[u8], walk: Walk) -> Result<IpView, WireError> {
    let fixed = ipv6::parse_fixed(packet)?;
    let mut at = Place {
        proto: fixed.next_header,
        proto_at: V6_NEXT,
        header_len: ipv6::HEADER_LEN,
    };
    let mut belongs = at;
    for _ in 0..MAX_EXTENSIONS {
        let is_options = at.proto == DESTINATION;
        let Some(next) = at.step(packet)? else {
            let end = match walk {
                Walk::Insert => belongs,
                Walk::Find => at,
            };
            if end.header_len > fixed.total_len {
                return Err(WireError::BadLength);
            }
            return Ok(IpView {
                src: IpAddr::V6(fixed.src),
                dst: IpAddr::V6(fixed.dst),
                proto: end.proto,
                tos: fixed.class,
                ttl: fixed.hop_limit,
                header_len: end.header_len,
                total_len: fixed.total_len,
                is_fragment: at.proto == ipv6::FRAGMENT,
                proto_at: end.proto_at,
            });
        };
        at = next;
        // Destination options count only if a routing header follows, which then moves this on.
        if !is_options {
            belongs = at;
        }
    }
    Err(WireError::BadLength)
}

/// A place between two headers.
#[derive(Clone, Copy)]
struct Place {
    proto: u8,
    proto_at: usize,
    header_len: usize,
}

impl Place {
    /// The place behind the extension header that stands here; `None` if none does.
    fn step(&self, packet: &[u8]) -> Result<Option<Self>, WireError> {
        if !matches!(self.proto, HOP_BY_HOP | ROUTING | DESTINATION) {
            return Ok(None);
        }
        let (next, len) = ipv6::extension(packet.get(self.header_len..).unwrap_or(&[]))?;
        Ok(Some(Self {
            proto: next,
            proto_at: self.header_len,
            header_len: self.header_len.saturating_add(len),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::checksum;

    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, payload.len() as u8, next, 64];
        packet.extend_from_slice(&[1; 16]);
        packet.extend_from_slice(&[2; 16]);
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn ipv4_header_with_options() {
        let mut packet = vec![
            0x46, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2,
        ];
        packet.extend_from_slice(&[1; 12]);
        let view = parse(&packet, Walk::Insert).unwrap();
        assert_eq!(
            (view.header_len, view.payload_len(), view.proto),
            (24, 8, 17)
        );
        view.rewrite(&mut packet, 50, 40).unwrap();
        assert_eq!((packet[9], &packet[2..4]), (50, &[0, 40][..]));
        assert_eq!(checksum::of(&packet[..24]), 0);
        assert_eq!(view.rewrite(&mut packet, 50, 23), Err(WireError::BadLength));
        assert_eq!(
            view.rewrite(&mut packet, 50, 65536),
            Err(WireError::BadLength)
        );
    }

    #[test]
    fn ipv6_places() {
        let options = [6, 0, 1, 4, 0, 0, 0, 0];
        let mut tcp_behind_options = v6(60, &[&options[..], &[0; 20]].concat());
        let insert = parse(&tcp_behind_options, Walk::Insert).unwrap();
        assert_eq!((insert.header_len, insert.proto), (40, 60));
        let find = parse(&tcp_behind_options, Walk::Find).unwrap();
        assert_eq!((find.header_len, find.proto), (48, 6));
        find.rewrite(&mut tcp_behind_options, 50, 76).unwrap();
        assert_eq!(tcp_behind_options[40], 50);
        assert_eq!(tcp_behind_options[4..6], [0, 36]);
        insert.rewrite(&mut tcp_behind_options, 51, 76).unwrap();
        assert_eq!(tcp_behind_options[6], 51);
    }

    #[test]
    fn destination_options_before_a_routing_header_come_first() {
        let packet = v6(
            0,
            &[
                &[60, 0, 1, 4, 0, 0, 0, 0][..],
                &[43, 0, 1, 4, 0, 0, 0, 0],
                &[60, 0, 2, 0, 0, 0, 0, 0],
                &[17, 0, 1, 4, 0, 0, 0, 0],
                &[0; 8],
            ]
            .concat(),
        );
        let insert = parse(&packet, Walk::Insert).unwrap();
        assert_eq!((insert.header_len, insert.proto), (64, 60));
        let find = parse(&packet, Walk::Find).unwrap();
        assert_eq!((find.header_len, find.proto), (72, 17));
    }

    #[test]
    fn fragments_are_told() {
        let packet = v6(44, &[17, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let view = parse(&packet, Walk::Insert).unwrap();
        assert!(view.is_fragment && view.header_len == 40);
    }

    #[test]
    fn no_cut_panics_or_passes() {
        let packet = v6(
            0,
            &[&[60, 0, 1, 4, 0, 0, 0, 0][..], &[6, 0, 1, 4, 0, 0, 0, 0]].concat(),
        );
        for len in 0..packet.len() {
            assert!(parse(&packet[..len], Walk::Find).is_err(), "{len}");
        }
        let mut overlong = packet.clone();
        overlong[41] = 9;
        assert!(parse(&overlong, Walk::Find).is_err());
        let endless = v6(0, &[0, 0, 1, 4, 0, 0, 0, 0].repeat(12));
        assert_eq!(parse(&endless, Walk::Find), Err(WireError::BadLength));
        assert_eq!(parse(&[0x50; 60], Walk::Find), Err(WireError::BadVersion));
    }
}
