// SPDX-License-Identifier: GPL-2.0-only

//! How the counters differ from those of a moment ago.

use std::fmt;

use crate::clock::Moment;
use crate::counters::{meaning, Counters, DeviceCounters, COLUMNS};
use crate::json::Value;

/// A counter that has changed, or several of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    time: Moment,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// So many packets more were discarded for this reason.
    Drop {
        reason: String,
        more: u64,
        total: u64,
    },
    /// A device has counted so much more.
    Device { name: String, more: DeviceCounters },
}

impl Counters {
    /// What has changed since `before`. A counter that has become smaller was started anew, with the module.
    pub(super) fn since(&self, before: &Self) -> Vec<Change> {
        let time = Moment::now();
        let more = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let drops = self.drops.iter().filter_map(|(reason, &total)| {
            let more = more(total, before.drops.get(reason).copied().unwrap_or(0));
            let reason = reason.clone();
            (more != 0).then_some(What::Drop {
                reason,
                more,
                total,
            })
        });
        let devices = self.devices.iter().filter_map(|(name, now)| {
            let mut counts = *now;
            let before = before.devices.get(name).copied().unwrap_or_default();
            for (count, before) in counts.iter_mut().zip(before) {
                *count = more(*count, before);
            }
            let (name, more) = (name.clone(), counts);
            (counts != DeviceCounters::default()).then_some(What::Device { name, more })
        });
        drops
            .chain(devices)
            .map(|what| Change { time, what })
            .collect()
    }
}

impl Change {
    /// The fields of ipsec_monitor(8).
    pub(super) fn json(&self) -> Value {
        let time = ("time", Value::text(self.time));
        match &self.what {
            What::Drop {
                reason,
                more,
                total,
            } => Value::object([
                time,
                ("kind", "drop".into()),
                ("reason", reason.as_str().into()),
                ("packets", (*more).into()),
                ("total", (*total).into()),
                ("meaning", meaning(reason).into()),
            ]),
            What::Device { name, more } => {
                let counts = COLUMNS.into_iter().zip(more);
                let head = [
                    time,
                    ("kind", "device".into()),
                    ("device", name.as_str().into()),
                ];
                Value::object(
                    head.into_iter()
                        .chain(counts.map(|((name, _), &count)| (name, count.into()))),
                )
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.time.time())?;
        match &self.what {
            What::Drop {
                reason,
                more,
                total,
            } => {
                write!(f, "{reason} +{more} ({total} so far)")?;
                match meaning(reason) {
                    "" => Ok(()),
                    meaning => write!(f, ": {meaning}"),
                }
            }
            What::Device { name, more } => {
                write!(f, "{name}")?;
                let counts = COLUMNS
                    .into_iter()
                    .zip(more)
                    .filter(|(_, &count)| count != 0);
                for ((name, _), count) in counts {
                    write!(f, " {name} +{count}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";
    const ATTACHED: &str = "ipsec0 -> eth0 mtu=16260(1500) -> 1500\n";

    fn counters(drops: &str, sent: u64) -> Counters {
        let devices = format!(
            "{HEADING}  eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\nipsec0:     840      10    0    0    0     0          0         0 {sent}00 {sent} 0 1 0 0 0 0\n"
        );
        Counters::parse(drops, &devices, ATTACHED)
    }

    fn shown(changes: &[Change]) -> Vec<String> {
        let text = changes.iter().map(|change| change.to_string());
        text.map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect()
    }

    #[test]
    fn only_changes_are_shown() {
        let before = counters("rx_replayed 3\ntx_no_eroute 0\n", 5);
        assert_eq!(before.since(&before), []);
        let now = counters("rx_replayed 5\ntx_no_eroute 0\nnew_reason 1\n", 7);
        let want = [
            "new_reason +1 (1 so far)",
            "rx_replayed +2 (5 so far): Received: the sequence number was seen before or is too old for the window.",
            "ipsec0 tx_packets +2 tx_bytes +200",
        ];
        assert_eq!(shown(&now.since(&before)), want);
    }

    #[test]
    fn counters_may_start_anew() {
        let changes = counters("rx_replayed 1\n", 0).since(&counters("rx_replayed 9\n", 0));
        assert!(shown(&changes)[0].starts_with("rx_replayed +1 (1 so far)"));
    }

    #[test]
    fn fields_by_name() {
        let changes = counters("rx_replayed 5\n", 7).since(&Counters::default());
        let json: Vec<String> = changes
            .iter()
            .map(|change| change.json().to_string())
            .collect();
        assert!(json[0].contains(
            r#","kind":"drop","reason":"rx_replayed","packets":5,"total":5,"meaning":"Received: "#
        ));
        let want = r#""kind":"device","device":"ipsec0","rx_packets":10,"rx_bytes":840,"rx_errors":0,"rx_dropped":0,"tx_packets":7,"tx_bytes":700,"tx_errors":0,"tx_dropped":1}"#;
        assert!(json[1].ends_with(want), "{}", json[1]);
    }
}
