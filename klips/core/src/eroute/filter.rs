// SPDX-License-Identifier: GPL-2.0-only

//! A filter in front of a hash table, which tells most of the keys that are not there from memory that is a small part of
//! the table's.
//!
//! It has sixteen bits for each key, and a key has two of them, in the same word. The memory is the caller's, who may have
//! it changed while others read: a word is changed by setting bits, and no two belong together.

/// The place that a hash has among `count`: its high half, as a fraction.
#[inline]
pub(super) fn part_of(count: usize, hash: u64) -> usize {
    let count = u64::try_from(count).unwrap_or(0) & 0xffff_ffff;
    let at = (hash >> 32).wrapping_mul(count) >> 32;
    usize::try_from(at).unwrap_or(0)
}

/// How many words the filter of a table of `len` keys should have.
pub fn words_for(len: usize) -> usize {
    len.div_ceil(4).max(1)
}

/// Which of `words` words a hash has its bits in, and these.
///
/// There may be a key with this hash if all of them are set; they are set when there is one, and stay when it goes.
#[inline]
pub fn bits_of(words: usize, hash: u64) -> (usize, u64) {
    let bit = |number: u64| 1_u64.wrapping_shl(u32::try_from(number & 63).unwrap_or(0));
    let word = part_of(words, hash.rotate_left(20));
    (word, bit(hash) | bit(hash >> 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;

    #[test]
    fn the_filter_knows_all_and_little_else() {
        let hash = |number: u64| mix(mix(1, number), 2);
        let mut filter = vec![0_u64; words_for(10_000)];
        for number in 0..10_000 {
            let (word, bits) = bits_of(filter.len(), hash(number));
            filter[word] |= bits;
        }
        let may_be_there = |number: &u64| {
            let (word, bits) = bits_of(filter.len(), hash(*number));
            !filter[word] & bits == 0
        };
        assert!((0..10_000).all(|number| may_be_there(&number)));
        assert!((10_000..20_000).filter(may_be_there).count() < 500);
    }

    #[test]
    fn places_are_within() {
        for count in [1, 2, 3, 1000, 65_537] {
            for hash in [0, 1, u64::MAX, u64::MAX / 2, 0x1234_5678_9abc_def0] {
                assert!(part_of(count, hash) < count);
                assert!(bits_of(count, hash).0 < count);
            }
        }
        assert_eq!(words_for(0), 1);
    }
}
