// SPDX-License-Identifier: GPL-2.0-only

//! What packets do to their SA: numbers, counters, lifetimes.

use super::{Limit, Sa};
use crate::{error::Discard, kapi::time, xform::Xform};
use core::sync::atomic::Ordering;
use kernel::prelude::*;
use klips_core::sa::{
    life::LARVAL_SECONDS, Expiry, Gauge, Lifetimes, Replay, ReplayError, State, Used,
};

/// What packets change.
pub(crate) struct Hot {
    /// Sequence numbers.
    pub(crate) window: Replay<KVec<u64>>,
    /// What the lifetimes are about.
    used: Used,
    /// A soft limit was reported.
    pub(crate) soft_reported: bool,
    /// Another SA goes on counting from here.
    handed_over: bool,
    /// Set aside for outer packets that go the short way.
    idents: Idents,
    /// How fast packets come, while that matters.
    gauge: Gauge,
}

/// Identifications of IPv4 packets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Idents {
    /// The next one.
    pub(crate) next: u16,
    /// How many there are.
    pub(crate) left: u16,
}

impl Idents {
    #[inline]
    fn take(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        let ident = self.next;
        self.next = ident.wrapping_add(1);
        Some(ident)
    }
}

/// What a packet gets from the SA that it is sent through.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    /// Its sequence number.
    pub(crate) seq: u64,
    /// An identification, if some were set aside ([`Sa::keep_idents`]).
    pub(crate) ident: Option<u16>,
}

impl Hot {
    /// Of an SA with a replay window of `size` packets, before its first packet. `EINVAL`: larger than windows can be.
    pub(super) fn new(size: u16, extended: bool, used: Used) -> Result<Self> {
        Ok(Self {
            window: replay(size, extended)?,
            used,
            soft_reported: false,
            handed_over: false,
            idents: Idents::default(),
            gauge: Gauge::default(),
        })
    }

    /// How many packets there were in a second, lately; `now` in milliseconds of uptime. `None`: too soon to say.
    pub(super) fn rate(&mut self, now: u64) -> Option<u64> {
        self.gauge.measure(self.used.packets, now)
    }
}

/// The sequence state of an SA with a replay window of `size` packets. `EINVAL`: larger than windows can be.
fn replay(size: u16, extended: bool) -> Result<Replay<KVec<u64>>> {
    let words = Replay::<KVec<u64>>::words(size);
    let ring = if words > 0 {
        Some(KVec::from_elem(0, words, GFP_KERNEL)?)
    } else {
        None
    };
    let mut replay = Replay::new(size, ring).ok_or(EINVAL)?;
    if extended {
        replay.extend();
    }
    Ok(replay)
}

impl Sa {
    /// What it has used and how much it may.
    pub(crate) fn life(&self) -> Lifetimes {
        self.fixed.life.with(&self.hot(|hot| hot.used))
    }

    #[inline]
    fn check(&self, hot: &Hot, now: u64) -> Expiry {
        if self.is_limited {
            self.fixed.life.with(&hot.used).check(now)
        } else {
            Expiry::None
        }
    }

    /// When time may end or age the SA, seconds of uptime.
    pub(crate) fn next_deadline(&self, now: u64) -> Option<u64> {
        let life = self.life();
        match self.state() {
            State::Larval => Some(life.addtime.count.saturating_add(LARVAL_SECONDS)),
            State::Dead => None,
            _ => life.next_deadline(now, self.hot(|hot| hot.soft_reported)),
        }
    }

    /// Looks whether time has passed a limit, which ends or ages the SA.
    pub(crate) fn time_is_up(&self, now: u64) -> Option<Limit> {
        let state = self.state();
        let limit = self.hot(|hot| {
            if state == State::Larval {
                let age = now.saturating_sub(self.fixed.life.addtime.count);
                return (age >= LARVAL_SECONDS).then_some(Limit::Hard);
            }
            match self.check(hot, now) {
                Expiry::Hard(_) => Some(Limit::Hard),
                expiry => Self::soft(hot, expiry),
            }
        });
        self.apply(limit);
        limit
    }

    /// Ends the SA's numbers for one that goes on with them; returns the last one used.
    pub(crate) fn hand_over(&self) -> u64 {
        self.hot(|hot| {
            hot.handed_over = true;
            hot.window.head().last()
        })
    }

