// SPDX-License-Identifier: GPL-2.0-only

//! What requests, packets and deferred work share.

use crate::{
    asks::Asks,
    device::IpsecDev,
    devices::Devices,
    eroute::{Eroutes, EroutesWriter},
    error::Discard,
    flows::Flows,
    kapi::{
        net::dev::{DeviceRef, Port, Rtnl},
        rcu::Graveyard,
    },
    params::MAX_INTERFACES,
    pfkey::{self, Listeners},
    sadb::{Sadb, SadbWriter},
    spd::{Spd, SpdWriter},
    stats::{discard, DeviceStats, Drops, SpreadCount},
    sysctl::Switches,
    told::Told,
    trap::Traps,
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    prelude::*,
    sync::{
        rcu::{self, Guard},
        Arc, Mutex,
    },
};

/// The writers' side of the tables.
pub(crate) struct Control {
    /// SAs.
    pub(crate) sadb: SadbWriter,
    /// Eroutes.
    pub(crate) eroutes: EroutesWriter,
    /// Policies.
    pub(crate) spd: SpdWriter,
    /// What key daemons of the Linux dialect were last told that there is.
    pub(crate) announced: pfkey::Announced,
    /// Where replies are put together.
    pub(crate) reply: KVec<u8>,
}

/// What requests, packets and deferred work share.
#[pin_data]
pub(crate) struct Tables {
    /// Eroutes, for packets.
    pub(crate) eroutes: Eroutes,
    /// Policies, for packets.
    pub(crate) spd: Spd,
    /// SAs, for packets.
    pub(crate) sadb: Sadb,
    /// The ways of flows that are through the tables above.
    pub(crate) flows: Flows,
    /// Sprung traps.
    pub(crate) traps: Traps,
    /// SAs that policies miss.
    pub(crate) asks: Asks,
    /// Reasons to discard.
    pub(crate) drops: Drops,
    /// How many packets were spread over processors.
    pub(crate) spread: SpreadCount,
    /// Who was told of an MTU lately.
    pub(crate) told: Told,
    /// Switches.
    pub(crate) sysctl: Switches,
    /// The ipsecN devices.
    pub(crate) devices: Devices,
    /// Serialises everything that changes tables, and the order of notifications about it.
    #[pin]
    pub(crate) control: Mutex<Control>,
    /// The PF_KEY sockets of the namespace.
    #[pin]
    pub(crate) sockets: Mutex<Listeners>,
    /// Templates of old that are kept for whoever wrote them.
    #[pin]
    pub(super) birth4: Mutex<KVec<u8>>,
    #[pin]
    pub(super) birth6: Mutex<KVec<u8>>,
    /// Numbers messages that the kernel starts.
    pub(super) kernel_seq: AtomicU32,
    /// Where what readers may still see is freed.
    pub(crate) yard: Arc<Graveyard>,
}

impl Tables {
    /// A number for a message that the kernel starts; the first is 1.
    pub(crate) fn next_seq(&self) -> u32 {
        self.kernel_seq
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
    }

    /// The birth template of a family, 4 or 6.
    pub(crate) fn birth(&self, family: usize) -> &Mutex<KVec<u8>> {
        if family == 4 {
            &self.birth4
        } else {
            &self.birth6
        }
    }

    /// Runs `f` for every device, holding it. Under RTNL, which keeps them where they are.
    pub(crate) fn each_device(&self, _rtnl: &Rtnl, mut f: impl FnMut(&DeviceRef<IpsecDev>)) {
        for number in 0..MAX_INTERFACES {
            let dev = {
                let guard = rcu::read_lock();
                self.devices.get(number, &guard).map(|dev| dev.hold())
            };
            if let Some(dev) = dev {
                f(&dev);
            }
        }
    }

    /// The device that is attached to `port`.
    #[inline]
    pub(crate) fn device_on<'g>(
        &'g self,
        port: &Port,
        guard: &'g Guard,
    ) -> Option<&'g DeviceRef<IpsecDev>> {
        self.devices
            .iter(guard)
            .find(|dev| dev.data().is_on(port, guard))
    }

    /// The device that is attached to `port` and catches what leaves by it.
    #[inline]
    pub(crate) fn device_catching<'g>(
        &'g self,
        port: &Port,
        guard: &'g Guard,
    ) -> Option<&'g DeviceRef<IpsecDev>> {
        let mut catching = self.devices.iter(guard).filter(|dev| dev.data().catches());
        catching.find(|dev| dev.data().is_on(port, guard))
    }

    /// The device that accounts for what arrives by `port`: the one attached to it, or itself, for a packet that came out
    /// of one tunnel and is for another.
    #[inline]
    pub(crate) fn device_behind<'g>(
        &'g self,
        port: &Port,
        guard: &'g Guard,
    ) -> Option<&'g DeviceRef<IpsecDev>> {
        self.device_on(port, guard).or_else(|| {
            self.devices
                .iter(guard)
                .find(|dev| core::ptr::eq(dev.port(), port))
        })
    }

    /// Whether `port` is one of the namespace's ipsecN devices.
    pub(crate) fn is_ours(&self, port: &Port) -> bool {
        let guard = rcu::read_lock();
        let mut devices = self.devices.iter(&guard);
        devices.any(|dev| core::ptr::eq(dev.port(), port))
    }

    /// Whether `port` stands on one of the namespace's ipsecN devices, as a VLAN does.
    pub(crate) fn is_above_ours(&self, port: &Port) -> bool {
        let guard = rcu::read_lock();
        let mut devices = self.devices.iter(&guard);
        devices.any(|dev| dev.port().carries(port))
    }

    /// Counts a packet that was discarded.
    pub(crate) fn discard(&self, device: Option<&DeviceStats>, why: Discard) {
        discard(&self.drops, device, why);
    }

    /// Counts packets that a hold lost.
    pub(crate) fn evict(&self, packets: usize) {
        for _ in 0..packets {
            self.discard(None, Discard::TxHoldEvicted);
        }
    }
}
