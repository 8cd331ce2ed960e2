// SPDX-License-Identifier: GPL-2.0-only

//! Shapes (distinct masks), their rank, and the search by rank.

use super::Key;
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
    insertion_point_by(shapes, |shape| shape, mask)
}

/// The same in a list of what has masks.
///
/// # Errors
///
/// As for [`insertion_point`].
pub fn insertion_point_by<T>(
    shapes: &[T],
    mask_of: impl Fn(&T) -> &Key,
    mask: &Key,
) -> Result<usize, usize> {
    // As a rule it is there, and to compare is cheaper than to rank.
    if let Some(at) = shapes.iter().position(|shape| mask_of(shape) == mask) {
        return Ok(at);
    }
    let behind = shapes
        .iter()
        .take_while(|shape| !precedes(mask, mask_of(shape)));
    Err(behind.count())
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

/// A key or mask with nothing but the source left.
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
