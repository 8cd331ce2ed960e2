// SPDX-License-Identifier: GPL-2.0-only

//! Keys and selectors.

use crate::addr::{addr_bits, Family, Net, Subnet};
use crate::hash::{high, low, mix};
use crate::wire::flow::Flow;
use core::cmp::Ordering;
use core::net::IpAddr;

/// What an eroute looks at in a packet; also, with ones in place of values, a mask.
///
/// Keys sort as the listing does: IPv4 first, then by source, destination, protocol, source and destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Address family of both addresses.
    pub family: Family,
    /// Source address; IPv4 in the low 32 bits.
    pub src: u128,
    /// Destination address, as `src`.
    pub dst: u128,
    /// IP protocol.
    pub proto: u8,
    /// Source port, host byte order.
    pub sport: u16,
    /// Destination port, host byte order.
    pub dport: u16,
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    /// By the fields as they stand. Derived, it would make three results of each pair before it looks at the next: trees of
    /// keys spend most of their time here.
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let less = |less: bool| {
            if less {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        };
        if self.family != other.family {
            return self.family.cmp(&other.family);
        }
        if self.src != other.src {
            return less(self.src < other.src);
        }
        if self.dst != other.dst {
            return less(self.dst < other.dst);
        }
        let rest = |key: &Self| (key.proto, key.sport, key.dport);
        rest(self).cmp(&rest(other))
    }
}

impl Key {
    /// The key of two addresses of one family; `None` if they are not.
    #[inline]
    pub fn new(src: &IpAddr, dst: &IpAddr, proto: u8, sport: u16, dport: u16) -> Option<Self> {
        let family = Family::of(src);
        (family == Family::of(dst)).then(|| Self {
            family,
            src: addr_bits(src),
            dst: addr_bits(dst),
            proto,
            sport,
            dport,
        })
    }

    /// The key of a packet.
    #[inline]
    pub fn from_flow(flow: &Flow) -> Self {
        Self {
            // `classify` takes both addresses from one header.
            family: Family::of(&flow.src),
            src: addr_bits(&flow.src),
            dst: addr_bits(&flow.dst),
            proto: flow.proto,
            sport: flow.sport,
            dport: flow.dport,
        }
    }

    /// The key of packets of `proto`, which has no ports, between two addresses of one family.
    pub fn host_to_host(src: IpAddr, dst: IpAddr, proto: u8) -> Self {
        Self {
            family: Family::of(&src),
            src: addr_bits(&src),
            dst: addr_bits(&dst),
            proto,
            sport: 0,
            dport: 0,
        }
    }

    /// Source address.
    pub fn src_addr(&self) -> IpAddr {
        self.family.addr(self.src)
    }

    /// Destination address.
    pub fn dst_addr(&self) -> IpAddr {
        self.family.addr(self.dst)
    }

    /// This key with everything cleared that `mask` does not ask about.
    #[inline]
    pub const fn masked(&self, mask: &Self) -> Self {
        Self {
            family: self.family,
            src: self.src & mask.src,
            dst: self.dst & mask.dst,
            proto: self.proto & mask.proto,
            sport: self.sport & mask.sport,
            dport: self.dport & mask.dport,
        }
    }

    /// Of a mask: a number to begin the hashes of keys under it with, so that keys of several masks do not meet.
    #[inline]
    pub fn seed(&self) -> u64 {
        low(self.src)
            ^ high(self.src).rotate_left(16)
            ^ low(self.dst).rotate_left(32)
            ^ high(self.dst).rotate_left(48)
    }

    /// A hash for the caller's table, fast rather than strong.
    ///
    /// The keys in the table come from the administrator, so nobody else can choose them to collide; `seed` keeps
    /// chains from being the same everywhere, and should differ between masks too.
    #[inline]
    pub fn hash64(&self, seed: u64) -> u64 {
        let [s0, s1] = self.sport.to_be_bytes();
        let [d0, d1] = self.dport.to_be_bytes();
        let tail = u64::from_be_bytes([
            matches!(self.family, Family::V6).into(),
            0,
            0,
            self.proto,
            s0,
            s1,
            d0,
            d1,
        ]);
        let mut hash = mix(seed, tail);
        hash = mix(hash, low(self.src));
        hash = mix(hash, low(self.dst));
        if let Family::V6 = self.family {
            hash = mix(hash, high(self.src));
            hash = mix(hash, high(self.dst));
        }
        hash
    }
}

