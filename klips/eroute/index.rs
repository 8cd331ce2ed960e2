// SPDX-License-Identifier: GPL-2.0-only

//! Where a packet looks in the eroute table, and where it need not.
//!
//! The table is looked up once for each distinct mask (shape), in rank order. The index names the shapes of one family, and
//! hints at those under which there cannot be anything for the packet: sets by the packet's source, and a filter by the
//! whole key ([`klips_core::eroute::search`]). So what a lookup costs depends on how many shapes there are for its source.
//!
//! Packets read the index under RCU. Hints of an eroute are there before the eroute is, and stay when it goes; when there
//! have been as many changes as there is room for, all hints are made anew.

use crate::kapi::{
    rcu::{Graveyard, Rcu},
    zeroed::zeroed,
};
use core::sync::atomic::{AtomicU64, AtomicU8, Ordering};
use kernel::{prelude::*, sync::Arc};
use klips_core::eroute::{
    filter::{bits_of, words_for},
    insertion_point_by, search, source_of, Group, Key, Packed, Selector, Shape, Source,
    MOST_SHAPES,
};

/// Bytes in the sets for each eroute that there is room for.
const SETS: usize = 2;
/// The least number of eroutes that there is room for.
const LEAST_ROOM: usize = 64;

/// What may be there.
struct Hints {
    /// The count is a power of two.
    sets: KVVec<AtomicU8>,
    filter: KVVec<AtomicU64>,
}

impl Hints {
    fn new(room: usize) -> Result<Self> {
        let count = room
            .checked_mul(SETS)
            .and_then(usize::checked_next_power_of_two)
            .ok_or(ENOMEM)?;
        Ok(Self {
            sets: zeroed(count)?,
            filter: zeroed(words_for(room))?,
        })
    }

    #[inline]
    fn place(&self, place: u64) -> Option<&AtomicU8> {
        let mask = self.sets.len().wrapping_sub(1);
        self.sets.get(place as usize & mask)
    }

    #[inline]
    fn set(&self, place: u64) -> u8 {
        self.place(place)
            .map_or(u8::MAX, |set| set.load(Ordering::Relaxed))
    }

    #[inline]
    fn may_be_there(&self, hash: u64) -> bool {
        let (word, bits) = bits_of(self.filter.len(), hash);
        let word = self.filter.get(word).map(|w| w.load(Ordering::Relaxed));
        word.is_none_or(|word| !word & bits == 0)
    }

    fn tell<const N: usize>(&self, shape: &Shape<N>, source: &Source<N>, key: &Packed<N>) {
        let (entry, hash) = shape.entry(key);
        if let Some(set) = self.place(source.place(&entry)) {
            set.fetch_or(shape.bit(), Ordering::Relaxed);
        }
        let (word, bits) = bits_of(self.filter.len(), hash);
        if let Some(word) = self.filter.get(word) {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }
}

/// Shapes that follow each other in rank and have one source mask.
struct Members<const N: usize>(KVec<Shape<N>>);

impl<const N: usize> AsRef<[Shape<N>]> for Members<N> {
    fn as_ref(&self) -> &[Shape<N>] {
        &self.0
    }
}

/// What packets read.
pub(super) struct Index<const N: usize> {
    groups: KVec<Group<Members<N>, N>>,
    /// The masks, by the numbers of their shapes.
    masks: KVec<Key>,
    /// With one shape in all there is nothing to choose from.
    one: bool,
    hints: Arc<Hints>,
}

impl<const N: usize> Index<N> {
    /// What `probe` returns for the first shape under which it finds something. It is given the packet's key under a mask,
    /// and that mask.
    #[inline]
    pub(super) fn find<R>(
        &self,
        packet: &Key,
        packed: &Packed<N>,
        probe: impl Fn(&Key, &Key) -> Option<R>,
    ) -> Option<R> {
        let set = |place| self.hints.set(place);
        search(&self.groups, packed, set, |entry, hash| {
            if !self.one && !self.hints.may_be_there(hash) {
                return None;
            }
            let mask = self.masks.get(entry.shape() as usize)?;
            probe(&packet.masked(mask), mask)
        })
    }
}

/// A shape, by its number.
#[derive(Clone, Copy)]
struct Known<const N: usize> {
    mask: Key,
    shape: Shape<N>,
    /// Which of the sources.
    source: usize,
    /// Eroutes under it.
    uses: usize,
}

/// The shapes that there are, or were, with their numbers.
struct Shapes<const N: usize> {
    pack: fn(&Key) -> Option<Packed<N>>,
    known: KVec<Known<N>>,
    /// Source masks, with the number of shapes that each has.
    sources: KVec<(Key, Source<N>, u32)>,
    /// The masks in use with their numbers, most specific first.
    ranked: KVec<(Key, u32)>,
}

impl<const N: usize> Shapes<N> {
    fn new(pack: fn(&Key) -> Option<Packed<N>>) -> Self {
        Self {
            pack,
            known: KVec::new(),
            sources: KVec::new(),
            ranked: KVec::new(),
        }
    }

