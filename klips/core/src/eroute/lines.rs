// SPDX-License-Identifier: GPL-2.0-only

//! A hash table of packed keys made for tables that are larger than the caches.
//!
//! The memory is the caller's. A [`Line`] is one cache line of the machine (three for IPv6) and has room for a few whole
//! keys with a number for each, which is where the caller keeps what belongs to the key. So a probe reads one line,
//! whether it finds the key or not, and nothing that it reads tells where to read next: the processor can look up the
//! next packet meanwhile. What has no room in its line goes to the next one that has some, and is counted in each that it
//! passes: as long as that count is 0 a probe ends with its line.

use super::filter::part_of;
use super::search::Packed;

/// The line of a table of IPv4 keys.
pub type Line4 = Line<2, 3>;
/// The line of a table of IPv6 keys.
pub type Line6 = Line<5, 4>;

/// `S` keys of `N` words, with their numbers. A key of zeros is none.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Line<const N: usize, const S: usize> {
    keys: [[u64; N]; S],
    numbers: [u32; S],
    /// How many keys that belong here, or before here, are further on.
    strays: u32,
}

/// There is no free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<const N: usize, const S: usize> Default for Line<N, S> {
    fn default() -> Self {
        Self {
            keys: [[0; N]; S],
            numbers: [0; S],
            strays: 0,
        }
    }
}

/// How many lines a table of `len` keys should have, so that few stray: three of five slots are used.
pub fn lines_for<const N: usize, const S: usize>(len: usize) -> usize {
    let slots = len.saturating_add(len.saturating_mul(2) / 3);
    slots.div_ceil(S.max(1)).max(1)
}

/// Where a key is: its line and its slot there.
#[inline]
fn place<const N: usize, const S: usize>(
    lines: &[Line<N, S>],
    hash: u64,
    key: &Packed<N>,
) -> Option<(usize, usize)> {
    let mut at = home(lines, hash);
    // A full table is walked once at most.
    for _ in lines {
        let line = lines.get(at)?;
        if let Some(slot) = line.slot_of(&key.0) {
            return Some((at, slot));
        }
        if line.strays == 0 {
            return None;
        }
        at = next(lines, at);
    }
    None
}

/// The number that belongs to a key.
#[inline]
pub fn find<const N: usize, const S: usize>(
    lines: &[Line<N, S>],
    hash: u64,
    key: &Packed<N>,
) -> Option<u32> {
    let (at, slot) = place(lines, hash, key)?;
    lines.get(at)?.numbers.get(slot).copied()
}

/// The same, to be changed.
pub fn find_mut<'l, const N: usize, const S: usize>(
    lines: &'l mut [Line<N, S>],
    hash: u64,
    key: &Packed<N>,
) -> Option<&'l mut u32> {
    let (at, slot) = place(lines, hash, key)?;
    lines.get_mut(at)?.numbers.get_mut(slot)
}

/// Puts in a key that is not there yet.
///
/// # Errors
///
/// [`Full`]: the caller makes more lines, and puts everything in again.
pub fn insert<const N: usize, const S: usize>(
    lines: &mut [Line<N, S>],
    hash: u64,
    key: &Packed<N>,
    number: u32,
) -> Result<(), Full> {
    let mut at = home(lines, hash);
    for _ in 0..lines.len() {
        let line = lines.get_mut(at).ok_or(Full)?;
        if let Some(slot) = line.slot_of(&[0; N]) {
            line.set(slot, key.0, number);
            return Ok(());
        }
        line.strays = line.strays.saturating_add(1);
        at = next(lines, at);
    }
    // Nothing was put in: every line has counted a stray that is not there.
    for line in lines {
        line.strays = line.strays.saturating_sub(1);
    }
    Err(Full)
}

/// Takes a key out. Returns the number that belonged to it.
pub fn remove<const N: usize, const S: usize>(
    lines: &mut [Line<N, S>],
    hash: u64,
    key: &Packed<N>,
) -> Option<u32> {
    let (last, slot) = place(lines, hash, key)?;
    let mut at = home(lines, hash);
    while at != last {
        let line = lines.get_mut(at)?;
        line.strays = line.strays.saturating_sub(1);
        at = next(lines, at);
    }
    let line = lines.get_mut(last)?;
    let number = line.numbers.get(slot).copied();
    line.set(slot, [0; N], 0);
    number
}

