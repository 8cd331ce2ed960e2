// SPDX-License-Identifier: GPL-2.0-only

//! The eroute search against a list that is gone through from end to end, on random tables.

use klips_core::eroute::{insertion_point, lookup, Family, Key, Selector};
use klips_core_tests::table::Eroutes;
use klips_core_tests::{selector, Rng};
use std::collections::{BTreeMap, HashMap};

/// A table as a caller would build it: ranked masks, and an exact map.
#[derive(Default)]
struct Table {
    shapes: Vec<Key>,
    entries: HashMap<(Key, Key), u32>,
    /// The same, made for many.
    large: Eroutes,
}

impl Table {
    fn add(&mut self, selector: &Selector, value: u32) -> bool {
        let id = (selector.canonical(), *selector.mask());
        if self.entries.contains_key(&id) {
            return false;
        }
        self.entries.insert(id, value);
        self.large.insert(selector, value);
        if let Err(place) = insertion_point(&self.shapes, selector.mask()) {
            self.shapes.insert(place, *selector.mask());
        }
        true
    }

    fn delete(&mut self, selector: &Selector) -> Option<u32> {
        let mask = selector.mask();
        let value = self.entries.remove(&(selector.canonical(), *mask));
        assert_eq!(self.large.delete(selector), value);
        let value = value?;
        if !self.entries.keys().any(|(_, used)| used == mask) {
            let place =
                insertion_point(&self.shapes, mask).expect("mask of an entry is not ranked");
            self.shapes.remove(place);
            self.large.forget(mask);
        }
        Some(value)
    }

    fn find(&self, packet: &Key) -> Option<u32> {
        let probe = |key: &Key, mask: &Key| self.entries.get(&(*key, *mask)).copied();
        let found = lookup(&self.shapes, packet, probe);
        assert_eq!(self.large.find(packet), found);
        found
    }
}

/// The same without any cleverness.
#[derive(Default)]
struct Model {
    /// Selector, since when its mask has been in use, value.
    entries: Vec<(Selector, u64, u32)>,
    clock: u64,
}

impl Model {
    fn add(&mut self, selector: &Selector, value: u32) -> bool {
        if self.entries.iter().any(|(known, ..)| known.same(selector)) {
            return false;
        }
        self.clock += 1;
        let with_mask = self
            .entries
            .iter()
            .find(|(known, ..)| known.mask() == selector.mask());
        let since = with_mask.map_or(self.clock, |(_, since, _)| *since);
        self.entries.push((*selector, since, value));
        true
    }

    fn delete(&mut self, selector: &Selector) -> Option<u32> {
        let place = self
            .entries
            .iter()
            .position(|(known, ..)| known.same(selector))?;
        Some(self.entries.remove(place).2)
    }

    fn find(&self, packet: &Key) -> Option<u32> {
        let matching = self
            .entries
            .iter()
            .filter(|(selector, ..)| field_by_field(selector, packet));
        let best = matching.max_by_key(|(selector, since, _)| {
            let mask = selector.mask();
            let ports = mask.sport.count_ones() + mask.dport.count_ones();
            let bits = (
                mask.src.count_ones(),
                mask.dst.count_ones(),
                mask.proto.count_ones(),
                ports,
            );
            (bits, std::cmp::Reverse(*since))
        });
        best.map(|(.., value)| *value)
    }
}

fn field_by_field(selector: &Selector, packet: &Key) -> bool {
    let (key, mask) = (selector.key(), selector.mask());
    key.family == packet.family
        && (key.src ^ packet.src) & mask.src == 0
        && (key.dst ^ packet.dst) & mask.dst == 0
        && (key.proto ^ packet.proto) & mask.proto == 0
        && (key.sport ^ packet.sport) & mask.sport == 0
        && (key.dport ^ packet.dport) & mask.dport == 0
}

/// Few addresses, so that entries overlap and packets match.
fn random_addr(rng: &mut Rng, family: Family) -> u128 {
    let byte = |rng: &mut Rng| u128::from(rng.pick(&[0_u8, 1, 2, 0x80]));
    let bits = (byte(rng) << 24) | (byte(rng) << 16) | (byte(rng) << 8) | byte(rng);
    match family {
        Family::V4 => bits,
        Family::V6 => (bits << 96) | (byte(rng) << 64) | byte(rng),
    }
}

fn random_mask(rng: &mut Rng, family: Family) -> u128 {
    if rng.one_in(20) {
        return random_addr(rng, family);
    }
    let lens: &[u8] = match family {
        Family::V4 => &[0, 1, 8, 9, 16, 24, 32],
        Family::V6 => &[0, 8, 16, 32, 64, 127, 128],
    };
    family.mask(rng.pick(lens))
}

fn random_key(rng: &mut Rng, family: Family) -> Key {
    Key {
        family,
        src: random_addr(rng, family),
        dst: random_addr(rng, family),
        proto: rng.pick(&[0, 6, 17]),
        sport: rng.pick(&[0, 80, 500]),
        dport: rng.pick(&[0, 80, 500]),
    }
}

fn random_selector(rng: &mut Rng) -> Selector {
    let family = rng.pick(&[Family::V4, Family::V4, Family::V6]);
    let mask = Key {
        family,
        src: random_mask(rng, family),
        dst: random_mask(rng, family),
        proto: rng.pick(&[0, 0, 0xff]),
        sport: rng.pick(&[0, 0, 0xffff]),
        dport: rng.pick(&[0, 0, 0xffff]),
    };
    Selector::new(random_key(rng, family), mask).unwrap()
}

