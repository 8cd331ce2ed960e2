// SPDX-License-Identifier: GPL-2.0-only

//! The replay window, RFC 4303 3.4.3, and the sequence numbers of the other direction.
//!
//! A received packet is [checked](Window::check) before its ICV is, so that replays cost little, and
//! [recorded](Window::advance) after; recording checks again, because another CPU may have been faster.
//!
//! Numbers are kept in 64 bits. A packet shows the lower half; [`Window::whole`] finds the rest where extended sequence
//! numbers are in use (RFC 4304), and nothing else tells the two kinds apart.
//!
//! # Two sizes
//!
//! [`Window`] holds up to 64 packets, as KLIPS has it, and is small: it is copied into listings, and most SAs need no more.
//! [`Replay`] is the same with up to 4096 packets, for senders that spread over many CPUs or queues. What it remembers
//! beyond the newest 64 lies in memory that the caller brings ([`Replay::words`] of it, none for a small window), so that
//! an SA pays for the window it has.

mod wide;

pub use wide::Replay;

use core::fmt;

/// Why a sequence number was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// Zero, which no sender uses.
    Zero,
    /// Left of the window.
    TooOld,
    /// Seen before.
    Seen,
}

/// All sequence numbers of an outbound SA have been used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// The sequence state of an SA: window and last number for inbound, last number for outbound.
///
/// Of a wider window ([`Replay::head`]) this is what a listing shows. Numbers that such a copy does not remember count as
/// too old.
///
/// Invariant: `size` is at most [`Window::MAX_SIZE`].
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    size: u16,
    /// The numbers have 64 bits, of which packets show the lower half.
    extended: bool,
    last: u64,
    /// Bit n is set if `last` - n was seen; bit 0 is the newest.
    bitmap: u64,
    max_seq_diff: u64,
}

impl Window {
    /// The largest window of all, in packets.
    pub const MAX_SIZE: u16 = 4096;
    /// The largest window that needs no memory beside, in packets.
    pub const NARROW_SIZE: u16 = 64;

    /// A window of `size` packets, nothing seen; 0 switches replay protection off. `None` if it is larger than
    /// [`Window::NARROW_SIZE`].
    pub const fn new(size: u16) -> Option<Self> {
        if size > Self::NARROW_SIZE {
            return None;
        }
        Some(Self::fresh(size))
    }

    const fn fresh(size: u16) -> Self {
        Self {
            size,
            extended: false,
            last: 0,
            bitmap: 0,
            max_seq_diff: 0,
        }
    }

    /// A window as a listing shows it; `None` if it cannot be one.
    #[cfg(feature = "parse")]
    pub(crate) fn listed(size: u16, last: u64, bitmap: u64, max_seq_diff: u64) -> Option<Self> {
        (size <= Self::MAX_SIZE).then_some(Self {
            size,
            extended: last > u64::from(u32::MAX),
            last,
            bitmap,
            max_seq_diff,
        })
    }

    /// Size in packets; 0 is off.
    #[inline]
    pub const fn size(&self) -> u16 {
        self.size
    }

    /// The highest sequence number seen, or the last one sent; 0 if none. Without a window nothing received shows.
    #[inline]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Which of the last numbers were seen, bit 0 the newest.
    #[inline]
    pub const fn bitmap(&self) -> u64 {
        self.bitmap
    }

    /// The largest count of numbers that were skipped at once.
    #[inline]
    pub const fn max_seq_diff(&self) -> u64 {
        self.max_seq_diff
    }

    /// Whether a received number is new; changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]; never for a window of size 0.
    #[inline]
    pub fn check(&self, seq: u64) -> Result<(), ReplayError> {
        if self.size == 0 {
            return Ok(());
        }
        if seq == 0 {
            return Err(ReplayError::Zero);
        }
        let Some(age) = self.last.checked_sub(seq) else {
            return Ok(());
        };
        if age >= u64::from(self.size.min(Self::NARROW_SIZE)) {
            return Err(ReplayError::TooOld);
        }
        if self.bitmap & bit(age) != 0 {
            return Err(ReplayError::Seen);
        }
        Ok(())
    }