/// The packets that an eroute is about.
///
/// Masks need not be contiguous. `key` is as it was given; see the module documentation for host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    key: Key,
    mask: Key,
}

impl Selector {
    /// The selector of a key and a mask of the same family.
    pub fn new(key: Key, mask: Key) -> Option<Self> {
        (key.family == mask.family).then_some(Self { key, mask })
    }

    /// The selector that a person means by two networks, a protocol and ports, where 0 means any.
    ///
    /// `None` if the networks are of different families.
    pub fn between(src: &Subnet, dst: &Subnet, proto: u8, sport: u16, dport: u16) -> Option<Self> {
        let port_mask = |port: u16| if port == 0 { 0 } else { u16::MAX };
        let proto_mask = if proto == 0 { 0 } else { u8::MAX };
        Self::new(
            Key::new(&src.addr(), &dst.addr(), proto, sport, dport)?,
            Key::new(
                &src.mask(),
                &dst.mask(),
                proto_mask,
                port_mask(sport),
                port_mask(dport),
            )?,
        )
    }

    /// The key as it was given.
    #[inline]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The mask.
    #[inline]
    pub const fn mask(&self) -> &Key {
        &self.mask
    }

    /// The key that a table is indexed by, under [`Selector::mask`]: without host bits.
    #[inline]
    pub const fn canonical(&self) -> Key {
        self.key.masked(&self.mask)
    }

    /// Both select the same packets, so that only one of them can be in a table.
    #[inline]
    pub fn same(&self, other: &Self) -> bool {
        self.mask == other.mask && self.canonical() == other.canonical()
    }

    /// The packet is one of those selected.
    #[inline]
    pub fn matches(&self, packet: &Key) -> bool {
        packet.masked(&self.mask) == self.canonical()
    }

    /// Source network as the listing prints it.
    pub fn src_net(&self) -> Net {
        Net {
            addr: self.key.src_addr(),
            mask: self.mask.src_addr(),
        }
    }

    /// Destination network as the listing prints it.
    pub fn dst_net(&self) -> Net {
        Net {
            addr: self.key.dst_addr(),
            mask: self.mask.dst_addr(),
        }
    }
}

