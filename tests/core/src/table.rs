// SPDX-License-Identifier: GPL-2.0-only

//! An eroute table of the core's parts, in the memory of `std`: shapes in groups, their sets, the filter, and the lines of
//! packed keys with their values. IPv4 and IPv6 are apart.

use std::cell::Cell;

use klips_core::eroute::filter::{bits_of, words_for};
use klips_core::eroute::lines::{self, Line};
use klips_core::eroute::{
    insertion_point, search, source_of, Family, Group, Key, Packed, Selector, Shape, Source,
};

/// Bytes in the sets for each entry.
const SETS: usize = 2;

/// An eroute table.
#[derive(Debug)]
pub struct Eroutes {
    v4: Half<2, 3>,
    v6: Half<5, 4>,
}

impl Default for Eroutes {
    fn default() -> Self {
        Self {
            v4: Half::new(Packed::v4),
            v6: Half::new(Packed::v6),
        }
    }
}

impl Eroutes {
    /// A table of all of these.
    pub fn of(selectors: &[Selector]) -> Self {
        let mut table = Self::default();
        table.v4.rebuild(selectors.len());
        for (value, selector) in (0..).zip(selectors) {
            table.insert(selector, value);
        }
        table
    }

    /// Distinct masks in use.
    pub fn shapes(&self) -> usize {
        self.v4.shapes.len() + self.v6.shapes.len()
    }

    /// Adds or replaces.
    pub fn insert(&mut self, selector: &Selector, value: u32) {
        match selector.mask().family {
            Family::V4 => self.v4.insert(selector, value),
            Family::V6 => self.v6.insert(selector, value),
        }
    }

    /// Deletes; the mask stays in the list.
    pub fn delete(&mut self, selector: &Selector) -> Option<u32> {
        match selector.mask().family {
            Family::V4 => self.v4.delete(selector),
            Family::V6 => self.v6.delete(selector),
        }
    }

    /// Forgets a mask that has no eroute any more, and with it since when it was there.
    pub fn forget(&mut self, mask: &Key) {
        match mask.family {
            Family::V4 => self.v4.forget(mask),
            Family::V6 => self.v6.forget(mask),
        }
    }

    /// What a packet finds.
    #[inline]
    pub fn find(&self, packet: &Key) -> Option<u32> {
        match packet.family {
            Family::V4 => self.v4.find(packet),
            Family::V6 => self.v6.find(packet),
        }
    }
}

impl Eroutes {
    /// How many places of the table a search reads, each of which the cache may not have.
    pub fn reads(&self, packet: &Key) -> usize {
        let reads = Cell::new(0);
        let read = || reads.set(reads.get() + 1);
        match packet.family {
            Family::V4 => self.v4.find_and_tell(packet, read),
            Family::V6 => self.v6.find_and_tell(packet, read),
        };
        reads.get()
    }
}

/// The eroutes of a family.
#[derive(Debug)]
struct Half<const N: usize, const S: usize> {
    pack: fn(&Key) -> Option<Packed<N>>,
    /// The masks by rank, and their shapes.
    masks: Vec<Key>,
    shapes: Vec<Shape<N>>,
    /// The same in groups, as the search wants them.
    groups: Vec<Group<Vec<Shape<N>>, N>>,
    /// The source masks, and how many shapes each has.
    sources: Vec<(Key, Source<N>, u32)>,
    /// Of each shape, by its number, the source mask and the bit.
    places: Vec<(usize, u8)>,
    sets: Vec<u8>,
    filter: Vec<u64>,
    lines: Vec<Line<N, S>>,
    len: usize,
    /// How many entries there may be, and how many changes, until all is made anew.
    room: usize,
    changes: usize,
}

impl<const N: usize, const S: usize> Half<N, S> {
    fn new(pack: fn(&Key) -> Option<Packed<N>>) -> Self {
        Self {
            pack,
            masks: Vec::new(),
            shapes: Vec::new(),
            groups: Vec::new(),
            sources: Vec::new(),
            places: Vec::new(),
            sets: Vec::new(),
            filter: Vec::new(),
            lines: Vec::new(),
            len: 0,
            room: 0,
            changes: 0,
        }
    }

    fn packed(&self, key: &Key) -> Packed<N> {
        (self.pack)(key).expect("a key of this family")
    }