    /// Records a received number whose packet has been authenticated.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] as [`Window::check`]; the window is unchanged then.
    #[inline]
    pub fn advance(&mut self, seq: u64) -> Result<(), ReplayError> {
        self.check(seq)?;
        if self.size == 0 {
            return Ok(());
        }
        match seq.checked_sub(self.last) {
            Some(jump) => self.move_to(seq, jump),
            None => self.bitmap |= bit(self.last.saturating_sub(seq)),
        }
        Ok(())
    }

    /// Moves the window's newest end forward by `jump`, at least 1.
    #[inline]
    fn move_to(&mut self, seq: u64, jump: u64) {
        self.max_seq_diff = self.max_seq_diff.max(jump.saturating_sub(1));
        self.bitmap = match u32::try_from(jump) {
            Ok(jump) if jump < u32::from(self.size) => {
                self.bitmap.checked_shl(jump).unwrap_or(0) | 1
            }
            _ => 1,
        };
        self.last = seq;
    }

    /// Takes the next number to send: 1 first.
    ///
    /// Without a window the numbers wrap, as the peer does not look at them.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] after 0xffffffff if there is a window, or after the last number of 64 bits: the SA must not send any
    /// more, RFC 4303 3.3.3.
    #[inline]
    pub fn take(&mut self) -> Result<u64, Exhausted> {
        let next = self.last.checked_add(1).ok_or(Exhausted)?;
        self.last = match u32::try_from(next) {
            Err(_) if self.extended => next,
            Err(_) if self.size != 0 => return Err(Exhausted),
            Err(_) => 0,
            Ok(next) => u64::from(next),
        };
        Ok(self.last)
    }

    /// The whole number of a received packet that shows `low`: `low` itself, or the one of 64 bits that is meant according
    /// to where the window stands (RFC 4304 appendix A2.1).
    #[inline]
    pub fn whole(&self, low: u32) -> u64 {
        if !self.extended {
            return u64::from(low);
        }
        const HALF: u64 = 1 << 32;
        let base = self.last & !u64::from(u32::MAX);
        let here = base | u64::from(low);
        // The window's oldest number. Numbers above it, up to a whole turn, are those that `low` can mean.
        let oldest = self
            .last
            .saturating_sub(u64::from(self.size).saturating_sub(1));
        if here < oldest {
            here.saturating_add(HALF)
        } else if here
            .checked_sub(HALF)
            .is_some_and(|before| before >= oldest)
        {
            here.wrapping_sub(HALF)
        } else {
            here
        }
    }

    /// The numbers have 64 bits.
    #[inline]
    pub const fn is_extended(&self) -> bool {
        self.extended
    }
}