    /// Goes on where another SA handed over.
    pub(crate) fn resume(&self, last: u64) {
        self.hot(|hot| hot.window.resume(last));
    }

    /// Whether the next outbound packet may use the SA. `Err` is the reason why not; a limit to report comes with it.
    #[inline]
    pub(crate) fn begin_send(&self) -> (core::result::Result<u64, Discard>, Option<Limit>) {
        let (numbers, limit) = self.take_numbers(time::uptime_secs(), None);
        (numbers.map(|numbers| numbers.seq), limit)
    }

    /// As [`Sa::begin_send`], for a packet of which the length after this SA's transform is known: it is counted too. `now`
    /// in seconds of uptime.
    #[inline]
    pub(crate) fn send(
        &self,
        len: usize,
        now: u64,
    ) -> (core::result::Result<Numbers, Discard>, Option<Limit>) {
        self.take_numbers(now, Some(len))
    }

    /// Sets identifications aside for packets to come. Several CPUs may do so at a time; those of the slower one stay.
    pub(crate) fn keep_idents(&self, idents: Idents) {
        self.hot(|hot| hot.idents = idents);
    }

    #[inline]
    fn take_numbers(
        &self,
        now: u64,
        len: Option<usize>,
    ) -> (core::result::Result<Numbers, Discard>, Option<Limit>) {
        if !self.carries_traffic() {
            return (Err(Discard::TxSaNotMature), None);
        }
        let counts_ivs = matches!(&self.fixed.xform, Xform::Esp(esp) if esp.counts_ivs());
        let may_end = counts_ivs && !self.fixed.extended;
        let (numbers, limit) = self.hot(|hot| match self.check(hot, now) {
            Expiry::Hard(_) => (Err(Discard::TxExpired), Some(Limit::Hard)),
            expiry => {
                if hot.handed_over {
                    return (Err(Discard::TxSaNotMature), None);
                }
                let limit = Self::soft(hot, expiry);
                let last = hot.window.head().last();
                if may_end && last == u64::from(u32::MAX) {
                    return (Err(Discard::TxSeqExhausted), Some(Limit::Hard));
                }
                match hot.window.take() {
                    Ok(seq) => {
                        let ident = len.and_then(|len| {
                            hot.used.count(len, now);
                            hot.idents.take()
                        });
                        (Ok(Numbers { seq, ident }), limit)
                    }
                    Err(_) => (Err(Discard::TxSeqExhausted), Some(Limit::Hard)),
                }
            }
        });
        self.apply(limit);
        (numbers, limit)
    }

    /// Counts a packet of `len` bytes, as it stands after this SA's transform.
    #[inline]
    pub(crate) fn count(&self, len: usize) {
        let now = time::uptime_secs();
        self.hot(|hot| hot.used.count(len, now));
    }

    /// First check of a received packet: lifetimes, then the sequence number that it shows, if the protocol has one.
    /// Changes nothing but error counters. Returns the whole number. `now` in seconds of uptime.
    #[inline]
    pub(crate) fn begin_receive(
        &self,
        seq: Option<u32>,
        now: u64,
    ) -> (core::result::Result<Option<u64>, Discard>, Option<Limit>) {
        if !self.carries_traffic() {
            return (Err(Discard::RxSaNotMature), None);
        }
        let (result, limit) = self.hot(|hot| match self.check(hot, now) {
            Expiry::Hard(_) => (Err(Discard::RxExpired), Some(Limit::Hard)),
            // A soft limit is reported once the packet has proved to be genuine, not before.
            _ => {
                let seq = seq.map(|low| hot.window.whole(low));
                let refused = seq.map_or(Ok(()), |seq| self.refuse(hot, |w| w.check(seq)));
                (refused.map(|()| seq), None)
            }
        });
        self.apply(limit);
        (result, limit)
    }

    /// Whether a packet that shows this sequence number would pass [`Sa::begin_receive`] as far as that can be told without
    /// the lock, by which time limits are left for [`Sa::receive`] to find. The number is the whole one then.
    #[inline]
    pub(crate) fn is_ahead(&self, shown: u32) -> bool {
        let ahead = u64::from(shown) > self.moving.newest.load(Ordering::Relaxed);
        ahead && !self.fixed.extended && self.carries_traffic()
    }

