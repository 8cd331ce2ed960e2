// SPDX-License-Identifier: GPL-2.0-only

//! What the module and its devices have counted: discarded packets by reason, and the counters of the ipsecN devices.

use std::collections::BTreeMap;
use std::fs;

use klips_core::reason::Discard;

use crate::cmd;
use crate::error::Error;
use crate::prog::Prog;
use crate::tables::{self, TncfgRow};

/// The counters of all devices.
const DEVICES: &str = "/proc/net/dev";

/// The counters that are shown, with their columns behind the device's name in /proc/net/dev.
pub(crate) const COLUMNS: [(&str, usize); 8] = [
    ("rx_packets", 1),
    ("rx_bytes", 0),
    ("rx_errors", 2),
    ("rx_dropped", 3),
    ("tx_packets", 9),
    ("tx_bytes", 8),
    ("tx_errors", 10),
    ("tx_dropped", 11),
];

/// A device's counters in the order of [`COLUMNS`].
pub(crate) type DeviceCounters = [u64; COLUMNS.len()];

/// All counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Packets by the name of the reason.
    pub(crate) drops: BTreeMap<String, u64>,
    /// The devices by name.
    pub(crate) devices: BTreeMap<String, DeviceCounters>,
}

impl Counters {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// That KLIPS is not there, or has no such counters.
    pub(crate) fn read(prog: &Prog) -> Result<Self, Error> {
        let attached = cmd::tncfg::TABLE.text(prog)?;
        let read = |path| {
            fs::read_to_string(path).map_err(|error| prog.error(format_args!("{path}: {error}")))
        };
        Ok(Self::parse(
            &read(tables::DROPS)?,
            &read(DEVICES)?,
            &attached,
        ))
    }

    /// Reads the text of the three files; the last one says which devices count.
    pub(crate) fn parse(drops: &str, devices: &str, attached: &str) -> Self {
        let drops = drops.lines().filter_map(|line| {
            let (reason, count) = line.split_once(' ')?;
            Some((reason.to_owned(), count.trim().parse().ok()?))
        });
        let ours = |name: &str| {
            let mut rows = attached.lines().filter_map(TncfgRow::parse);
            rows.any(|row| row.name == name)
        };
        let devices = devices.lines().filter_map(|line| {
            let (name, counts) = line.split_once(':')?;
            let name = name.trim();
            let counts: Vec<u64> = counts
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect();
            let counts = COLUMNS.map(|(_, at)| counts.get(at).copied().unwrap_or(0));
            ours(name).then(|| (name.to_owned(), counts))
        });
        Self {
            drops: drops.collect(),
            devices: devices.collect(),
        }
    }
}

/// The reason in a sentence; empty if these tools do not know it.
pub(crate) fn meaning(name: &str) -> &'static str {
    let mut reasons = Discard::ALL.into_iter();
    reasons
        .find(|reason| reason.name() == name)
        .map_or("", Discard::meaning)
}