/// The bit of a number that is `age` behind the newest one; 0 beyond the bitmap.
#[inline]
fn bit(age: u64) -> u64 {
    u32::try_from(age)
        .ok()
        .and_then(|age| 1_u64.checked_shl(age))
        .unwrap_or(0)
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Window({} at {}, {:#x})",
            self.size, self.last, self.bitmap
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last number of a half.
    const LAST: u64 = 0xffff_ffff;

    fn window(size: u16, seen: &[u64]) -> Window {
        let mut window = Window::new(size).unwrap();
        for seq in seen {
            window.advance(*seq).unwrap();
        }
        window
    }

    #[test]
    fn sizes() {
        assert_eq!(Window::new(64).unwrap().size(), 64);
        assert_eq!(Window::new(65), None);
    }

    #[test]
    fn off_takes_everything_and_tracks_nothing() {
        let window = window(0, &[5, 5, 0, 1]);
        assert_eq!(
            (window.last(), window.bitmap(), window.max_seq_diff()),
            (0, 0, 0)
        );
    }

    #[test]
    fn zero_is_refused() {
        assert_eq!(window(32, &[]).check(0), Err(ReplayError::Zero));
        assert_eq!(window(32, &[7]).check(0), Err(ReplayError::Zero));
    }

    #[test]
    fn every_position_of_the_widest_window() {
        // Above bit 31 is where the original went wrong.
        for hole in 0..64 {
            let mut window = Window::new(64).unwrap();
            for seq in (1..=64).filter(|seq| *seq != 64 - hole) {
                window.advance(seq).unwrap();
            }
            if hole == 0 {
                continue;
            }
            for seq in 1..=64 {
                let wanted = if seq == 64 - hole {
                    Ok(())
                } else {
                    Err(ReplayError::Seen)
                };
                assert_eq!(window.check(seq), wanted, "hole {hole}, seq {seq}");
            }
            window.advance(64 - hole).unwrap();
            assert_eq!(window.bitmap(), u64::MAX);
        }
    }

    #[test]
    fn edges_of_the_window() {
        let window = window(32, &[100]);
        assert_eq!(window.check(69), Ok(()));
        assert_eq!(window.check(68), Err(ReplayError::TooOld));
        assert_eq!(window.check(100), Err(ReplayError::Seen));
        assert_eq!(window.check(101), Ok(()));
        assert_eq!(window.check(LAST), Ok(()));
    }

    #[test]
    fn jumps_shift_or_reset() {
        let mut window = window(8, &[1, 2]);
        assert_eq!(window.bitmap(), 0b11);
        window.advance(9).unwrap();
        assert_eq!((window.bitmap(), window.max_seq_diff()), (0b1_1000_0001, 6));
        window.advance(17).unwrap();
        assert_eq!((window.bitmap(), window.max_seq_diff()), (1, 7));
        window.advance(18).unwrap();
        assert_eq!(
            (window.bitmap(), window.max_seq_diff(), window.last()),
            (0b11, 7, 18)
        );
    }

    #[test]
    fn whole_number_space() {
        let mut window = window(64, &[LAST]);
        assert_eq!(window.max_seq_diff(), LAST - 1);
        assert_eq!(window.advance(LAST), Err(ReplayError::Seen));
        assert_eq!(window.advance(LAST - 63), Ok(()));
        assert_eq!(window.advance(LAST - 64), Err(ReplayError::TooOld));
    }

    #[test]
    fn refused_numbers_change_nothing() {
        let mut window = window(16, &[3, 40]);
        let before = window;
        for seq in [0, 3, 24, 40] {
            assert!(window.advance(seq).is_err());
        }
        assert_eq!(window, before);
    }

    #[test]
    fn sending() {
        let mut window = Window::new(64).unwrap();
        assert_eq!(window.take(), Ok(1));
        assert_eq!(window.take(), Ok(2));
        window.last = LAST - 1;
        assert_eq!(window.take(), Ok(LAST));
        assert_eq!(window.take(), Err(Exhausted));
        assert_eq!(window.last(), LAST);
        window.size = 0;
        assert_eq!(window.take(), Ok(0));
        assert_eq!(window.take(), Ok(1));
    }

    #[test]
    fn whole_numbers_by_the_table_of_rfc_4304() {
        let at = |last: u64| Window {
            size: 64,
            extended: true,
            last,
            ..Window::default()
        };
        // Nothing seen yet, and the first turn.
        assert_eq!(at(0).whole(1), 1);
        assert_eq!(at(0).whole(u32::MAX), 0xffff_ffff);
        assert_eq!(at(1000).whole(937), 937);
        // Case A: the window lies within one turn.
        let high = 5_u64 << 32;
        assert_eq!(at(high | 1000).whole(937), high | 937);
        assert_eq!(at(high | 1000).whole(936), (6 << 32) | 936);
        assert_eq!(at(high | 1000).whole(2000), high | 2000);
        assert_eq!(at(high | 0xffff_fff0).whole(5), (6 << 32) | 5);
        // Case B: it spans two.
        assert_eq!(at(high | 10).whole(0xffff_fff0), (4 << 32) | 0xffff_fff0);
        assert_eq!(at(high | 10).whole(0xffff_ff00), high | 0xffff_ff00);
        assert_eq!(at(high | 10).whole(9), high | 9);
        // Without them the number is what the packet shows.
        assert_eq!(Window::new(64).unwrap().whole(7), 7);
    }

    #[test]
    fn extended_numbers_go_on_after_a_turn() {
        let mut window = Window {
            size: 64,
            extended: true,
            last: u64::from(u32::MAX) - 1,
            ..Window::default()
        };
        assert_eq!(window.take(), Ok(0xffff_ffff));
        assert_eq!(window.take(), Ok(0x1_0000_0000));
        window.last = u64::MAX;
        assert_eq!(window.take(), Err(Exhausted));
    }
}
