// SPDX-License-Identifier: GPL-2.0-only

//! Most packets: whole ones of TCP, UDP or ICMP behind a bare IP header.
//!
//! What policy asks about such a packet lies at fixed places, so that its flow can be told by a few loads. Packets that are
//! not plain are not worse; they are looked at by [`flow`](super::flow).

use super::{
    ipv4::{self, DF, MF, OFFSET, VERSION_IHL},
    ipv6,
};
use crate::hash::mix;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

/// An IPv4 header without options, and what follows it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct V4 {
    ip: ipv4::Header,
    ports: [u8; 4],
}

/// An IPv6 header, and what follows it.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct V6 {
    ip: ipv6::Header,
    ports: [u8; 4],
}

/// More fragments follow, or some went before.
const FRAGMENT: u16 = MF | OFFSET;
/// The part of a type of service that routes may depend on.
const DSCP: u8 = 0xfc;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Which flow a packet belongs to, and what a tunnel needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Equal for packets of one flow: addresses, protocol, ports (or ICMP type and code), DSCP.
    pub id: Id,
    /// Length of the packet as its header states it, in bytes; not more than there are.
    pub len: usize,
    /// Type of service or traffic class.
    pub tos: u8,
    /// Must not be fragmented: DF; always so for IPv6.
    pub df: bool,
}

/// What tells flows apart. Comparable within one run of the machine only: bytes are taken as they lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct Id {
    words: [u64; 4],
    rest: u64,
}

impl PartialEq for Id {
    /// By words: what the compiler makes of itself is a call.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.words, other.words);
        (a ^ e) | (b ^ f) | (c ^ g) | (d ^ h) | (self.rest ^ other.rest) == 0
    }
}

impl Eq for Id {}

impl Id {
    fn new(words: [u64; 4], ports: [u8; 4], proto: u8, tos: u8, is_v6: bool) -> Self {
        let ports = u64::from(u32::from_ne_bytes(ports)) << 32;
        // The bits of ECN say the family.
        let rest = ports | (u64::from(proto) << 8) | u64::from(tos & DSCP) | u64::from(is_v6);
        Self { words, rest }
    }

    /// The same for packets that came another way, of which there are up to 65536.
    #[inline]
    #[must_use]
    pub fn by_way(mut self, number: u16) -> Self {
        self.rest |= u64::from(number) << 16;
        self
    }

    /// A hash of all of it.
    #[inline]
    pub fn hash(&self) -> u64 {
        let [a, b, c, d] = self.words;
        let hash = mix(mix(0, a), self.rest);
        // Of IPv4 the other words are zero.
        if b | c | d == 0 {
            return hash;
        }
        mix(mix(mix(hash, b), c), d)
    }
}

impl Plain {
    /// Source and destination.
    #[inline]
    #[must_use]
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        let [a, b, c, d] = self.id.words;
        if self.is_v6() {
            let addr = |high: u64, low: u64| {
                let whole = (u128::from(u64::from_be(high)) << 64) | u128::from(u64::from_be(low));
                IpAddr::V6(Ipv6Addr::from(whole))
            };
            return (addr(a, b), addr(c, d));
        }
        let [s0, s1, s2, s3, d0, d1, d2, d3] = a.to_ne_bytes();
        (
            IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
            IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        )
    }

    /// The protocol behind the IP header: TCP, UDP or ICMP.
    #[inline]
    #[must_use]
    pub fn proto(&self) -> u8 {
        let [_, proto, ..] = self.id.rest.to_le_bytes();
        proto
    }

    /// Of IPv6.
    #[inline]
    #[must_use]
    pub fn is_v6(&self) -> bool {
        self.id.rest & 1 != 0
    }
}

/// The flow of the packet that `packet` begins with. `None` if it is not plain, be it good or bad, or has no hop left.
#[inline(always)]
pub fn parse(packet: &[u8]) -> Option<Plain> {
    let plain = match packet.first()? >> 4 {
        4 => v4(packet),
        6 => v6(packet),
        _ => None,
    }?;
    (plain.len <= packet.len()).then_some(plain)
}

#[inline(always)]
fn v4(packet: &[u8]) -> Option<Plain> {
    let (V4 { ip, ports }, _) = V4::ref_from_prefix(packet).ok()?;
    let flags = ip.flags_offset.get();
    let len = usize::from(ip.total_len.get());
    // The ports must be the packet's own: as much as IP promises of what follows its header.
    let whole = flags & FRAGMENT == 0 && len >= ipv4::HEADER_LEN + 8;
    let bare = ip.version_ihl == VERSION_IHL && whole;
    if !bare || ip.ttl == 0 || !matches!(ip.proto, ICMP | TCP | UDP) {
        return None;
    }
    let addrs = zerocopy::transmute!([ip.src, ip.dst]);
    Some(Plain {
        id: Id::new(
            [addrs, 0, 0, 0],
            transport(ip.proto, *ports),
            ip.proto,
            ip.tos,
            false,
        ),
        len,
        tos: ip.tos,
        df: flags & DF != 0,
    })
}

#[inline]
fn v6(packet: &[u8]) -> Option<Plain> {
    let (V6 { ip, ports }, _) = V6::ref_from_prefix(packet).ok()?;
    let payload_len = usize::from(ip.payload_len.get());
    let proto = ip.next_header;
    if payload_len < 8 || ip.hop_limit == 0 || !matches!(proto, ICMPV6 | TCP | UDP) {
        return None;
    }
    let [_, _, _, tos] = (ip.version_class_label.get() >> 20).to_be_bytes();
    Some(Plain {
        id: Id::new(
            zerocopy::transmute!([ip.src, ip.dst]),
            transport(proto, *ports),
            proto,
            tos,
            true,
        ),
        len: ipv6::HEADER_LEN.saturating_add(payload_len),
        tos,
        df: true,
    })
}