    /// Adds or replaces.
    fn insert(&mut self, selector: &Selector, value: u32) {
        let shape = self.shape_of(selector.mask());
        let key = self.packed(&selector.canonical());
        let (entry, hash) = shape.entry(&key);
        if let Some(there) = lines::find_mut(&mut self.lines, hash, &entry) {
            *there = value;
            return;
        }
        if self.len >= self.room || self.changes >= self.room {
            self.rebuild(self.len + self.len / 2 + 16);
        }
        self.enter(&entry, value);
        self.len += 1;
        self.changes += 1;
    }

    /// Deletes; the mask stays in the list.
    fn delete(&mut self, selector: &Selector) -> Option<u32> {
        let at = self.masks.iter().position(|mask| mask == selector.mask())?;
        let (entry, hash) = self.shapes[at].entry(&self.packed(&selector.canonical()));
        let value = lines::remove(&mut self.lines, hash, &entry)?;
        self.len -= 1;
        Some(value)
    }

    /// What a packet finds.
    #[inline]
    fn find(&self, packet: &Key) -> Option<u32> {
        self.find_and_tell(packet, || {})
    }

    /// Calls `read` before each read of memory that is proportional to the table.
    #[inline]
    fn find_and_tell(&self, packet: &Key, read: impl Fn()) -> Option<u32> {
        let packet = (self.pack)(packet)?;
        let mask = self.sets.len().wrapping_sub(1);
        let set = |place: u64| {
            read();
            let there = self.sets.get(place as usize & mask);
            there.copied().unwrap_or(u8::MAX)
        };
        let may_be_there = |hash| {
            read();
            let (word, bits) = bits_of(self.filter.len(), hash);
            self.filter.get(word).is_none_or(|word| !word & bits == 0)
        };
        // With one shape there is nothing to choose from.
        let one = self.shapes.len() == 1;
        search(&self.groups, &packet, set, |entry, hash| {
            if !one && !may_be_there(hash) {
                return None;
            }
            read();
            lines::find(&self.lines, hash, entry)
        })
    }

    /// The shape of a mask, which may be new.
    fn shape_of(&mut self, mask: &Key) -> Shape<N> {
        let at = match insertion_point(&self.masks, mask) {
            Ok(at) => return self.shapes[at],
            Err(at) => at,
        };
        let source = source_of(mask);
        let known = self.sources.iter().position(|(known, ..)| *known == source);
        let of = known.unwrap_or_else(|| {
            let number = self.sources.len() as u32;
            let packed = self.packed(&source);
            self.sources.push((source, Source::new(packed, number), 0));
            number as usize
        });
        let nth = self.sources[of].2;
        self.sources[of].2 += 1;
        let number = self.places.len() as u32;
        let shape = Shape::new(self.packed(mask), number, nth);
        self.places.push((of, shape.bit()));
        self.masks.insert(at, *mask);
        self.shapes.insert(at, shape);
        self.group();
        shape
    }

    fn forget(&mut self, mask: &Key) {
        if let Ok(at) = insertion_point(&self.masks, mask) {
            self.masks.remove(at);
            self.shapes.remove(at);
            self.group();
        }
    }

    /// Puts the shapes into groups.
    fn group(&mut self) {
        self.groups.clear();
        let mut last = None;
        for (mask, shape) in self.masks.iter().zip(&self.shapes) {
            let source = source_of(mask);
            if last != Some(source) {
                let mut sources = self.sources.iter();
                let (_, known, _) = sources.find(|(known, ..)| *known == source).expect("known");
                self.groups.push(Group {
                    source: *known,
                    shapes: Vec::new(),
                });
                last = Some(source);
            }
            if let Some(group) = self.groups.last_mut() {
                group.shapes.push(*shape);
            }
        }
    }

    /// Puts an entry into lines, filter and sets, which have room for it.
    fn enter(&mut self, entry: &Packed<N>, value: u32) {
        let hash = entry.hash();
        lines::insert(&mut self.lines, hash, entry, value).expect("room");
        let (word, bits) = bits_of(self.filter.len(), hash);
        self.filter[word] |= bits;
        let (source, bit) = self.places[entry.shape() as usize];
        let place = self.sources[source].1.place(entry) as usize & (self.sets.len() - 1);
        self.sets[place] |= bit;
    }

    /// Makes all of it anew, with room for so many.
    fn rebuild(&mut self, room: usize) {
        let old = std::mem::take(&mut self.lines);
        self.room = room;
        self.changes = 0;
        self.lines = vec![Line::default(); lines::lines_for::<N, S>(room)];
        self.filter = vec![0; words_for(room)];
        self.sets = vec![0; (room * SETS).next_power_of_two()];
        for (entry, value) in lines::entries(&old) {
            self.enter(&entry, value);
        }
    }
}