impl PartialOrd for Selector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of the listing: by key, and for equal keys the most specific mask first.
impl Ord for Selector {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_key = self.key.cmp(&other.key);
        if by_key != Ordering::Equal {
            return by_key;
        }
        super::shape::rank(&self.mask, &other.mask)
            // Masks of equal rank still need an order of their own, or two eroutes would count as one.
            .then_with(|| other.mask.cmp(&self.mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Subnet {
        Subnet::parse(text, None).unwrap()
    }

    fn selector(src: &str, dst: &str) -> Selector {
        Selector::between(&net(src), &net(dst), 0, 0, 0).unwrap()
    }

    #[test]
    fn families_must_agree() {
        assert_eq!(Selector::between(&net("10/8"), &net("::/0"), 0, 0, 0), None);
        assert!(Key::new(
            &"::1".parse().unwrap(),
            &"1.2.3.4".parse().unwrap(),
            0,
            0,
            0
        )
        .is_none());
    }

    #[test]
    fn zero_means_any() {
        let any = selector("10/8", "20/8");
        assert_eq!(
            (any.mask().proto, any.mask().sport, any.mask().dport),
            (0, 0, 0)
        );
        let web = Selector::between(&net("10/8"), &net("20/8"), 6, 0, 80).unwrap();
        assert_eq!(
            (web.mask().proto, web.mask().sport, web.mask().dport),
            (0xff, 0, 0xffff)
        );
        let packet = Key::new(
            &"10.1.1.1".parse().unwrap(),
            &"20.1.1.1".parse().unwrap(),
            6,
            999,
            80,
        )
        .unwrap();
        assert!(any.matches(&packet) && web.matches(&packet));
        assert!(!web.matches(&Key {
            dport: 81,
            ..packet
        }));
        assert!(!web.matches(&Key {
            proto: 17,
            ..packet
        }));
        assert!(!any.matches(&Key {
            family: Family::V6,
            ..packet
        }));
    }

    #[test]
    fn host_bits_are_kept_and_ignored() {
        let key = Key::new(
            &"10.1.2.3".parse().unwrap(),
            &"20.0.0.0".parse().unwrap(),
            0,
            0,
            0,
        )
        .unwrap();
        let given = Selector::new(key, *selector("10/8", "20/8").mask()).unwrap();
        assert_eq!(given.src_net().to_string(), "10.1.2.3/8");
        let packet = Key::new(
            &"10.9.9.9".parse().unwrap(),
            &"20.9.9.9".parse().unwrap(),
            1,
            0,
            0,
        )
        .unwrap();
        assert!(given.matches(&packet));
        assert!(given.same(&selector("10/8", "20/8")));
        assert!(!given.same(&selector("10/9", "20/8")));
    }

    #[test]
    fn masks_may_have_holes() {
        let mask = Key::new(
            &"255.0.255.0".parse().unwrap(),
            &"0.0.0.0".parse().unwrap(),
            0,
            0,
            0,
        )
        .unwrap();
        let key = Key::new(
            &"10.0.7.0".parse().unwrap(),
            &"0.0.0.0".parse().unwrap(),
            0,
            0,
            0,
        )
        .unwrap();
        let selector = Selector::new(key, mask).unwrap();
        let packet = |src: &str| {
            Key::new(&src.parse().unwrap(), &"1.1.1.1".parse().unwrap(), 6, 1, 2).unwrap()
        };
        assert!(selector.matches(&packet("10.200.7.9")));
        assert!(!selector.matches(&packet("10.200.8.9")));
    }

    #[test]
    fn listing_order() {
        let wanted = [
            selector("0.0.0.0/32", "0.0.0.0/0"),
            selector("0.0.0.0/0", "0.0.0.0/32"),
            selector("0.0.0.0/0", "0.0.0.0/0"),
            selector("10.0.0.0/16", "20.0.0.0/8"),
            selector("10.0.0.0/8", "20.0.0.0/16"),
            Selector::between(&net("10/8"), &net("20/8"), 6, 0, 80).unwrap(),
            Selector::between(&net("10/8"), &net("20/8"), 6, 7, 0).unwrap(),
            selector("10.0.0.0/8", "21.0.0.0/8"),
            selector("::/0", "::/0"),
        ];
        let mut sorted = wanted;
        sorted.reverse();
        sorted.sort();
        assert_eq!(sorted, wanted);
    }

    #[test]
    fn hash_depends_on_every_field() {
        let key = Key {
            family: Family::V6,
            src: 1 << 100,
            dst: 2,
            proto: 6,
            sport: 7,
            dport: 8,
        };
        let others = [
            Key {
                family: Family::V4,
                ..key
            },
            Key {
                src: 1 << 99,
                ..key
            },
            Key {
                dst: 2 | (1 << 127),
                ..key
            },
            Key { proto: 7, ..key },
            Key { sport: 8, ..key },
            Key { dport: 7, ..key },
        ];
        for other in others {
            assert_ne!(key.hash64(1), other.hash64(1), "{other:?}");
        }
        assert_ne!(key.hash64(1), key.hash64(2));
    }

    #[test]
    fn hash_spreads_neighbouring_networks() {
        // 4096 /24 networks into as many buckets: no bucket should get more than a handful.
        let mut buckets = [0_u8; 4096];
        for i in 0..4096_u128 {
            let key = Key {
                family: Family::V4,
                src: 0x0a00_0000 | (i << 8),
                dst: 0,
                proto: 0,
                sport: 0,
                dport: 0,
            };
            buckets[(key.hash64(0x1234) % 4096) as usize] += 1;
        }
        assert!(
            *buckets.iter().max().unwrap() <= 12,
            "{:?}",
            buckets.iter().max()
        );
    }
}
