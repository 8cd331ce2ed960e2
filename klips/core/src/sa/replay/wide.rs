// SPDX-License-Identifier: GPL-2.0-only

//! Windows of any size, with a ring of bits for what the small one does not remember.

use super::{Exhausted, ReplayError, Window};
use core::fmt;
use core::ops::DerefMut;

/// Bits in a word of the ring.
const WORD: u64 = 64;

/// The sequence state of an SA, with a window of up to [`Window::MAX_SIZE`] packets.
///
/// `S` is the memory for windows above [`Window::NARROW_SIZE`]: a boxed slice, a vector, a mutable slice.
///
/// The ring has one bit for each sequence number, in blocks of a word, and one block more than the window needs. A number
/// that moves the window on clears the blocks it enters, and nothing is ever shifted (the scheme of RFC 6479). The
/// [head](Replay::head) follows the newest 64 numbers as that of a small window does, for listings and because most
/// packets that are out of order are so by little.
pub struct Replay<S> {
    head: Window,
    ring: Option<S>,
}

impl<S> Replay<S> {
    /// How many words of memory a window of `size` packets needs; 0 for the small ones.
    pub fn words(size: u16) -> usize {
        if size <= Window::NARROW_SIZE {
            return 0;
        }
        // As many blocks as the window can touch when it begins inside of one.
        usize::from(size.div_ceil(64)).saturating_add(1)
    }

    /// Sizes, last number and newest bits: what a listing shows.
    #[inline]
    pub const fn head(&self) -> Window {
        self.head
    }

    /// Takes the next number to send; see [`Window::take`].
    ///
    /// # Errors
    ///
    /// [`Exhausted`] after the last number.
    #[inline]
    pub fn take(&mut self) -> Result<u64, Exhausted> {
        self.head.take()
    }
}

impl<S> From<Window> for Replay<S> {
    /// A small window, as it stands.
    fn from(head: Window) -> Self {
        Self { head, ring: None }
    }
}

impl<S: DerefMut<Target = [u64]>> Replay<S> {
    /// A window of `size` packets, nothing seen.
    ///
    /// `ring` is needed if [`Replay::words`] is not 0, and then at least so long; what is in it does not matter. `None` if
    /// the size is more than [`Window::MAX_SIZE`] or the ring is too short.
    pub fn new(size: u16, ring: Option<S>) -> Option<Self> {
        if size > Window::MAX_SIZE {
            return None;
        }
        let words = Self::words(size);
        if words == 0 {
            return Window::new(size).map(Self::from);
        }
        let mut ring = ring?;
        if ring.len() < words {
            return None;
        }
        for word in ring.iter_mut() {
            *word = 0;
        }
        Some(Self {
            head: Window::fresh(size),
            ring: Some(ring),
        })
    }

    /// Makes the numbers 64 bits long. Before the first one only.
    pub fn extend(&mut self) {
        self.head.extended = true;
    }

    /// The whole number of a received packet; see [`Window::whole`].
    #[inline]
    pub fn whole(&self, low: u32) -> u64 {
        self.head.whole(low)
    }

    /// Goes on where another window of the same key stands: numbers up to `last` count as used, whichever of them were.
    pub fn resume(&mut self, last: u64) {
        self.head.last = last;
        self.head.bitmap = if last == 0 { 0 } else { u64::MAX };
        if last != 0 {
            for word in self.ring.iter_mut().flat_map(|ring| ring.iter_mut()) {
                *word = u64::MAX;
            }
        }
    }

    /// Whether a received number is new; changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; never for a window of size 0.
    #[inline]
    pub fn check(&self, seq: u64) -> Result<(), ReplayError> {
        let Some(ring) = &self.ring else {
            return self.head.check(seq);
        };
        match self.head.last.checked_sub(seq) {
            Some(age) if age >= u64::from(Window::NARROW_SIZE) && seq != 0 => {
                if age >= u64::from(self.head.size) {
                    return Err(ReplayError::TooOld);
                }
                let (at, bit) = place(ring.len(), seq);
                match ring.get(at) {
                    Some(word) if word & bit == 0 => Ok(()),
                    _ => Err(ReplayError::Seen),
                }
            }
            _ => self.head.check(seq),
        }
    }

