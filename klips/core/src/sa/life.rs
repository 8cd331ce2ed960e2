// SPDX-License-Identifier: GPL-2.0-only

//! Lifetimes: what an SA has used and how much it may.

/// How long an SA may stay larval (reserved by GETSPI, without keys), in seconds. What key management has not filled by
/// then it has forgotten.
pub const LARVAL_SECONDS: u64 = 30;

/// One counter with its limits; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lifetime {
    /// What was used. For times: the second that it began at, 0 if it did not yet.
    pub count: u64,
    /// A key daemon is told when this is exceeded.
    pub soft: u64,
    /// The SA ends when this is exceeded.
    pub hard: u64,
}

impl Lifetime {
    /// Sets the hard limit: the smaller of old and new, where 0 is none. A soft limit above it comes down too.
    pub fn limit_hard(&mut self, hard: u64) {
        self.hard = smaller_limit(self.hard, hard);
        self.clamp();
    }

    /// Sets the soft limit: the smaller of old and new, where 0 is none; never above the hard limit.
    pub fn limit_soft(&mut self, soft: u64) {
        self.soft = smaller_limit(self.soft, soft);
        self.clamp();
    }

    fn clamp(&mut self) {
        if self.hard != 0 && self.soft > self.hard {
            self.soft = self.hard;
        }
    }

    /// Anything there that a listing shows.
    pub const fn is_shown(&self) -> bool {
        self.count > 1 || self.soft != 0 || self.hard != 0
    }
}

/// The stricter of two limits, where 0 is none.
const fn smaller_limit(a: u64, b: u64) -> u64 {
    if a == 0 || (b != 0 && b < a) {
        b
    } else {
        a
    }
}

/// A kind of lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes after the transform.
    Bytes,
    /// Seconds since the SA was added.
    AddTime,
    /// Seconds since the SA was first used.
    UseTime,
    /// Packets.
    Packets,
}

/// What a check of the lifetimes found. A hard limit of any kind counts before a soft one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Nothing has expired.
    None,
    /// A soft limit is exceeded: tell the key daemon once, go on.
    Soft(Kind),
    /// A hard limit is exceeded: the SA ends with this packet, which is discarded.
    Hard(Kind),
}

/// All lifetimes of an SA. Times are in seconds of one clock that the caller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lifetimes {
    /// Allocations; 1 once added, never checked.
    pub alloc: Lifetime,
    /// Bytes after the transform.
    pub bytes: Lifetime,
    /// When the SA was added.
    pub addtime: Lifetime,
    /// When the SA was first used.
    pub usetime: Lifetime,
    /// Packets.
    pub packets: Lifetime,
    /// When the SA was last used.
    pub last_used: u64,
}

impl Lifetimes {
    /// The lifetimes of an SA that is added `now`, without limits.
    pub fn added(now: u64) -> Self {
        let counted = |count| Lifetime {
            count,
            ..Lifetime::default()
        };
        Self {
            alloc: counted(1),
            addtime: counted(now),
            ..Self::default()
        }
    }

    /// Has been used at all.
    #[inline]
    pub const fn is_used(&self) -> bool {
        self.usetime.count != 0
    }

    /// Whether there is any limit.
    #[inline]
    pub const fn is_limited(&self) -> bool {
        let (bytes, packets) = (&self.bytes, &self.packets);
        let (added, used) = (&self.addtime, &self.usetime);
        let soft = bytes.soft | packets.soft | added.soft | used.soft;
        let hard = bytes.hard | packets.hard | added.hard | used.hard;
        soft | hard != 0
    }

    /// Compares every counter with its limits. *Exceeded* is strictly greater; the order is bytes, addtime, usetime,
    /// packets.
    #[inline]
    pub fn check(&self, now: u64) -> Expiry {
        if !self.is_limited() {
            return Expiry::None;
        }
        let elapsed = |since: u64| {
            if since == 0 {
                0
            } else {
                now.saturating_sub(since)
            }
        };
        let counters = [
            (Kind::Bytes, self.bytes.count, &self.bytes),
            (Kind::AddTime, elapsed(self.addtime.count), &self.addtime),
            (Kind::UseTime, elapsed(self.usetime.count), &self.usetime),
            (Kind::Packets, self.packets.count, &self.packets),
        ];
        let mut found = Expiry::None;
        for (kind, used, limit) in counters {
            if limit.hard != 0 && used > limit.hard {
                return Expiry::Hard(kind);
            }
            if limit.soft != 0 && used > limit.soft && found == Expiry::None {
                found = Expiry::Soft(kind);
            }
        }
        found
    }

    /// The earliest second at which [`Lifetimes::check`] can find a time limit exceeded; for timers, as an idle SA has to
    /// expire too.
    ///
    /// Soft limits count until one was reported. For an SA that is not used yet, its first use is taken to be `now`: the
    /// use-time limits cannot pass earlier. The answer may lie in the past. `None`: no time limit will ever pass.
    ///
    /// A limit can only pass later than was said, never earlier, unless it is lowered. So a timer that finds nothing
    /// expired asks again, and packets need not touch timers.
    pub fn next_deadline(&self, now: u64, soft_reported: bool) -> Option<u64> {
        let used = if self.is_used() {
            self.usetime.count
        } else {
            now
        };
        let starts = [(self.addtime.count, &self.addtime), (used, &self.usetime)];
        let mut earliest = None;
        for (start, limit) in starts {
            if start == 0 {
                continue;
            }
            let soft = if soft_reported { 0 } else { limit.soft };
            for limit in [limit.hard, soft] {
                let passed = if limit == 0 {
                    None
                } else {
                    // Exceeded is strictly greater.
                    start.checked_add(limit).and_then(|at| at.checked_add(1))
                };
                earliest = match (earliest, passed) {
                    (Some(a), Some(b)) if b < a => Some(b),
                    (None, passed) => passed,
                    (earliest, _) => earliest,
                };
            }
        }
        earliest
    }

