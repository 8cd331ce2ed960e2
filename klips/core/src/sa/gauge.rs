// SPDX-License-Identifier: GPL-2.0-only

//! How fast packets of one SA come, and whether that is enough to have other processors help.

/// The shortest time that a rate is worked out of, milliseconds: the clock is a coarse one.
const SHORTEST: u64 = 20;

/// Measures a rate from a count that only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    count: u64,
    since: u64,
}

impl Gauge {
    /// The rate, packets per second, since this last gave one; before that, since the clock began.
    ///
    /// `count` is how many packets there were by `now`, milliseconds. `None`: that was a moment ago.
    pub fn measure(&mut self, count: u64, now: u64) -> Option<u64> {
        let span = now.saturating_sub(self.since);
        if span < SHORTEST {
            return None;
        }
        let packets = count.saturating_sub(self.count);
        *self = Self { count, since: now };
        packets.saturating_mul(1000).checked_div(span)
    }
}

/// Whether packets that come at `rate` are to be spread over processors, where `threshold` is in effect; 0: never.
///
/// Those that are spread `already` go on being so down to half of it, or a rate at the threshold would change this all the
/// time.
pub const fn is_to_spread(already: bool, rate: u64, threshold: u64) -> bool {
    let least = if already {
        threshold.div_ceil(2)
    } else {
        threshold
    };
    threshold != 0 && rate >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_of_the_time_since_the_last_one() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.measure(10, 1000), Some(10));
        assert_eq!(gauge.measure(110, 1100), Some(1000));
        assert_eq!(gauge.measure(110, 2100), Some(0));
    }

    #[test]
    fn too_short_a_time_is_not_judged_and_not_forgotten() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.measure(0, 1000), Some(0));
        assert_eq!(gauge.measure(500, 1000 + SHORTEST - 1), None);
        assert_eq!(gauge.measure(500, 1500), Some(1000));
    }

    #[test]
    fn clock_and_count_that_go_back_are_no_rate() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.measure(100, 1000), Some(100));
        assert_eq!(gauge.measure(200, 500), None);
        assert_eq!(gauge.measure(50, 2000), Some(0));
        assert_eq!(gauge.measure(u64::MAX, u64::MAX), Some(1));
    }

    #[test]
    fn spreading_ends_at_half_of_where_it_begins() {
        for (already, rate, spreads) in [
            (false, 999, false),
            (false, 1000, true),
            (true, 999, true),
            (true, 500, true),
            (true, 499, false),
        ] {
            assert_eq!(
                is_to_spread(already, rate, 1000),
                spreads,
                "{already} {rate}"
            );
        }
    }

    #[test]
    fn threshold_of_one_takes_any_packet_and_zero_none() {
        assert!(is_to_spread(false, 1, 1) && is_to_spread(true, 1, 1));
        assert!(!is_to_spread(false, 0, 1) && !is_to_spread(true, 0, 1));
        assert!(!is_to_spread(false, u64::MAX, 0) && !is_to_spread(true, u64::MAX, 0));
    }
}