/// What the first four bytes behind the IP header say of a flow: all of them are ports; of ICMP, type and code are two.
#[inline]
fn transport(proto: u8, first: [u8; 4]) -> [u8; 4] {
    let [kind, code, ..] = first;
    match proto {
        TCP | UDP => first,
        _ => [kind, code, 0, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{flow, ipv4::OuterV4, ipv6::OuterV6};

    fn v4_packet(proto: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        let outer = OuterV4 {
            tos: 0xb9,
            ttl: 63,
            proto,
            src: "10.1.0.1".parse().unwrap(),
            dst: "10.2.0.1".parse().unwrap(),
            id: 1,
            df: true,
            total_len: 20 + payload.len() as u16,
        };
        outer.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    fn v6_packet(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        let outer = OuterV6 {
            class: 0xb9,
            hop_limit: 63,
            next_header,
            src: "2001:db8::1".parse().unwrap(),
            dst: "2001:db8::2".parse().unwrap(),
            payload_len: payload.len() as u16,
        };
        outer.write(&mut packet).unwrap();
        packet.extend_from_slice(payload);
        packet
    }

    const PORTS: [u8; 8] = [0, 22, 0, 80, 0, 8, 0, 0];

    #[test]
    fn what_is_plain_says_what_the_classification_says() {
        for packet in [
            v4_packet(6, &PORTS),
            v4_packet(17, &PORTS),
            v6_packet(6, &PORTS),
            v6_packet(17, &PORTS),
        ] {
            let (plain, flow) = (parse(&packet).unwrap(), flow::classify(&packet).unwrap());
            assert_eq!(
                (plain.len, plain.tos, plain.df),
                (flow.len, flow.tos, flow.df)
            );
            assert_eq!(plain.ends(), (flow.src, flow.dst));
            assert_eq!(plain.proto(), flow.proto);
            assert_eq!(plain.is_v6(), flow.src.is_ipv6());
        }
    }

    #[test]
    fn every_field_of_the_flow_counts_and_no_other() {
        for packet in [v4_packet(6, &PORTS), v6_packet(6, &PORTS)] {
            let id = parse(&packet).unwrap().id;
            let v4 = packet.len() < 40;
            let (tos, addrs, ports) = if v4 {
                (1, 12..20, 20..24)
            } else {
                (0, 8..40, 40..44)
            };
            let flow: Vec<usize> = addrs.chain(ports).collect();
            for at in 0..packet.len() {
                let mut other = packet.clone();
                other[at] ^= 0x04;
                let same = match parse(&other) {
                    Some(other) => other.id == id,
                    None => continue,
                };
                let counts = flow.contains(&at) || at == tos || !v4 && at == 1;
                assert_eq!(!same, counts && (v4 || at != 1), "byte {at} of v4 {v4}");
            }
            assert_ne!(id.by_way(1), id.by_way(2));
            assert_eq!(id.by_way(0), id);
        }
    }

    #[test]
    fn families_do_not_meet() {
        let four = v4_packet(6, &PORTS);
        let mut six = v6_packet(6, &PORTS);
        six[8..24].fill(0);
        six[8..16].copy_from_slice(&four[12..20]);
        six[24..40].fill(0);
        let (four, six) = (parse(&four).unwrap(), parse(&six).unwrap());
        assert_eq!(four.tos & DSCP, six.tos & DSCP);
        assert_ne!(four.id, six.id);
    }

    #[test]
    fn ecn_is_no_part_of_a_flow() {
        let mut packet = v4_packet(6, &PORTS);
        let plain = parse(&packet).unwrap();
        packet[1] ^= 3;
        let other = parse(&packet).unwrap();
        assert_eq!(plain.id, other.id);
        assert_ne!(plain.tos, other.tos);
    }

    #[test]
    fn icmp_tells_types_apart_but_not_checksums() {
        let one = parse(&v4_packet(1, &[8, 0, 1, 2, 3, 4, 5, 6])).unwrap();
        let two = parse(&v4_packet(1, &[8, 0, 9, 9, 3, 4, 5, 6])).unwrap();
        let three = parse(&v4_packet(1, &[8, 1, 1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(one.id, two.id);
        assert_ne!(one.id, three.id);
    }

    #[test]
    fn the_rest_is_not_plain() {
        let good = v4_packet(6, &PORTS);
        let with = |at: usize, byte: u8| {
            let mut packet = good.clone();
            packet[at] = byte;
            parse(&packet)
        };
        assert!(parse(&good).is_some());
        assert_eq!(with(0, 0x46), None, "options");
        assert_eq!(with(0, 0x55), None, "version");
        assert_eq!(with(6, 0x20), None, "more fragments");
        assert_eq!(with(7, 1), None, "a later fragment");
        assert_eq!(with(8, 0), None, "no hop left");
        assert_eq!(with(9, 50), None, "ESP");
        assert_eq!(with(3, 29), None, "longer than there is");
        assert_eq!(with(3, 27), None, "the transport header is cut");
        assert_eq!(parse(&good[..23]), None);
        assert_eq!(parse(&[]), None);
        let six = v6_packet(6, &PORTS);
        assert_eq!(parse(&v6_packet(0, &PORTS)), None, "an extension header");
        assert_eq!(parse(&six[..47]), None);
        let mut stale = six;
        stale[7] = 0;
        assert_eq!(parse(&stale), None, "no hop left");
    }

    #[test]
    fn what_is_behind_the_packet_does_not_count() {
        let mut padded = v4_packet(17, &PORTS);
        padded.extend_from_slice(&[0; 18]);
        assert_eq!(parse(&padded).unwrap().len, 28);
    }
}
