// SPDX-License-Identifier: GPL-2.0-only

//! The time of day, in UTC: the tools read no table of time zones.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Seconds since the start of 1970.
    seconds: u64,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            seconds: since.map_or(0, |since| since.as_secs()),
        }
    }

    /// So many seconds after the start of 1970.
    pub(crate) const fn at(seconds: u64) -> Self {
        Self { seconds }
    }

    /// Seconds since the start of 1970.
    pub(crate) const fn seconds(self) -> u64 {
        self.seconds
    }

    /// Year, month from 1, day from 1.
    const fn date(self) -> (u64, u64, u64) {
        // Years that start in March have their leap day at the end; 146097 days are 400 years.
        let days = (self.seconds / DAY).saturating_add(719_468);
        let (era, day) = (days / 146_097, days % 146_097);
        let year = day
            .saturating_sub(day / 1460)
            .saturating_add(day / 36524)
            .saturating_sub(day / 146_096)
            / 365;
        let first = year
            .saturating_mul(365)
            .saturating_add(year / 4)
            .saturating_sub(year / 100);
        let day = day.saturating_sub(first);
        let month = day.saturating_mul(5).saturating_add(2) / 153;
        let month_start = month.saturating_mul(153).saturating_add(2) / 5;
        let day = day.saturating_sub(month_start).saturating_add(1);
        let next_year = month >= 10;
        let month = if next_year {
            month.saturating_sub(9)
        } else {
            month.saturating_add(3)
        };
        let year = year.saturating_add(era.saturating_mul(400));
        (
            if next_year {
                year.saturating_add(1)
            } else {
                year
            },
            month,
            day,
        )
    }

    /// Hour, minute, second as `HH:MM:SS`.
    pub(crate) fn time(self) -> String {
        let second = self.seconds % DAY;
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }

    /// As date(1) writes it.
    pub(crate) fn classic(self) -> String {
        let (year, month, day) = self.date();
        let weekday = name(&WEEKDAYS, self.seconds / DAY % 7);
        let month = name(&MONTHS, month.saturating_sub(1));
        format!("{weekday} {month} {day:2} {} UTC {year}", self.time())
    }

    /// As listings of setkey have it, in twenty characters.
    pub(crate) fn short(self) -> String {
        let (year, month, day) = self.date();
        let month = name(&MONTHS, month.saturating_sub(1));
        format!("{month} {day:2} {} {year}", self.time())
    }
}

/// The name at this place.
fn name(names: &[&'static str], at: u64) -> &'static str {
    let at = usize::try_from(at).unwrap_or(0);
    names.get(at).copied().unwrap_or_default()
}

/// As RFC 3339 writes it.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}T{}Z", self.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_easy_to_get_wrong() {
        let table = [
            (0, "1970-01-01T00:00:00Z", "Thu Jan  1 00:00:00 UTC 1970"),
            (
                951_782_400,
                "2000-02-29T00:00:00Z",
                "Tue Feb 29 00:00:00 UTC 2000",
            ),
            (
                951_868_799,
                "2000-02-29T23:59:59Z",
                "Tue Feb 29 23:59:59 UTC 2000",
            ),
            (
                978_307_199,
                "2000-12-31T23:59:59Z",
                "Sun Dec 31 23:59:59 UTC 2000",
            ),
            (
                4_107_542_400,
                "2100-03-01T00:00:00Z",
                "Mon Mar  1 00:00:00 UTC 2100",
            ),
        ];
        for (seconds, iso, classic) in table {
            let moment = Moment { seconds };
            assert_eq!(
                (moment.to_string().as_str(), moment.classic().as_str()),
                (iso, classic)
            );
            assert_eq!(moment.short(), classic[4..].replace(" UTC", ""));
        }
    }
}
