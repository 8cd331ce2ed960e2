// SPDX-License-Identifier: GPL-2.0-only

//! Shapes (distinct masks), their rank, and the search by rank.

use super::Key;
use crate::hash::mix;
use core::cmp::Ordering;

/// Compares two masks by rank: `Less` is the more specific one, which is tried first.
///
/// Counts of bits decide: source, then destination, then protocol, then both ports together. A mask that asks for more
/// than another one everywhere therefore always comes first.
#[inline]
pub(super) fn rank(a: &Key, b: &Key) -> Ordering {
    let specificity = |mask: &Key| {
        let ports = mask
            .sport
            .count_ones()
            .saturating_add(mask.dport.count_ones());
        (
            mask.src.count_ones(),
            mask.dst.count_ones(),
            mask.proto.count_ones(),
            ports,
        )
    };
    specificity(b).cmp(&specificity(a))
}

/// Mask `a` is more specific than mask `b`: an eroute under it wins.
#[inline]
pub fn precedes(a: &Key, b: &Key) -> bool {
    rank(a, b).is_lt()
}

/// Where a mask is, or belongs, in a list of masks in rank order: `Ok` if it is there, `Err` with the place if not.
///
/// A new mask goes behind those of equal rank, so that the one used first keeps winning.
///
/// # Errors
///
/// The index to insert at, at most the length of the list.
pub fn insertion_point(shapes: &[Key], mask: &Key) -> Result<usize, usize> {
    for (i, shape) in shapes.iter().enumerate() {
        if shape == mask {
            return Ok(i);
        }
        if precedes(mask, shape) {
            return Err(i);
        }
    }
    Err(shapes.len())
}

/// Finds what `probe` returns for the first of the `shapes` under which there is an entry for `packet`.
///
/// `shapes` are the distinct masks in rank order; those of another family are passed over. `probe` looks up, in an exact
/// table, the packet's key under a mask (its first argument) together with that mask.
#[inline]
pub fn lookup<'a, R>(
    shapes: impl IntoIterator<Item = &'a Key>,
    packet: &Key,
    mut probe: impl FnMut(&Key, &Key) -> Option<R>,
) -> Option<R> {
    shapes
        .into_iter()
        .filter(|mask| mask.family == packet.family)
        .find_map(|mask| probe(&packet.masked(mask), mask))
}

/// The shapes under which there may be an entry with one source prefix; it may name more than there are.
///
/// It is kept for each (source network, source mask) that occurs in a table. Shapes are added as entries come; when
/// entries go it may stay as it is until the last one of the prefix does, at the price of a useless probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ShapeSet(u64);

impl ShapeSet {
    /// Every shape there can be.
    pub const ALL: Self = Self(u64::MAX);

    /// The set as a number, for storage that packets read without a lock; see [`ShapeSet::from_bits`].
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set that [`ShapeSet::bits`] gave.
    #[inline]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Adds a shape.
    pub fn insert(&mut self, mask: &Key) {
        self.0 |= Self::bit(mask);
    }

    /// Whether the shape may be there.
    #[inline]
    pub fn may_hold(self, mask: &Key) -> bool {
        self.0 & Self::bit(mask) != 0
    }

    /// One of 64 bits. The source is the same for all shapes of a set.
    #[inline]
    fn bit(mask: &Key) -> u64 {
        let rest = Key { src: 0, ..*mask };
        1_u64
            .checked_shl(u32::try_from(mix(0, rest.hash64(1)) >> 58).unwrap_or(0))
            .unwrap_or(1)
    }
}

/// As [`lookup`], for tables with many shapes: asks once for each source mask which shapes there are under the packet's
/// source prefix, and probes those only.
///
/// `under` looks up the [`ShapeSet`] of a prefix: its first argument is a key with nothing but the packet's masked source,
/// the second one a mask with nothing but the source mask. Where a source mask has only one shape it is not asked. The
/// answer is that of [`lookup`], whatever else the sets name.
#[inline]
pub fn lookup_by_source<R>(
    shapes: &[Key],
    packet: &Key,
    mut under: impl FnMut(&Key, &Key) -> Option<ShapeSet>,
    mut probe: impl FnMut(&Key, &Key) -> Option<R>,
) -> Option<R> {
    let mut last = None;
    let mut there = ShapeSet::ALL;
    for (i, mask) in shapes.iter().enumerate() {
        if mask.family != packet.family {
            continue;
        }
        if last != Some(mask.src) {
            last = Some(mask.src);
            let more = shapes
                .get(i.wrapping_add(1))
                .is_some_and(|next| next.src == mask.src && next.family == mask.family);
            there = if more {
                let prefix = source_of(mask);
                under(&packet.masked(&prefix), &prefix).unwrap_or_default()
            } else {
                ShapeSet::ALL
            };
        }
        if there.may_hold(mask) {
            if let Some(found) = probe(&packet.masked(mask), mask) {
                return Some(found);
            }
        }
    }
    None
}

/// A key or mask with nothing but the source left: what [`ShapeSet`]s are found by.
#[inline]
pub const fn source_of(key: &Key) -> Key {
    Key {
        family: key.family,
        src: key.src,
        dst: 0,
        proto: 0,
        sport: 0,
        dport: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;

    fn mask(src: u8, dst: u8, proto: u8, sport: u16, dport: u16) -> Key {
        Key {
            family: Family::V4,
            src: Family::V4.mask(src),
            dst: Family::V4.mask(dst),
            proto,
            sport,
            dport,
        }
    }

    #[test]
    fn source_then_destination_then_protocol_then_ports() {
        let ranked = [
            mask(32, 0, 0, 0, 0),
            mask(24, 32, 0xff, 0xffff, 0xffff),
            mask(24, 32, 0xff, 0xffff, 0),
            mask(24, 32, 0xff, 0, 0),
            mask(24, 32, 0, 0, 0),
            mask(24, 8, 0xff, 0, 0),
            mask(0, 0, 0, 0, 0),
        ];
        for (i, a) in ranked.iter().enumerate() {
            for (j, b) in ranked.iter().enumerate() {
                assert_eq!(precedes(a, b), i < j, "{i} {j}");
            }
        }
    }

    #[test]
    fn equal_rank_keeps_insertion_order() {
        let sport = mask(8, 8, 0xff, 0xffff, 0);
        let dport = mask(8, 8, 0xff, 0, 0xffff);
        assert!(!precedes(&sport, &dport) && !precedes(&dport, &sport));
        assert_eq!(insertion_point(&[dport], &sport), Err(1));
        assert_eq!(insertion_point(&[dport, sport], &sport), Ok(1));
        assert_eq!(
            insertion_point(&[dport, sport], &mask(9, 0, 0, 0, 0)),
            Err(0)
        );
        assert_eq!(insertion_point(&[], &sport), Err(0));
    }

    #[test]
    fn lookup_stops_at_the_first_entry() {
        let shapes = [mask(24, 0, 0, 0, 0), mask(8, 0, 0, 0, 0)];
        let packet = Key {
            family: Family::V4,
            src: 0x0a01_0203,
            dst: 9,
            proto: 6,
            sport: 1,
            dport: 2,
        };
        let mut asked = 0;
        let found = lookup(&shapes, &packet, |key, mask| {
            asked += 1;
            assert_eq!(*key, packet.masked(mask));
            (key.src == 0x0a00_0000).then_some("10/8")
        });
        assert_eq!((found, asked), (Some("10/8"), 2));
        let v6 = Key {
            family: Family::V6,
            ..packet
        };
        assert_eq!(lookup(&shapes, &v6, |_, _| Some(())), None);
    }
}