    /// Records a received number whose packet has been authenticated.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] as [`Replay::check`]; the window is unchanged then.
    #[inline]
    pub fn advance(&mut self, seq: u64) -> Result<(), ReplayError> {
        self.check(seq)?;
        let Some(ring) = &mut self.ring else {
            return self.head.advance(seq);
        };
        if seq > self.head.last {
            clear_between(ring, self.head.last, seq);
            self.head.move_to(seq, seq.saturating_sub(self.head.last));
        } else {
            self.head.bitmap |= super::bit(self.head.last.saturating_sub(seq));
        }
        let (at, bit) = place(ring.len(), seq);
        if let Some(word) = ring.get_mut(at) {
            *word |= bit;
        }
        Ok(())
    }
}

/// Word and bit of a number in a ring of so many words.
#[inline]
fn place(words: usize, seq: u64) -> (usize, u64) {
    let words = u64::try_from(words).unwrap_or(u64::MAX);
    let at = (seq / WORD).checked_rem(words).unwrap_or(0);
    (usize::try_from(at).unwrap_or(0), super::bit(seq % WORD))
}

/// Forgets what the blocks behind that of `last`, up to that of `seq`, held one round ago.
#[inline]
fn clear_between(ring: &mut [u64], last: u64, seq: u64) {
    let entered = (seq / WORD).saturating_sub(last / WORD);
    let words = ring.len();
    let (mut at, _) = place(words, last);
    for _ in 0..usize::try_from(entered).unwrap_or(words).min(words) {
        at = at.wrapping_add(1);
        if at >= words {
            at = 0;
        }
        if let Some(word) = ring.get_mut(at) {
            *word = 0;
        }
    }
}

impl<S> fmt::Debug for Replay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(size: u16) -> Replay<Vec<u64>> {
        let words = Replay::<Vec<u64>>::words(size);
        Replay::new(size, (words > 0).then(|| vec![u64::MAX; words])).unwrap()
    }

    #[test]
    fn memory_for_every_size() {
        let words = Replay::<&mut [u64]>::words;
        assert_eq!((words(0), words(64)), (0, 0));
        assert_eq!((words(65), words(128), words(129)), (3, 3, 4));
        assert_eq!(words(4096), 65);
        assert!(Replay::new(4097, Some(vec![0; 100])).is_none());
        assert!(Replay::new(4096, Some(vec![0; 64])).is_none());
        assert!(Replay::<Vec<u64>>::new(4096, None).is_none());
        assert!(Replay::new(4096, Some(&mut [0; 65][..])).is_some());
    }

    #[test]
    fn small_windows_are_the_classic_ones() {
        let mut replay = replay(32);
        replay.advance(100).unwrap();
        assert_eq!(replay.check(69), Ok(()));
        assert_eq!(replay.check(68), Err(ReplayError::TooOld));
        assert_eq!(replay.head().bitmap(), 1);
        assert_eq!(replay.take(), Ok(101));
    }

    #[test]
    fn resumed_windows_take_nothing_old() {
        for size in [1, 32, 64, 65, 1000, 4096] {
            let mut replay = replay(size);
            replay.resume(5000);
            for seq in 1..=5000 {
                assert!(replay.check(seq).is_err(), "{size} {seq}");
            }
            assert_eq!(replay.advance(5001), Ok(()));
            assert_eq!(replay.advance(5001), Err(ReplayError::Seen));
            assert_eq!(replay.advance(9000), Ok(()));
            assert_eq!(replay.check(8999).is_ok(), size > 1);
            assert!(replay.check(5000).is_err());
        }
        let mut fresh = replay(64);
        fresh.resume(0);
        assert_eq!(fresh.check(1), Ok(()));
        assert_eq!(fresh.take(), Ok(1));
    }

    #[test]
    fn edges_of_a_wide_window() {
        let mut replay = replay(1000);
        replay.advance(5000).unwrap();
        assert_eq!(replay.check(0), Err(ReplayError::Zero));
        assert_eq!(replay.check(4000), Err(ReplayError::TooOld));
        assert_eq!(replay.advance(4001), Ok(()));
        assert_eq!(replay.advance(4001), Err(ReplayError::Seen));
        assert_eq!(replay.advance(4937), Ok(()));
        assert_eq!(replay.advance(4936), Ok(()));
        assert_eq!(replay.head().bitmap(), 1 | (1 << 63));
        assert_eq!(replay.advance(5001), Ok(()));
        assert_eq!(replay.check(4001), Err(ReplayError::TooOld));
        assert_eq!(replay.check(4936), Err(ReplayError::Seen));
        assert_eq!(replay.head().max_seq_diff(), 4999);
    }

    #[test]
    fn listed_copy_forgets_rather_than_accepts() {
        let mut replay = replay(128);
        replay.advance(200).unwrap();
        assert_eq!(replay.check(100), Ok(()));
        assert_eq!(replay.head().check(100), Err(ReplayError::TooOld));
    }
}
