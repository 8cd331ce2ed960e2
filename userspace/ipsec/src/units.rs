// SPDX-License-Identifier: GPL-2.0-only

//! Numbers for people.

/// Names of 1, 1024, 1024 * 1024 bytes and so on.
const BYTES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes, with one decimal from 1 KiB on.
pub(crate) fn bytes(count: u64) -> String {
    let (mut whole, mut rest, mut names) = (count, 0, BYTES.iter().peekable());
    while whole >= 1024 && names.len() > 1 {
        rest = whole % 1024;
        whole /= 1024;
        names.next();
    }
    let name = names.next().copied().unwrap_or_default();
    if name == "B" {
        return format!("{count} B");
    }
    format!("{whole}.{} {name}", rest.saturating_mul(10) / 1024)
}

/// Seconds, in the two largest units of days, hours, minutes and seconds that they fill.
pub(crate) fn seconds(count: u64) -> String {
    let (days, hours, minutes) = (count / 86400, count / 3600 % 24, count / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{count}s"),
        (0, 0, _) => format!("{minutes}m {}s", count % 60),
        (0, ..) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_words() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_600_000, "1.5 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (count, want) in table {
            assert_eq!(bytes(count), want);
        }
    }

    #[test]
    fn seconds_in_words() {
        let table = [
            (59, "59s"),
            (812, "13m 32s"),
            (86399, "23h 59m"),
            (90000, "1d 1h"),
        ];
        for (count, want) in table {
            assert_eq!(seconds(count), want);
        }
    }
}
