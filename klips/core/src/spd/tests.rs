// SPDX-License-Identifier: GPL-2.0-only

use super::*;
use crate::addr::Family;
use crate::wire::flow::classify;

fn end(text: &str, prefix_len: u8, port: u16, proto: u8) -> Endpoint {
    Endpoint {
        addr: text.parse().unwrap(),
        prefix_len,
        port,
        proto,
    }
}

fn packet(src: &str, dst: &str, proto: u8, sport: u16, dport: u16) -> Key {
    let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
    Key::new(&src, &dst, proto, sport, dport).unwrap()
}

#[test]
fn what_is_zero_or_any_is_not_looked_at() {
    let any = selector(&end("10.1.2.3", 8, 0, 255), &end("0.0.0.0", 0, 0, 255)).unwrap();
    assert_eq!(any.mask().proto, 0);
    assert!(any.matches(&packet("10.9.9.9", "1.1.1.1", 6, 1, 2)));
    assert!(!any.matches(&packet("11.9.9.9", "1.1.1.1", 6, 1, 2)));
    let web = selector(&end("10.1.2.3", 32, 0, 0), &end("20.0.0.0", 8, 80, 6)).unwrap();
    assert!(web.matches(&packet("10.1.2.3", "20.1.1.1", 6, 999, 80)));
    assert!(!web.matches(&packet("10.1.2.3", "20.1.1.1", 6, 999, 81)));
    assert!(!web.matches(&packet("10.1.2.3", "20.1.1.1", 17, 999, 80)));
    let zero = selector(&end("::", 0, 0, 0), &end("::", 0, 0, 0)).unwrap();
    assert!(zero.matches(&packet("2001:db8::1", "::1", 58, 0, 0)));
    assert_eq!(
        selector(&end("::", 0, 0, 0), &end("0.0.0.0", 0, 0, 0)),
        None
    );
}

fn icmp(kind: u8, code: u8, offset: u8) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 24, 0, 0, 0, offset, 64, 1, 0, 0];
    bytes.extend_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, kind, code, 0, 0]);
    let sum = bytes[..20]
        .chunks(2)
        .map(|c| (u32::from(c[0]) << 8) | u32::from(c[1]))
        .sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn icmp_has_its_type_and_code_for_ports() {
    let bytes = icmp(8, 3, 0);
    let flow = classify(&bytes).unwrap();
    let seen = key(&flow, &bytes);
    assert_eq!((seen.proto, seen.sport, seen.dport), (1, 8, 3));
    // Eroutes do not look there.
    assert_eq!(Key::from_flow(&flow).sport, 0);
    let ping = selector(&end("0.0.0.0", 0, 8, 1), &end("0.0.0.0", 0, 0, 1)).unwrap();
    assert!(ping.matches(&seen));
    let later = icmp(8, 3, 1);
    let seen = key(&classify(&later).unwrap(), &later);
    assert_eq!((seen.sport, seen.dport), (0, 0));
    assert_eq!(key(&flow, &bytes[..21]).sport, 0, "cut");
}

#[test]
fn limits_of_time() {
    let times = |last_use| Times {
        created: 100,
        last_use,
    };
    let limits = |addtime, usetime| Lifetime {
        addtime,
        usetime,
        ..Lifetime::default()
    };
    assert_eq!(times(0).end(&limits(0, 0)), None);
    assert_eq!(times(0).end(&limits(50, 0)), Some(150));
    assert_eq!(times(120).end(&limits(50, 0)), Some(150));
    assert_eq!(times(0).end(&limits(0, 50)), Some(150));
    assert_eq!(times(120).end(&limits(0, 50)), Some(170));
    assert_eq!(times(120).end(&limits(60, 50)), Some(160));
    assert_eq!(times(1).end(&limits(u64::MAX, 0)), Some(u64::MAX));
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

#[test]
fn search_finds_what_a_list_would() {
    let mut numbers = Numbers(0x5eed);
    for _ in 0..200 {
        let mut policies: Vec<(Selector, Rank)> = Vec::new();
        for serial in 0..numbers.below(30) {
            let mut net = || {
                let bits = (u128::from(numbers.below(16)) << 28) | u128::from(numbers.below(4));
                (
                    bits,
                    Family::V4.mask([0, 1, 2, 4, 31, 32][numbers.below(6) as usize]),
                )
            };
            let ((src, src_mask), (dst, dst_mask)) = (net(), net());
            let proto = [0, 6][numbers.below(2) as usize];
            let sport = [0, 80][numbers.below(2) as usize];
            let mask = Key {
                family: Family::V4,
                src: src_mask,
                dst: dst_mask,
                proto: if proto == 0 { 0 } else { 0xff },
                sport: if sport == 0 { 0 } else { 0xffff },
                dport: 0,
            };
            let key = Key {
                family: Family::V4,
                src,
                dst,
                proto,
                sport,
                dport: 0,
            };
            let selector = Selector::new(key, mask).unwrap();
            if policies.iter().any(|(there, _)| there.same(&selector)) {
                continue;
            }
            let priority = numbers.below(4) as u32;
            policies.push((selector, Rank { priority, serial }));
        }
        let mut shapes: Vec<Shape> = Vec::new();
        for (selector, rank) in &policies {
            match shapes.iter_mut().find(|s| s.mask == *selector.mask()) {
                Some(shape) => shape.least = shape.least.min(*rank),
                None => shapes.push(Shape {
                    mask: *selector.mask(),
                    least: *rank,
                }),
            }
        }
        shapes.sort_by_key(|shape| shape.least);
        for _ in 0..50 {
            let packet = Key {
                family: Family::V4,
                src: (u128::from(numbers.below(16)) << 28) | u128::from(numbers.below(4)),
                dst: (u128::from(numbers.below(16)) << 28) | u128::from(numbers.below(4)),
                proto: [6, 17][numbers.below(2) as usize],
                sport: [80, 81][numbers.below(2) as usize],
                dport: 1,
            };
            let wanted = policies
                .iter()
                .filter(|(selector, _)| selector.matches(&packet))
                .map(|(_, rank)| *rank)
                .min();
            let mut asked = 0;
            let found = search(&shapes, &packet, |key, mask| {
                asked += 1;
                policies
                    .iter()
                    .find(|(s, _)| s.mask() == mask && s.canonical() == *key)
                    .map(|(_, rank)| (*rank, *rank))
            });
            assert_eq!(found, wanted);
            // Where the search stopped, nothing better could follow.
            assert!(shapes[asked..].iter().all(|s| Some(s.least) > wanted));
        }
    }
}