    /// After the ICV verified: checks the sequence number again and records it. Packets that passed the first check on
    /// several CPUs are told apart here.
    #[inline]
    pub(crate) fn commit_receive(&self, seq: u64) -> core::result::Result<(), Discard> {
        self.hot(|hot| self.record(hot, seq))
    }

    /// [`Sa::commit_receive`], and what was inside of the packet was good: [`Sa::end_receive`]. Lifetimes are checked too.
    #[inline]
    pub(crate) fn receive(
        &self,
        seq: u64,
        len: usize,
        now: u64,
    ) -> (core::result::Result<(), Discard>, Option<Limit>) {
        let (result, limit) = self.hot(|hot| match self.check(hot, now) {
            // Of many that were under way, one tells.
            Expiry::Hard(_) => (
                Err(Discard::RxExpired),
                self.carries_traffic().then_some(Limit::Hard),
            ),
            expiry => match self.record(hot, seq) {
                Ok(()) => {
                    hot.used.count(len, now);
                    (Ok(()), Self::soft(hot, expiry))
                }
                refused => (refused, None),
            },
        });
        self.apply(limit);
        (result, limit)
    }

    #[inline]
    fn record(&self, hot: &mut Hot, seq: u64) -> core::result::Result<(), Discard> {
        self.refuse(hot, |w| w.advance(seq))?;
        self.moving
            .newest
            .store(hot.window.head().last(), Ordering::Relaxed);
        Ok(())
    }

    /// Both checks and the counting at once, for an SA whose protocol has no sequence numbers.
    #[inline]
    pub(crate) fn receive_unnumbered(
        &self,
        len: usize,
        now: u64,
    ) -> (core::result::Result<(), Discard>, Option<Limit>) {
        self.pass(len, now, Discard::RxSaNotMature, Discard::RxExpired)
    }

    /// As [`Sa::send`], for an SA whose protocol has no sequence numbers.
    #[inline]
    pub(crate) fn send_unnumbered(
        &self,
        len: usize,
        now: u64,
    ) -> (core::result::Result<(), Discard>, Option<Limit>) {
        self.pass(len, now, Discard::TxSaNotMature, Discard::TxExpired)
    }

    #[inline]
    fn pass(
        &self,
        len: usize,
        now: u64,
        unusable: Discard,
        expired: Discard,
    ) -> (core::result::Result<(), Discard>, Option<Limit>) {
        if !self.carries_traffic() {
            return (Err(unusable), None);
        }
        let (result, limit) = self.hot(|hot| match self.check(hot, now) {
            Expiry::Hard(_) => (Err(expired), Some(Limit::Hard)),
            _ => (Ok(()), self.count_checked(hot, len, now)),
        });
        self.apply(limit);
        (result, limit)
    }

    /// Counts a genuine packet of `len` bytes after this SA's transform, and reports a soft limit.
    #[inline]
    pub(crate) fn end_receive(&self, len: usize, now: u64) -> Option<Limit> {
        let limit = self.hot(|hot| self.count_checked(hot, len, now));
        self.apply(limit);
        limit
    }

    #[inline]
    fn count_checked(&self, hot: &mut Hot, len: usize, now: u64) -> Option<Limit> {
        let expiry = self.check(hot, now);
        hot.used.count(len, now);
        Self::soft(hot, expiry)
    }

    fn refuse(
        &self,
        hot: &mut Hot,
        f: impl FnOnce(&mut Replay<KVec<u64>>) -> core::result::Result<(), ReplayError>,
    ) -> core::result::Result<(), Discard> {
        if hot.handed_over {
            return Err(Discard::RxSaNotMature);
        }
        f(&mut hot.window).map_err(|e| {
            self.faults.order.add();
            match e {
                ReplayError::Zero => Discard::RxSequenceZero,
                _ => Discard::RxReplayed,
            }
        })
    }

    fn soft(hot: &mut Hot, expiry: Expiry) -> Option<Limit> {
        if !matches!(expiry, Expiry::Soft(_)) || hot.soft_reported {
            return None;
        }
        hot.soft_reported = true;
        Some(Limit::Soft)
    }

    fn apply(&self, limit: Option<Limit>) {
        match limit {
            Some(Limit::Hard) => self.kill(),
            Some(Limit::Soft) => self.fade(),
            None => {}
        }
    }

    fn fade(&self) {
        let _ = self.state.compare_exchange(
            State::Mature.number(),
            State::Dying.number(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }
}