/// The keys with their numbers.
pub fn entries<const N: usize, const S: usize>(
    lines: &[Line<N, S>],
) -> impl Iterator<Item = (Packed<N>, u32)> + '_ {
    let entries = lines
        .iter()
        .flat_map(|line| line.keys.iter().zip(line.numbers));
    entries
        .filter(|(key, _)| **key != [0; N])
        .map(|(key, number)| (Packed(*key), number))
}

/// The line that a hash belongs to.
#[inline]
fn home<T>(lines: &[T], hash: u64) -> usize {
    part_of(lines.len(), hash)
}

#[inline]
fn next<T>(lines: &[T], at: usize) -> usize {
    let at = at.wrapping_add(1);
    if at < lines.len() {
        at
    } else {
        0
    }
}

impl<const N: usize, const S: usize> Line<N, S> {
    /// The first slot with this key.
    #[inline]
    fn slot_of(&self, key: &[u64; N]) -> Option<usize> {
        let mut same = 0_u32;
        // All are compared: a branch for each would be guessed wrong, and what has been begun for the next packet, lost.
        for (slot, there) in (0_u32..).zip(&self.keys) {
            let differs = there.iter().zip(key).fold(0, |all, (a, b)| all | (a ^ b));
            same |= u32::from(differs == 0).wrapping_shl(slot);
        }
        (same != 0).then(|| usize::try_from(same.trailing_zeros()).unwrap_or(0))
    }

    fn set(&mut self, slot: usize, key: [u64; N], number: u32) {
        let key_there = self.keys.get_mut(slot);
        let number_there = self.numbers.get_mut(slot);
        if let (Some(key_there), Some(number_there)) = (key_there, number_there) {
            (*key_there, *number_there) = (key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix;
    use std::collections::HashMap;

    #[test]
    fn lines_are_cache_lines() {
        assert_eq!((size_of::<Line4>(), align_of::<Line4>()), (64, 64));
        assert_eq!((size_of::<Line6>(), align_of::<Line6>()), (192, 64));
    }

    /// Random changes, in a table that overflows its lines all the time, and in a map.
    fn is_a_map<const N: usize, const S: usize>(lines: usize) {
        let key = |number: u64| Packed([number.wrapping_add(1); N]);
        let most = (lines * S) as u64;
        for salt in 0..50 {
            let hash = |number: u64| mix(number % 7, salt);
            let mut lines = vec![Line::<N, S>::default(); lines];
            let mut model = HashMap::new();
            for step in 0..1000_u64 {
                let random = mix(mix(salt, step), step);
                let number = random % most;
                let known = model.get(&number).copied();
                let (hash, key) = (hash(number), key(number));
                assert_eq!(find(&lines, hash, &key), known);
                assert_eq!(find_mut(&mut lines, hash, &key).copied(), known);
                if known.is_none() && random & (1 << 40) != 0 {
                    assert_eq!(insert(&mut lines, hash, &key, step as u32), Ok(()));
                    model.insert(number, step as u32);
                } else {
                    assert_eq!(remove(&mut lines, hash, &key), known);
                    model.remove(&number);
                }
                assert_eq!(entries(&lines).count(), model.len());
            }
            for (number, value) in model {
                assert_eq!(remove(&mut lines, hash(number), &key(number)), Some(value));
            }
            for line in &lines {
                assert_eq!((line.keys, line.strays), ([[0; N]; S], 0));
            }
        }
    }

    #[test]
    fn lines_are_a_map() {
        is_a_map::<2, 3>(6);
        is_a_map::<5, 4>(4);
    }

    #[test]
    fn a_full_table_says_so_and_stays_as_it_is() {
        let mut lines = [Line4::default(); 2];
        let key = |number: u64| Packed([number, 1]);
        for number in 0..6 {
            assert_eq!(insert(&mut lines, 0, &key(number), 1), Ok(()));
        }
        assert_eq!(insert(&mut lines, 0, &key(6), 1), Err(Full));
        assert_eq!(insert(&mut [] as &mut [Line4], 0, &key(6), 1), Err(Full));
        assert_eq!(find(&lines, 0, &key(6)), None);
        for number in 0..6 {
            assert_eq!(remove(&mut lines, 0, &key(number)), Some(1));
        }
        assert!(lines.iter().all(|line| line.keys == [[0; 2]; 3]));
    }

    #[test]
    fn there_is_room_to_spare() {
        assert_eq!(lines_for::<2, 3>(0), 1);
        assert_eq!(lines_for::<2, 3>(18), 10);
    }
}
