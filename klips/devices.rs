// SPDX-License-Identifier: GPL-2.0-only

//! The ipsecN devices of a namespace.
//!
//! Each number has a place of its own, so a device comes and goes by one store, and going cannot fail: `ip link del` does
//! not ask. Places are changed under RTNL.

use crate::{
    device::IpsecDev,
    kapi::{
        net::dev::{Device, DeviceRef, Rtnl},
        rcu::{Graveyard, Rcu},
    },
    params::MAX_INTERFACES,
};
use core::sync::atomic::{AtomicUsize, Ordering};
use kernel::{
    prelude::*,
    sync::{rcu::Guard, Arc},
};

/// Which devices there are, by number.
pub(crate) struct Devices {
    places: KVec<Rcu<DeviceRef<IpsecDev>>>,
    /// No device has this number or a higher one: packets need not look further.
    end: AtomicUsize,
    yard: Arc<Graveyard>,
}

impl Devices {
    /// None. Process context.
    pub(crate) fn new(yard: &Arc<Graveyard>) -> Result<Self> {
        let mut places = KVec::with_capacity(MAX_INTERFACES as usize, GFP_KERNEL)?;
        for _ in 0..MAX_INTERFACES {
            places.push(Rcu::empty(), GFP_KERNEL)?;
        }
        Ok(Self {
            places,
            end: AtomicUsize::new(0),
            yard: yard.clone(),
        })
    }

    /// The devices, in order of their numbers.
    #[inline]
    pub(crate) fn iter<'g>(
        &'g self,
        guard: &'g Guard,
    ) -> impl Iterator<Item = &'g DeviceRef<IpsecDev>> + 'g {
        let end = self.end.load(Ordering::Relaxed);
        self.places
            .iter()
            .take(end)
            .filter_map(move |place| place.read(guard))
    }

    /// The device with this number.
    pub(crate) fn get<'g>(
        &'g self,
        number: u32,
        guard: &'g Guard,
    ) -> Option<&'g DeviceRef<IpsecDev>> {
        self.places.get(number as usize)?.read(guard)
    }

    /// The lowest number that no device has.
    pub(crate) fn free_number(&self, _rtnl: &Rtnl) -> Option<u32> {
        let at = self.places.iter().position(|place| !place.is_some())?;
        u32::try_from(at).ok()
    }

    /// Keeps the device that `make` registers with this number. `ENOENT`: there is no such number; `EEXIST`: it is taken.
    pub(crate) fn add(
        &self,
        number: u32,
        rtnl: &Rtnl,
        make: impl FnOnce() -> Result<DeviceRef<IpsecDev>>,
    ) -> Result<DeviceRef<IpsecDev>> {
        let place = self.places.get(number as usize).ok_or(ENOENT)?;
        if place.is_some() {
            return Err(EEXIST);
        }
        let dev = make()?;
        match Rcu::prepare(dev.hold()) {
            Ok(prepared) => place.publish(Some(prepared), &self.yard),
            Err(e) => {
                dev.remove(rtnl);
                return Err(e);
            }
        }
        self.end
            .fetch_max((number as usize).saturating_add(1), Ordering::Relaxed);
        Ok(dev)
    }

    /// Forgets a device, which is about to be removed. Under RTNL.
    pub(crate) fn forget(&self, dev: &Device<IpsecDev>) {
        if let Some(place) = self.places.get(dev.data().number() as usize) {
            place.publish(None, &self.yard);
        }
        let last = self.places.iter().rposition(Rcu::is_some);
        let end = last.map_or(0, |last| last.saturating_add(1));
        self.end.store(end, Ordering::Relaxed);
    }
}