    fn at(&self, number: u32) -> Option<&Known<N>> {
        self.known.get(number as usize)
    }

    /// Where a mask stands among those in use, or belongs.
    fn rank(&self, mask: &Key) -> core::result::Result<usize, usize> {
        insertion_point_by(&self.ranked, |(there, _)| there, mask)
    }

    /// The number of a mask that is in use.
    fn number(&self, mask: &Key) -> Option<u32> {
        let at = self.rank(mask).ok()?;
        self.ranked.get(at).map(|(_, number)| *number)
    }

    /// The number of the mask, whether it is in use or not; a new one if it was never there.
    fn known(&mut self, mask: &Key) -> Result<u32> {
        if let Some(number) = self.number(mask) {
            return Ok(number);
        }
        if let Some(at) = self.known.iter().position(|known| known.mask == *mask) {
            return Ok(u32::try_from(at)?);
        }
        let number = u32::try_from(self.known.len())?;
        if number >= MOST_SHAPES {
            return Err(ENOSPC);
        }
        let mask_of_source = source_of(mask);
        let pack = |key: &Key| (self.pack)(key).ok_or(EINVAL);
        let (packed, packed_source) = (pack(mask)?, pack(&mask_of_source)?);
        self.known.reserve(1, GFP_KERNEL)?;
        let known = self
            .sources
            .iter()
            .position(|(known, ..)| *known == mask_of_source);
        let source = match known {
            Some(source) => source,
            None => {
                let number = u32::try_from(self.sources.len())?;
                let source = Source::new(packed_source, number);
                self.sources.push((mask_of_source, source, 0), GFP_KERNEL)?;
                number as usize
            }
        };
        let (_, _, shapes) = self.sources.get_mut(source).ok_or(EINVAL)?;
        let shape = Shape::new(packed, number, *shapes);
        *shapes = shapes.wrapping_add(1);
        let known = Known {
            mask: *mask,
            shape,
            source,
            uses: 0,
        };
        self.known.push(known, GFP_KERNEL)?;
        Ok(number)
    }

    /// Tells the hints of an eroute under the shape with this number.
    fn tell(&self, hints: &Hints, number: u32, key: &Key) -> Result {
        let known = self.at(number).ok_or(EINVAL)?;
        let (_, source, _) = self.sources.get(known.source).ok_or(EINVAL)?;
        let packed = (self.pack)(key).ok_or(EINVAL)?;
        hints.tell(&known.shape, source, &packed);
        Ok(())
    }

    /// What packets are to read.
    fn index(&self, hints: &Arc<Hints>) -> Result<Index<N>> {
        let mut masks = KVec::with_capacity(self.known.len(), GFP_KERNEL)?;
        for known in self.known.iter() {
            masks.push(known.mask, GFP_KERNEL)?;
        }
        let mut groups: KVec<Group<Members<N>, N>> = KVec::new();
        let mut last = None;
        for (_, number) in self.ranked.iter() {
            let known = self.at(*number).ok_or(EINVAL)?;
            if last != Some(known.source) {
                let (_, source, _) = *self.sources.get(known.source).ok_or(EINVAL)?;
                let shapes = Members(KVec::new());
                groups.push(Group { source, shapes }, GFP_KERNEL)?;
                last = Some(known.source);
            }
            if let Some(group) = groups.last_mut() {
                group.shapes.0.push(known.shape, GFP_KERNEL)?;
            }
        }
        Ok(Index {
            groups,
            masks,
            one: self.ranked.len() == 1,
            hints: hints.clone(),
        })
    }

