// SPDX-License-Identifier: GPL-2.0-only

//! Eroutes made, deleted and looked for, in the search and in a list.

use klips_core::eroute::Family;
use klips_core_tests::eroutes::{random_key, random_selector, Model, Table};
use klips_core_tests::Rng;

/// Eroutes that there may be: the list is slow.
const MOST: u64 = 200;

/// The bytes choose what happens.
pub fn run(input: &[u8]) {
    let mut choices = Rng::of(input);
    let (mut table, mut model) = (Table::default(), Model::default());
    for step in 0.. {
        if !choices.has_more() {
            break;
        }
        let there = model.entries.len() as u64;
        if there >= MOST || (there > 0 && choices.one_in(4)) {
            // Mostly one that is there.
            let selector = match choices.one_in(5) {
                true => random_selector(&mut choices),
                false => model.entries[choices.below(there) as usize].0,
            };
            assert_eq!(table.delete(&selector), model.delete(&selector));
        } else {
            let selector = random_selector(&mut choices);
            assert_eq!(table.add(&selector, step), model.add(&selector, step));
        }
        let family = choices.pick(&[Family::V4, Family::V6]);
        let packet = random_key(&mut choices, family);
        assert_eq!(table.find(&packet), model.find(&packet));
        // One that is there, at its own place.
        if let Some((selector, ..)) = model.entries.last() {
            assert_eq!(table.find(selector.key()), model.find(selector.key()));
        }
    }
    assert_eq!(table.entries.len(), model.entries.len());
}
