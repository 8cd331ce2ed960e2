// SPDX-License-Identifier: GPL-2.0-only

//! What a trap makes of the packet that it catches, and which packets nothing may catch.

use super::{Family, Key, Selector};
use crate::said::SaProto;
use crate::wire::flow::Flow;
use crate::wire::udp::UDP;
use core::net::IpAddr;

/// The UDP ports of IKE, RFC 7296 section 2: plain, and with NAT traversal.
pub const IKE_PORTS: [u16; 2] = [500, 4500];

/// The flow is key management's or IPsec's own: ESP, AH, or UDP *from* an IKE port.
///
/// A later fragment of such a UDP packet has no ports; who knows the socket that sent it should ask with the socket's
/// port in `sport`. For a received packet ask about its [reverse](Flow::reversed).
#[inline]
pub fn is_ike_or_ipsec(flow: &Flow) -> bool {
    flow.proto == SaProto::Esp.ip_proto()
        || flow.proto == SaProto::Ah.ip_proto()
        || (flow.proto == UDP && IKE_PORTS.contains(&flow.sport))
}

/// The packet leaves in clear whatever its eroute says, and without being counted there: how gateways reach each other
/// at all when the policy covers themselves.
///
/// `said_dst` is the destination of the eroute's SAID, `None` without an eroute. Only packets of this host
/// (`src_is_local`) qualify, and only if the eroute leads to where the packet goes anyway, or is a shunt.
#[inline]
pub fn bypass(flow: &Flow, said_dst: Option<&IpAddr>, src_is_local: bool) -> bool {
    let leads_elsewhere = said_dst.is_some_and(|dst| !dst.is_unspecified() && *dst != flow.dst);
    src_is_local && !leads_elsewhere && is_ike_or_ipsec(flow)
}

/// The packet belongs to the link that it is sent on, and never leaves that: neighbour discovery (RFC 4861 wants its hop
/// limit to be 255), and what says who listens to which group (IGMP, MLD). Nothing that is protected could do its work.
///
/// `icmp_type` is the first byte behind the IP header.
pub fn is_of_the_link(flow: &Flow, icmp_type: Option<u8>) -> bool {
    const IGMP: u8 = 2;
    const ICMPV6: u8 = 58;
    match (flow.proto, icmp_type, flow.ttl) {
        (ICMPV6, Some(133..=137), 255) => flow.dst.is_ipv6(),
        (ICMPV6, Some(130..=132 | 143), 1) => flow.dst.is_ipv6() && flow.dst.is_multicast(),
        (IGMP, _, 1) => flow.dst.is_ipv4() && flow.dst.is_multicast(),
        _ => false,
    }
}

/// What an ACQUIRE says about the packet that a trap caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcquireEnds {
    /// The packet's source, not that of the trap.
    pub src: IpAddr,
    /// The packet's destination.
    pub dst: IpAddr,
    /// The packet's protocol if the trap asks for one, else 0.
    pub proto: u8,
    /// The packet's source port if the trap asks for a protocol and for one, else 0; host byte order.
    pub sport: u16,
    /// The packet's destination port, as `sport`.
    pub dport: u16,
}

/// What to say in the ACQUIRE for a packet that the eroute `trap` caught.
pub fn acquire_ends(trap: &Selector, flow: &Flow) -> AcquireEnds {
    let asked = trap.key();
    let port = |asked_port: u16, port: u16| {
        if asked.proto != 0 && asked_port != 0 {
            port
        } else {
            0
        }
    };
    AcquireEnds {
        src: flow.src,
        dst: flow.dst,
        proto: if asked.proto != 0 { flow.proto } else { 0 },
        sport: port(asked.sport, flow.sport),
        dport: port(asked.dport, flow.dport),
    }
}