    /// The shapes in use alone, with new numbers.
    fn renumbered(&self) -> Result<Self> {
        let mut fresh = Self::new(self.pack);
        for (mask, number) in self.ranked.iter() {
            let old = self.at(*number).ok_or(EINVAL)?;
            let number = fresh.known(mask)?;
            if let Some(known) = fresh.known.get_mut(number as usize) {
                known.uses = old.uses;
            }
            fresh.ranked.push((*mask, number), GFP_KERNEL)?;
        }
        Ok(fresh)
    }
}

/// The readers' side of an index.
pub(super) type Published<const N: usize> = Arc<Rcu<Index<N>>>;

/// The writer's side, under the namespace's mutex.
pub(super) struct IndexWriter<const N: usize> {
    published: Published<N>,
    shapes: Shapes<N>,
    hints: Option<Arc<Hints>>,
    /// How many changes are left until all is made anew.
    left: usize,
    len: usize,
    yard: Arc<Graveyard>,
}

impl<const N: usize> IndexWriter<N> {
    /// An empty index. Process context.
    pub(super) fn new(
        pack: fn(&Key) -> Option<Packed<N>>,
        yard: &Arc<Graveyard>,
    ) -> Result<(Published<N>, Self)> {
        let published = Arc::new(Rcu::empty(), GFP_KERNEL)?;
        let writer = Self {
            published: published.clone(),
            shapes: Shapes::new(pack),
            hints: None,
            left: 0,
            len: 0,
            yard: yard.clone(),
        };
        Ok((published, writer))
    }

    /// Lets packets look for an eroute that is about to be there. `all`: the selectors of the family that are there.
    /// All or nothing.
    pub(super) fn enter<'s>(
        &mut self,
        selector: &Selector,
        all: impl Iterator<Item = &'s Selector>,
    ) -> Result {
        if self.left == 0 {
            self.renew(all)?;
        }
        let hints = self.hints.as_ref().ok_or(ENOMEM)?.clone();
        let number = self.shapes.known(selector.mask())?;
        self.shapes.tell(&hints, number, &selector.canonical())?;
        if let Err(at) = self.shapes.rank(selector.mask()) {
            self.shapes.ranked.reserve(1, GFP_KERNEL)?;
            let entry = (*selector.mask(), number);
            let inserted = self.shapes.ranked.insert_within_capacity(at, entry);
            inserted.map_err(|_| ENOMEM)?;
            if let Err(e) = self.publish(&hints) {
                let _ = self.shapes.ranked.remove(at);
                return Err(e);
            }
        }
        self.left = self.left.saturating_sub(1);
        self.len = self.len.saturating_add(1);
        self.count(number, |uses| uses.saturating_add(1));
        Ok(())
    }

    /// Notes that an eroute under this mask has gone. A mask without eroutes may stay when memory is short: it costs a
    /// look.
    pub(super) fn leave(&mut self, mask: &Key) {
        let Ok(at) = self.shapes.rank(mask) else {
            return;
        };
        let Some((_, number)) = self.shapes.ranked.get(at).copied() else {
            return;
        };
        self.len = self.len.saturating_sub(1);
        if self.count(number, |uses| uses.saturating_sub(1)) > 0 {
            return;
        }
        let _ = self.shapes.ranked.remove(at);
        if let Some(hints) = self.hints.clone() {
            if self.publish(&hints).is_err() {
                // Still published, hence still in use.
                let _ = self
                    .shapes
                    .ranked
                    .insert_within_capacity(at, (*mask, number));
            }
        }
    }

    /// Packets find nothing from here on.
    pub(super) fn clear(&mut self) {
        self.published.publish(None, &self.yard);
        self.shapes = Shapes::new(self.shapes.pack);
        self.hints = None;
        (self.left, self.len) = (0, 0);
    }

    fn count(&mut self, number: u32, f: impl FnOnce(usize) -> usize) -> usize {
        let Some(known) = self.shapes.known.get_mut(number as usize) else {
            return 0;
        };
        known.uses = f(known.uses);
        known.uses
    }

    fn publish(&self, hints: &Arc<Hints>) -> Result {
        let prepared = Rcu::prepare(self.shapes.index(hints)?)?;
        self.published.publish(Some(prepared), &self.yard);
        Ok(())
    }

    /// Makes all hints anew, with room for twice as many eroutes as there are.
    fn renew<'s>(&mut self, all: impl Iterator<Item = &'s Selector>) -> Result {
        let spare = self.len.max(LEAST_ROOM);
        let room = self.len.checked_add(spare).ok_or(ENOMEM)?;
        let hints = Arc::new(Hints::new(room)?, GFP_KERNEL)?;
        let shapes = self.shapes.renumbered()?;
        for selector in all {
            let number = shapes.number(selector.mask()).ok_or(EINVAL)?;
            shapes.tell(&hints, number, &selector.canonical())?;
        }
        let before = core::mem::replace(&mut self.shapes, shapes);
        if let Err(e) = self.publish(&hints) {
            self.shapes = before;
            return Err(e);
        }
        self.hints = Some(hints);
        self.left = spare;
        Ok(())
    }
}
