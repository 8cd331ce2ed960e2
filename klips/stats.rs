// SPDX-License-Identifier: GPL-2.0-only

//! The only place where counters are bumped.

use crate::{
    error::Discard,
    kapi::{net::dev::Stats, percpu::Counters},
};
use kernel::prelude::*;
use klips_core::reason::Legacy;

/// One counter for each reason to discard, of one namespace.
pub(crate) struct Drops(Counters<{ Discard::COUNT }>);

impl Drops {
    /// Makes zeroed counters. Process context.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Counters::new()?))
    }

    /// How many packets were discarded for `why`.
    pub(crate) fn get(&self, why: Discard) -> u64 {
        self.0.sum(why.index())
    }
}

/// Packets that were spread over processors, of one namespace.
pub(crate) struct SpreadCount(Counters<1>);

impl SpreadCount {
    /// Makes a zeroed counter. Process context.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Counters::new()?))
    }

    /// How many there were.
    pub(crate) fn get(&self) -> u64 {
        self.0.sum(0)
    }

    /// Counts one.
    pub(crate) fn add(&self) {
        self.0.add(0, 1);
    }
}

#[derive(Clone, Copy)]
enum Slot {
    RxPackets,
    RxBytes,
    RxErrors,
    RxDropped,
    TxPackets,
    TxBytes,
    TxErrors,
    TxDropped,
}

const SLOTS: usize = 8;

/// The classic counters of one ipsecN device.
pub(crate) struct DeviceStats(Counters<SLOTS>);

impl DeviceStats {
    /// Makes zeroed counters. Process context.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Counters::new()?))
    }

    fn add(&self, slot: Slot, n: u64) {
        self.0.add(slot as usize, n);
    }

    /// An ESP packet arrived, good or bad.
    pub(crate) fn arrived(&self) {
        self.add(Slot::RxPackets, 1);
    }

    /// A packet of `len` inner bytes was received.
    pub(crate) fn received(&self, len: usize) {
        self.add(Slot::RxBytes, len as u64);
    }

    /// A packet of `len` outer bytes was sent.
    pub(crate) fn sent(&self, len: usize) {
        self.add(Slot::TxPackets, 1);
        self.add(Slot::TxBytes, len as u64);
    }

    /// A packet waits for its policy; the classic module counts that as dropped.
    pub(crate) fn dropped_for_now(&self) {
        self.add(Slot::TxDropped, 1);
    }

    fn legacy(&self, legacy: Legacy) {
        self.add(
            match legacy {
                Legacy::RxErrors => Slot::RxErrors,
                Legacy::RxDropped => Slot::RxDropped,
                Legacy::TxErrors => Slot::TxErrors,
                Legacy::TxDropped => Slot::TxDropped,
            },
            1,
        );
    }

    /// All of them, added up.
    pub(crate) fn snapshot(&self) -> Stats {
        let sum = |slot: Slot| self.0.sum(slot as usize);
        Stats {
            rx_packets: sum(Slot::RxPackets),
            rx_bytes: sum(Slot::RxBytes),
            rx_errors: sum(Slot::RxErrors),
            rx_dropped: sum(Slot::RxDropped),
            tx_packets: sum(Slot::TxPackets),
            tx_bytes: sum(Slot::TxBytes),
            tx_errors: sum(Slot::TxErrors),
            tx_dropped: sum(Slot::TxDropped),
        }
    }
}

/// Counts one discarded packet: under its reason, and in the device counter that the classic module would have used.
pub(crate) fn discard(drops: &Drops, device: Option<&DeviceStats>, why: Discard) {
    drops.0.add(why.index(), 1);
    if let (Some(device), Some(legacy)) = (device, why.legacy()) {
        device.legacy(legacy);
    }
}
