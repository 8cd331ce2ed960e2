// SPDX-License-Identifier: GPL-2.0-only

//! The eroute search, a list without any cleverness that it has to agree with, and random eroutes and packets for both.

use crate::table::Eroutes;
use crate::Rng;
use klips_core::eroute::{insertion_point, lookup, Family, Key, Selector};
use std::collections::HashMap;

/// A table as a caller would build it: ranked masks, and an exact map.
#[derive(Default)]
pub struct Table {
    /// The masks by rank.
    pub shapes: Vec<Key>,
    /// Which values there are, by key and mask.
    pub entries: HashMap<(Key, Key), u32>,
    /// The same, made for many.
    large: Eroutes,
}

impl Table {
    /// Adds; false if it is there.
    pub fn add(&mut self, selector: &Selector, value: u32) -> bool {
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

    /// Deletes; the value that was there.
    pub fn delete(&mut self, selector: &Selector) -> Option<u32> {
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

    /// What a packet finds.
    pub fn find(&self, packet: &Key) -> Option<u32> {
        let probe = |key: &Key, mask: &Key| self.entries.get(&(*key, *mask)).copied();
        let found = lookup(&self.shapes, packet, probe);
        assert_eq!(self.large.find(packet), found);
        found
    }
}

/// The same without any cleverness.
#[derive(Default)]
pub struct Model {
    /// Selector, since when its mask has been in use, value.
    pub entries: Vec<(Selector, u64, u32)>,
    clock: u64,
}

impl Model {
    /// Adds; false if it is there.
    pub fn add(&mut self, selector: &Selector, value: u32) -> bool {
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

    /// Deletes; the value that was there.
    pub fn delete(&mut self, selector: &Selector) -> Option<u32> {
        let place = self
            .entries
            .iter()
            .position(|(known, ..)| known.same(selector))?;
        Some(self.entries.remove(place).2)
    }

    /// What a packet finds.
    pub fn find(&self, packet: &Key) -> Option<u32> {
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

/// What a packet may be.
pub fn random_key(rng: &mut Rng, family: Family) -> Key {
    Key {
        family,
        src: random_addr(rng, family),
        dst: random_addr(rng, family),
        proto: rng.pick(&[0, 6, 17]),
        sport: rng.pick(&[0, 80, 500]),
        dport: rng.pick(&[0, 80, 500]),
    }
}

/// An eroute.
pub fn random_selector(rng: &mut Rng) -> Selector {
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
