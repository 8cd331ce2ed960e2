// SPDX-License-Identifier: GPL-2.0-only

//! What an eroute may ask about a packet.

use super::{ipv4, ipv6, udp, WireError};
use crate::reason::Discard;
use core::net::IpAddr;

/// The classification of an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address.
    pub src: IpAddr,
    /// Destination address, of the same family.
    pub dst: IpAddr,
    /// Protocol; behind the extension headers for IPv6.
    pub proto: u8,
    /// Source port of TCP and UDP, host byte order; else 0, and 0 for fragments that do not carry it.
    pub sport: u16,
    /// Destination port, as `sport`.
    pub dport: u16,
    /// Length of the IP header with options or extension headers, in bytes.
    pub header_len: usize,
    /// Length of the packet as its header states it, in bytes.
    pub len: usize,
    /// Type of service or traffic class.
    pub tos: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Must not be fragmented: DF; always so for IPv6.
    pub df: bool,
    /// Whole, or the first of its fragments.
    pub first_fragment: bool,
    /// Part of a fragmented packet.
    pub is_fragment: bool,
}

impl Flow {
    /// The flow of the answers: addresses and ports change places.
    ///
    /// The eroute that its key finds is the policy of this host for a packet that was received.
    #[inline]
    #[must_use]
    pub const fn reversed(&self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            sport: self.dport,
            dport: self.sport,
            ..*self
        }
    }
}

/// Classifies the IP packet that `packet` begins with; trailing bytes beyond its length are ignored.
///
/// # Errors
///
/// [`Discard::TxBadInnerHeader`] if it is no valid IPv4 or IPv6 packet.
#[inline]
pub fn classify(packet: &[u8]) -> Result<Flow, Discard> {
    classify_head(packet, packet.len())
}

/// As [`classify`], for a packet of `len` bytes of which `head` is only the beginning.
///
/// Ports that lie outside of `head` count as absent, so it should hold the transport header too: 64 bytes behind the IP
/// header's start do for IPv4 with any options. IPv6 extension headers must lie within `head`.
///
/// # Errors
///
/// As [`classify`].
#[inline]
pub fn classify_head(head: &[u8], len: usize) -> Result<Flow, Discard> {
    let flow = match head.first().map(|byte| byte >> 4) {
        Some(4) => classify_v4(head),
        Some(6) => classify_v6(head),
        _ => Err(WireError::BadVersion),
    };
    match flow {
        Ok(flow) if flow.len <= len => Ok(flow),
        _ => Err(Discard::TxBadInnerHeader),
    }
}

#[inline]
fn classify_v4(head: &[u8]) -> Result<Flow, WireError> {
    let view = ipv4::parse_header(head)?;
    let first_fragment = view.is_first_fragment();
    let (sport, dport) = ports(first_fragment, view.proto, view.payload(head));
    Ok(Flow {
        src: IpAddr::V4(view.src),
        dst: IpAddr::V4(view.dst),
        proto: view.proto,
        sport,
        dport,
        header_len: view.header_len,
        len: view.total_len,
        tos: view.tos,
        ttl: view.ttl,
        df: view.df(),
        first_fragment,
        is_fragment: view.is_fragment(),
    })
}

fn classify_v6(head: &[u8]) -> Result<Flow, WireError> {
    let view = ipv6::parse_header(head)?;
    let (sport, dport) = ports(view.is_first_fragment, view.proto, view.payload(head));
    Ok(Flow {
        src: IpAddr::V6(view.src),
        dst: IpAddr::V6(view.dst),
        proto: view.proto,
        sport,
        dport,
        header_len: view.header_len,
        len: view.total_len,
        tos: view.class,
        ttl: view.hop_limit,
        df: true,
        first_fragment: view.is_first_fragment,
        is_fragment: view.is_fragment,
    })
}

/// A later fragment has no transport header, and a cut one does not count: such packets match eroutes without ports.
#[inline]
fn ports(first_fragment: bool, proto: u8, payload: &[u8]) -> (u16, u16) {
    if first_fragment {
        udp::ports(proto, payload).unwrap_or((0, 0))
    } else {
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv4::OuterV4;
    use core::net::Ipv4Addr;

    fn packet(proto: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        let outer = OuterV4 {
            tos: 8,
            ttl: 63,
            proto,
            src: Ipv4Addr::new(10, 1, 0, 1),
            dst: Ipv4Addr::new(10, 2, 0, 1),
            id: 1,
            df: true,
            total_len: 20 + payload.len() as u16,
        };
        outer.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn tcp_has_ports() {
        let flow = classify(&packet(6, &[0x80, 0x01, 0x00, 0x16, 0, 0])).unwrap();
        assert_eq!((flow.proto, flow.sport, flow.dport), (6, 0x8001, 22));
        assert_eq!(
            (flow.src, flow.dst),
            ("10.1.0.1".parse().unwrap(), "10.2.0.1".parse().unwrap())
        );
        assert_eq!(
            (flow.len, flow.header_len, flow.tos, flow.ttl),
            (26, 20, 8, 63)
        );
        assert!(flow.df && flow.first_fragment);
    }

    #[test]
    fn icmp_and_cut_transport_headers_have_none() {
        let flow = classify(&packet(1, &[8, 0, 0, 0])).unwrap();
        assert_eq!((flow.sport, flow.dport), (0, 0));
        let flow = classify(&packet(17, &[1, 2, 3])).unwrap();
        assert_eq!((flow.sport, flow.dport), (0, 0));
    }

    #[test]
    fn later_fragments_have_none() {
        let mut later = packet(17, &[1, 1, 2, 2, 0, 0, 0, 0]);
        later[7] = 1;
        let flow = classify(&later).unwrap();
        assert_eq!((flow.sport, flow.dport, flow.first_fragment), (0, 0, false));
        let mut first = packet(17, &[1, 1, 2, 2, 0, 0, 0, 0]);
        first[6] = 0x20;
        assert_eq!(classify(&first).unwrap().sport, 0x0101);
    }

    #[test]
    fn padding_behind_the_packet_is_not_payload() {
        let mut padded = packet(17, &[1, 1]);
        padded.extend_from_slice(&[2; 18]);
        let flow = classify(&padded).unwrap();
        assert_eq!((flow.len, flow.sport), (22, 0));
    }

    #[test]
    fn the_head_is_enough() {
        let whole = packet(6, &[0, 22, 0, 80, 0, 0, 0, 0]);
        let flow = classify_head(&whole[..24], whole.len()).unwrap();
        assert_eq!(Ok(flow), classify(&whole));
        assert_eq!(classify_head(&whole[..23], whole.len()).unwrap().sport, 0);
        let short = classify_head(&whole, whole.len() - 1);
        assert_eq!(short, Err(Discard::TxBadInnerHeader));
    }

    #[test]
    fn neither_version_is_refused() {
        assert_eq!(classify(&[]), Err(Discard::TxBadInnerHeader));
        assert_eq!(classify(&[0x50; 40]), Err(Discard::TxBadInnerHeader));
    }
}
