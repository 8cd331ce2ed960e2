// SPDX-License-Identifier: GPL-2.0-only

//! The eroute search against a list that is gone through from end to end, on random tables.

use klips_core::eroute::{Family, Key, Selector};
use klips_core_tests::eroutes::{random_key, random_selector, Model, Table};
use klips_core_tests::{selector, Rng};
use std::collections::BTreeMap;

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