    /// What was used.
    pub const fn used(&self) -> Used {
        Used {
            bytes: self.bytes.count,
            packets: self.packets.count,
            first: self.usetime.count,
            last: self.last_used,
        }
    }

    /// The same limits with what was used in the place of what they have.
    #[inline]
    #[must_use]
    pub const fn with(mut self, used: &Used) -> Self {
        self.bytes.count = used.bytes;
        self.packets.count = used.packets;
        self.usetime.count = used.first;
        self.last_used = used.last;
        self
    }
}

/// What packets change of the lifetimes of their SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Used {
    /// Bytes after the transform.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// The second of the first use; 0: not used yet.
    pub first: u64,
    /// The second of the last use.
    pub last: u64,
}

impl Used {
    /// Counts a packet of `len` bytes, as it stands after the transform.
    #[inline]
    pub fn count(&mut self, len: usize, now: u64) {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(len);
        self.packets = self.packets.saturating_add(1);
        if self.first == 0 {
            self.first = now;
        }
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lives: &mut Lifetimes, len: usize, now: u64) {
        let mut used = lives.used();
        used.count(len, now);
        *lives = lives.with(&used);
    }

    fn limits(soft: u64, hard: u64) -> Lifetime {
        Lifetime {
            count: 0,
            soft,
            hard,
        }
    }

    #[test]
    fn smaller_limit_stays() {
        let mut life = Lifetime::default();
        life.limit_hard(100);
        life.limit_hard(0);
        assert_eq!(life.hard, 100);
        life.limit_hard(200);
        assert_eq!(life.hard, 100);
        life.limit_soft(150);
        assert_eq!(life.soft, 100);
        life.limit_soft(60);
        assert_eq!(life.soft, 60);
        life.limit_hard(50);
        assert_eq!((life.soft, life.hard), (50, 50));
    }

    #[test]
    fn exceeded_is_strictly_greater() {
        let mut lives = Lifetimes::added(1000);
        lives.bytes = limits(100, 200);
        count(&mut lives, 100, 1001);
        assert_eq!(lives.check(1001), Expiry::None);
        count(&mut lives, 1, 1001);
        assert_eq!(lives.check(1001), Expiry::Soft(Kind::Bytes));
        count(&mut lives, 99, 1001);
        assert_eq!(lives.check(1001), Expiry::Soft(Kind::Bytes));
        count(&mut lives, 1, 1001);
        assert_eq!(lives.check(1001), Expiry::Hard(Kind::Bytes));
        assert_eq!((lives.packets.count, lives.bytes.count), (4, 201));
    }

    #[test]
    fn times_count_from_their_own_start() {
        let mut lives = Lifetimes::added(1000);
        lives.usetime = limits(10, 20);
        lives.addtime.hard = 100;
        assert_eq!(lives.check(1050), Expiry::None, "not used yet");
        count(&mut lives, 1, 1050);
        assert_eq!(lives.check(1060), Expiry::None);
        assert_eq!(lives.check(1061), Expiry::Soft(Kind::UseTime));
        assert_eq!(lives.check(1071), Expiry::Hard(Kind::UseTime));
        assert_eq!(lives.check(1101), Expiry::Hard(Kind::AddTime));
    }

    #[test]
    fn hard_beats_an_earlier_soft() {
        let mut lives = Lifetimes::added(1);
        lives.bytes.soft = 1;
        lives.packets.hard = 1;
        count(&mut lives, 10, 1);
        assert_eq!(lives.check(1), Expiry::Soft(Kind::Bytes));
        count(&mut lives, 10, 1);
        assert_eq!(lives.check(1), Expiry::Hard(Kind::Packets));
    }

    #[test]
    fn first_and_last_use() {
        let mut lives = Lifetimes::added(5);
        assert!(!lives.is_used());
        count(&mut lives, 1, 7);
        count(&mut lives, 1, 9);
        assert!(lives.is_used());
        assert_eq!(
            (lives.usetime.count, lives.last_used, lives.addtime.count),
            (7, 9, 5)
        );
    }

    #[test]
    fn deadline_is_the_first_second_that_expires() {
        let mut lives = Lifetimes::added(1000);
        assert_eq!(lives.next_deadline(1000, false), None);
        lives.bytes.hard = 1;
        assert_eq!(lives.next_deadline(1000, false), None, "no time limit");
        lives.addtime = Lifetime {
            count: 1000,
            soft: 50,
            hard: 100,
        };
        assert_eq!(lives.next_deadline(1000, false), Some(1051));
        assert_eq!(lives.check(1050), Expiry::None);
        assert_eq!(lives.check(1051), Expiry::Soft(Kind::AddTime));
        assert_eq!(lives.next_deadline(1060, true), Some(1101));
        assert_eq!(lives.check(1101), Expiry::Hard(Kind::AddTime));
    }

    #[test]
    fn deadline_of_use_counts_from_the_first_one() {
        let mut lives = Lifetimes::added(1000);
        lives.usetime = limits(0, 20);
        assert_eq!(lives.next_deadline(1005, false), Some(1026));
        count(&mut lives, 1, 1010);
        assert_eq!(lives.next_deadline(1015, false), Some(1031));
        assert_eq!(lives.next_deadline(2000, false), Some(1031), "in the past");
        lives.addtime.hard = 5;
        assert_eq!(lives.next_deadline(1015, false), Some(1006));
        lives.addtime.hard = u64::MAX;
        assert_eq!(lives.next_deadline(1015, false), Some(1031));
    }
}
