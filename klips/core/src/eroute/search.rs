// SPDX-License-Identifier: GPL-2.0-only

//! The search for tables that are larger than the caches. It finds what [`lookup`](super::lookup) finds, and reads less.
//!
//! Keys are packed: 16 bytes for IPv4, 40 for IPv6, with the number of their shape in place of its mask. The shapes are
//! in groups by source mask. Before any group is searched, the sets of all of them are read: what shapes there may be
//! under the packet's source, eight bits for each source mask. None of these reads waits for another.

use super::{Family, Key};
use crate::hash::{high, low, mix};

/// A packed key, or a mask: `N` is 2 for IPv4 and 5 for IPv6.
///
/// The last word is the number of the shape, counted from 1 (24 bits), protocol, source port and destination port; the
/// others are source and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed<const N: usize>(pub(super) [u64; N]);

/// Shapes that a table can tell apart: their numbers are below this.
pub const MOST_SHAPES: u32 = 0xff_ffff;

/// Where the shape's number is in the last word.
const SHAPE: u32 = 40;

/// What stands in the last word besides the shape.
fn qualifiers(key: &Key) -> u64 {
    (u64::from(key.proto) << 32) | (u64::from(key.sport) << 16) | u64::from(key.dport)
}

impl Packed<2> {
    /// The key of an IPv4 packet, or a mask.
    #[inline]
    pub fn v4(key: &Key) -> Option<Self> {
        let addrs = (low(key.src) << 32) | (low(key.dst) & 0xffff_ffff);
        (key.family == Family::V4).then(|| Self([addrs, qualifiers(key)]))
    }
}

impl Packed<5> {
    /// The key of an IPv6 packet, or a mask.
    #[inline]
    pub fn v6(key: &Key) -> Option<Self> {
        let (src, dst) = (key.src, key.dst);
        (key.family == Family::V6)
            .then(|| Self([high(src), low(src), high(dst), low(dst), qualifiers(key)]))
    }
}

impl<const N: usize> Packed<N> {
    /// What the mask asks about.
    #[inline]
    fn masked(&self, mask: &Self) -> Self {
        let mut words = self.0;
        for (word, mask) in words.iter_mut().zip(mask.0) {
            *word &= mask;
        }
        Self(words)
    }

    /// The same with the number of a shape in the last word, where masks have zeros.
    #[inline]
    fn of_shape(mut self, number: u32) -> Self {
        if let Some(last) = self.0.last_mut() {
            *last |= u64::from(number.wrapping_add(1) & MOST_SHAPES).wrapping_shl(SHAPE);
        }
        self
    }

    /// The number of the shape in an entry.
    pub fn shape(&self) -> u32 {
        let last = self.0.last().copied().unwrap_or(0);
        let number = u32::try_from(last.wrapping_shr(SHAPE)).unwrap_or(0);
        number.wrapping_sub(1)
    }

    /// A hash of all of it, for tables of [`Line`](super::Line)s, sets and filters.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.0.iter().fold(0, |hash, &word| mix(hash, word))
    }
}

/// A shape of a table: a mask, its number, and its place in the sets of its group.
#[derive(Clone, Copy, Debug)]
pub struct Shape<const N: usize> {
    mask: Packed<N>,
    number: u32,
    bit: u8,
}

impl<const N: usize> Shape<N> {
    /// The shape of a packed mask. `number` is its own among all of the table and below [`MOST_SHAPES`]; `nth` counts
    /// those of the same source mask.
    pub fn new(mask: Packed<N>, number: u32, nth: u32) -> Self {
        Self {
            mask,
            number,
            bit: 1_u8.wrapping_shl(nth),
        }
    }

    /// What the table keeps for a key of this shape, and its hash.
    #[inline]
    pub fn entry(&self, key: &Packed<N>) -> (Packed<N>, u64) {
        let entry = key.masked(&self.mask).of_shape(self.number);
        (entry, entry.hash())
    }

    /// What is to be set in the byte of [`Source::place`] when there is an entry.
    pub const fn bit(&self) -> u8 {
        self.bit
    }
}

/// A source mask: what sets are kept by.
#[derive(Clone, Copy, Debug)]
pub struct Source<const N: usize> {
    mask: Packed<N>,
    number: u32,
}

impl<const N: usize> Source<N> {
    /// The source of a packed mask with nothing but the source in it. No two have the same number.
    pub const fn new(mask: Packed<N>, number: u32) -> Self {
        Self { mask, number }
    }

    /// Which byte of the sets is that of the key's source; modulo their number.
    ///
    /// Several sources may have the same one: the sets name what may be there, not what is. So when entries go, their
    /// bits may stay.
    #[inline]
    pub fn place(&self, key: &Packed<N>) -> u64 {
        key.masked(&self.mask).of_shape(self.number).hash()
    }
}

/// Shapes that follow each other in rank and have the same source mask.
#[derive(Clone, Copy, Debug)]
pub struct Group<S, const N: usize> {
    /// Their source mask.
    pub source: Source<N>,
    /// Themselves.
    pub shapes: S,
}

/// Groups whose sets are read at a time.
const AT_ONCE: usize = 8;

/// Finds what `probe` returns for the first of the shapes, in the order of the groups, under which there is an entry.
///
/// `set` returns the byte at a place; `probe` looks an entry up by its hash.
#[inline]
pub fn search<S: AsRef<[Shape<N>]>, R, const N: usize>(
    groups: &[Group<S, N>],
    packet: &Packed<N>,
    set: impl Fn(u64) -> u8,
    mut probe: impl FnMut(&Packed<N>, u64) -> Option<R>,
) -> Option<R> {
    // With one shape in all, a look at its set would cost as much as one at the table.
    if let [group] = groups {
        if let [shape] = group.shapes.as_ref() {
            let (entry, hash) = shape.entry(packet);
            return probe(&entry, hash);
        }
    }
    for groups in groups.chunks(AT_ONCE) {
        let mut sets = [u8::MAX; AT_ONCE];
        for (there, group) in sets.iter_mut().zip(groups) {
            *there = set(group.source.place(packet));
        }
        for (there, group) in sets.iter().zip(groups) {
            if *there == 0 {
                continue;
            }
            for shape in group.shapes.as_ref() {
                if there & shape.bit == 0 {
                    continue;
                }
                let (entry, hash) = shape.entry(packet);
                if let Some(found) = probe(&entry, hash) {
                    return Some(found);
                }
            }
        }
    }
    None
}