#[test]
fn random_tables_agree_with_the_list() {
    let mut hits = 0;
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let (mut table, mut model) = (Table::default(), Model::default());
        for step in 0..400 {
            if rng.one_in(4) {
                // Mostly one that is there.
                let selector = match model.entries.len() as u64 {
                    0 => random_selector(&mut rng),
                    n if rng.one_in(5) => {
                        random_selector(&mut rng).max(model.entries[rng.below(n) as usize].0)
                    }
                    n => model.entries[rng.below(n) as usize].0,
                };
                assert_eq!(
                    table.delete(&selector),
                    model.delete(&selector),
                    "seed {seed} step {step}"
                );
            } else {
                let selector = random_selector(&mut rng);
                assert_eq!(
                    table.add(&selector, step),
                    model.add(&selector, step),
                    "seed {seed} step {step}"
                );
            }
            for _ in 0..5 {
                let family = rng.pick(&[Family::V4, Family::V6]);
                let packet = random_key(&mut rng, family);
                let found = table.find(&packet);
                assert_eq!(
                    found,
                    model.find(&packet),
                    "seed {seed} step {step} packet {packet:?}"
                );
                hits += u32::from(found.is_some());
            }
        }
        assert_eq!(table.entries.len(), model.entries.len());
    }
    assert!(
        hits > 15_000,
        "only {hits} lookups found anything: the test tests nothing"
    );
}

#[test]
fn shapes_stay_ranked_without_repeats() {
    let mut rng = Rng::new(7);
    let mut table = Table::default();
    for step in 0..300 {
        table.add(&random_selector(&mut rng), step);
        for pair in table.shapes.windows(2) {
            assert_ne!(pair[0], pair[1]);
            assert!(!klips_core::eroute::precedes(&pair[1], &pair[0]));
        }
    }
}

#[test]
fn nested_policies_are_longest_prefix_match() {
    let nested = [
        selector("0.0.0.0/0", "0.0.0.0/0", 0, 0, 0),
        selector("10.0.0.0/8", "20.0.0.0/8", 0, 0, 0),
        selector("10.1.0.0/16", "20.0.0.0/8", 0, 0, 0),
        selector("10.1.0.0/16", "20.1.0.0/16", 0, 0, 0),
        selector("10.1.1.1/32", "20.1.1.1/32", 0, 0, 0),
        selector("10.1.1.1/32", "20.1.1.1/32", 6, 0, 0),
        selector("10.1.1.1/32", "20.1.1.1/32", 6, 0, 80),
        selector("10.1.1.1/32", "20.1.1.1/32", 6, 1025, 80),
    ];
    let mut rng = Rng::new(1);
    for _ in 0..50 {
        // In any order of insertion.
        let mut order: Vec<usize> = (0..nested.len()).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.below(i as u64 + 1) as usize);
        }
        let mut table = Table::default();
        for i in &order {
            assert!(table.add(&nested[*i], *i as u32));
        }
        for (i, inner) in nested.iter().enumerate() {
            assert_eq!(table.find(inner.key()), Some(i as u32), "{order:?}");
        }
    }
}

#[test]
fn source_beats_destination_whatever_came_first() {
    let by_source = selector("10.0.0.0/16", "0.0.0.0/0", 0, 0, 0);
    let by_destination = selector("10.0.0.0/8", "192.168.1.0/24", 0, 0, 0);
    for order in [[0, 1], [1, 0]] {
        let mut table = Table::default();
        for i in order {
            table.add(&[by_source, by_destination][i as usize], i);
        }
        let packet = *selector("10.0.5.5/32", "192.168.1.7/32", 1, 0, 0).key();
        assert_eq!(table.find(&packet), Some(0));
        let elsewhere = *selector("10.9.5.5/32", "192.168.1.7/32", 1, 0, 0).key();
        assert_eq!(table.find(&elsewhere), Some(1));
    }
}

#[test]
fn listing_order_is_that_of_the_key_bytes() {
    /// The key in the byte layout whose lexical order the listing has always had.
    fn bytes(key: &Key) -> Vec<u8> {
        let (kind, src, dst) = match key.family {
            Family::V4 => (
                1,
                (key.src as u32).to_be_bytes().to_vec(),
                (key.dst as u32).to_be_bytes().to_vec(),
            ),
            Family::V6 => (
                2,
                key.src.to_be_bytes().to_vec(),
                key.dst.to_be_bytes().to_vec(),
            ),
        };
        let ports = [key.sport.to_be_bytes(), key.dport.to_be_bytes()].concat();
        [vec![kind], src, dst, vec![key.proto], ports].concat()
    }
    let mut rng = Rng::new(3);
    let selectors: Vec<Selector> = (0..500).map(|_| random_selector(&mut rng)).collect();
    let sorted: BTreeMap<Selector, ()> = selectors
        .into_iter()
        .map(|selector| (selector, ()))
        .collect();
    let listed: Vec<&Selector> = sorted.keys().collect();
    for pair in listed.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        assert!(bytes(a.key()) <= bytes(b.key()), "{a:?} before {b:?}");
        if a.key() == b.key() {
            assert!(
                !klips_core::eroute::precedes(b.mask(), a.mask()),
                "{a:?} before {b:?}"
            );
        }
    }
}