/// The `%hold` for a packet that the eroute `trap` caught: its two hosts, and as much more as the trap asks for.
///
/// Both ports of the packet are in the key, where the listing shows them, but only those that the trap asks for are in
/// the mask. `None` if trap and packet are of different families.
pub fn hold_for(trap: &Selector, flow: &Flow) -> Option<Selector> {
    let asked = trap.key();
    let family = Family::of(&flow.src);
    if asked.family != family {
        return None;
    }
    let proto = if asked.proto != 0 { flow.proto } else { 0 };
    let key = Key::new(&flow.src, &flow.dst, proto, flow.sport, flow.dport)?;
    let port_mask = |asked: u16| if asked == 0 { 0 } else { u16::MAX };
    let mask = Key {
        family,
        src: family.mask(family.bits()),
        dst: family.mask(family.bits()),
        proto: if proto == 0 { 0 } else { u8::MAX },
        sport: port_mask(asked.sport),
        dport: port_mask(asked.dport),
    };
    Selector::new(key, mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Subnet;

    fn flow(src: &str, dst: &str, proto: u8, sport: u16, dport: u16) -> Flow {
        Flow {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            proto,
            sport,
            dport,
            header_len: 20,
            len: 60,
            tos: 0,
            ttl: 64,
            df: false,
            first_fragment: true,
            is_fragment: false,
        }
    }

    #[test]
    fn what_is_of_the_link() {
        let of = |dst: &str, proto, ttl, kind| {
            let src = if dst.contains(':') {
                "2001:db8::1"
            } else {
                "192.0.2.1"
            };
            let flow = Flow {
                ttl,
                ..flow(src, dst, proto, 0, 0)
            };
            is_of_the_link(&flow, kind)
        };
        // A neighbour is asked for by everybody's address, and asked whether it is still there by its own.
        assert!(of("ff02::1:ff00:2", 58, 255, Some(135)));
        assert!(of("2001:db8::2", 58, 255, Some(135)) && of("2001:db8::2", 58, 255, Some(136)));
        assert!(of("ff02::16", 58, 1, Some(143)) && of("224.0.0.22", 2, 1, Some(0x22)));
        // From elsewhere, to one host alone, or something else.
        assert!(!of("2001:db8::2", 58, 254, Some(135)) && !of("2001:db8::2", 58, 1, Some(143)));
        assert!(!of("192.0.2.2", 2, 1, Some(0x22)) && !of("224.0.0.22", 2, 64, Some(0x22)));
        assert!(!of("2001:db8::2", 58, 255, Some(128)) && !of("2001:db8::2", 58, 255, None));
        assert!(!of("192.0.2.2", 58, 255, Some(135)) && !of("2001:db8::2", 6, 255, Some(135)));
    }

    fn selector(src: &str, dst: &str, proto: u8, sport: u16, dport: u16) -> Selector {
        let net = |text| Subnet::parse(text, None).unwrap();
        Selector::between(&net(src), &net(dst), proto, sport, dport).unwrap()
    }

    #[test]
    fn own_ike_and_ipsec_pass() {
        let peer = "192.0.2.9".parse().unwrap();
        let other = "192.0.2.10".parse().unwrap();
        let any = Family::V4.any();
        for (proto, sport, dport, wanted) in [
            (17, 500, 1234, true),
            (17, 4500, 4500, true),
            (17, 1234, 500, false),
            (6, 500, 500, false),
            (50, 0, 0, true),
            (51, 0, 0, true),
            (1, 0, 0, false),
        ] {
            let flow = flow("192.0.2.1", "192.0.2.9", proto, sport, dport);
            assert_eq!(is_ike_or_ipsec(&flow), wanted);
            assert_eq!(bypass(&flow, None, true), wanted, "no eroute");
            assert_eq!(bypass(&flow, Some(&any), true), wanted, "a shunt");
            assert_eq!(bypass(&flow, Some(&peer), true), wanted, "SA to the peer");
            assert!(!bypass(&flow, Some(&other), true), "SA to someone else");
            assert!(!bypass(&flow, None, false), "forwarded");
        }
        let v6 = flow("2001:db8::1", "2001:db8::9", 17, 500, 500);
        assert!(bypass(&v6, Some(&any), true), "IPv4 shunt for IPv6");
        assert!(bypass(&v6, Some(&Family::V6.any()), true));
    }

    #[test]
    fn received_ike_is_the_reverse_of_sent_ike() {
        let received = flow("192.0.2.9", "192.0.2.1", 17, 1027, 4500);
        assert!(!is_ike_or_ipsec(&received));
        assert!(is_ike_or_ipsec(&received.reversed()));
    }

    #[test]
    fn plain_trap_asks_for_hosts_only() {
        let trap = selector("10.1.0.0/16", "0.0.0.0/0", 0, 0, 0);
        let packet = flow("10.1.2.3", "192.0.2.7", 6, 1025, 80);
        let ends = acquire_ends(&trap, &packet);
        assert_eq!((ends.src, ends.dst), (packet.src, packet.dst));
        assert_eq!((ends.proto, ends.sport, ends.dport), (0, 0, 0));
        let hold = hold_for(&trap, &packet).unwrap();
        assert_eq!(hold.src_net().to_string(), "10.1.2.3/32");
        assert_eq!(hold.dst_net().to_string(), "192.0.2.7/32");
        assert_eq!(
            (hold.key().proto, hold.key().sport, hold.key().dport),
            (0, 1025, 80)
        );
        let mask = hold.mask();
        assert_eq!((mask.proto, mask.sport, mask.dport), (0, 0, 0));
        assert!(hold.matches(&Key::from_flow(&packet)));
        assert!(hold.matches(&Key::from_flow(&flow("10.1.2.3", "192.0.2.7", 17, 1, 2))));
    }

    #[test]
    fn qualified_trap_asks_for_what_it_has() {
        let trap = selector("10.1.0.0/16", "0.0.0.0/0", 6, 0, 80);
        let packet = flow("10.1.2.3", "192.0.2.7", 6, 1025, 80);
        let ends = acquire_ends(&trap, &packet);
        assert_eq!((ends.proto, ends.sport, ends.dport), (6, 0, 80));
        let hold = hold_for(&trap, &packet).unwrap();
        let mask = hold.mask();
        assert_eq!((mask.proto, mask.sport, mask.dport), (0xff, 0, 0xffff));
        assert!(hold.matches(&Key::from_flow(&flow("10.1.2.3", "192.0.2.7", 6, 9, 80))));
        assert!(!hold.matches(&Key::from_flow(&flow("10.1.2.3", "192.0.2.7", 17, 9, 80))));
        assert!(super::super::precedes(mask, trap.mask()));
    }

    #[test]
    fn holds_of_ipv6_are_for_two_hosts() {
        let trap = selector("2001:db8:1::/48", "::/0", 17, 53, 0);
        let packet = flow("2001:db8:1::5", "2001:db8:2::6", 17, 53, 99);
        let hold = hold_for(&trap, &packet).unwrap();
        assert_eq!(hold.src_net().to_string(), "2001:db8:1::5/128");
        assert_eq!(hold.dst_net().to_string(), "2001:db8:2::6/128");
        assert_eq!(
            (hold.mask().proto, hold.mask().sport, hold.mask().dport),
            (0xff, 0xffff, 0)
        );
        assert_eq!(
            hold_for(&selector("0.0.0.0/0", "0.0.0.0/0", 0, 0, 0), &packet),
            None
        );
    }
}
