// SPDX-License-Identifier: GPL-2.0-only

//! ipsecN devices by `ip link`: asked for, changed, described. All of it under RTNL.

use super::{attach, check_physical, detach, name_of, remove, IpsecDev};
use crate::{
    instance::Instance,
    kapi::net::{
        dev::{Description, Device, NewDevice, Policy, Port, PortRef, Rtnl, Wish, Wishes},
        netns,
    },
    params::MAX_INTERFACES,
};
use core::sync::atomic::Ordering;
use kernel::{prelude::*, sync::rcu};

/// Attributes of `ip link`: the UAPI's `IFLA_KLIPS_*`.
mod attribute {
    /// Index of the physical device.
    pub(super) const LINK: u16 = 1;
    /// N of ipsecN.
    pub(super) const NUMBER: u16 = 2;
    /// MTU of the physical device when it was attached, bytes.
    pub(super) const PHYS_MTU: u16 = 3;
    /// The name of the physical device that it waits for.
    pub(super) const WAITS_FOR: u16 = 4;
    /// Whether it catches what leaves by the physical device: 1 or 0.
    pub(super) const CATCH: u16 = 5;
}

/// What users may say.
pub(super) static POLICY: Policy<6> = Policy::new([
    Wish::SHOWN,
    Wish::NUMBER,
    Wish::SHOWN,
    Wish::SHOWN,
    Wish::SHOWN,
    Wish::NUMBER,
]);

/// Bytes that a description takes at most.
pub(super) const DESCRIPTION: usize = 4 * Description::room(4) + Description::room(16);

/// Tells a user why devices cannot stand on a physical one.
const NOT_PHYSICAL: &CStr = c"the physical device is a klips device, or stands on one";

/// Tells a user why a device cannot catch.
const NOTHING_TO_CATCH: &CStr = c"a klips device that is attached to nothing has nothing to catch";

/// N, of a name ipsecN.
fn number_in(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("ipsec")?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    let number = digits.parse().ok()?;
    (plain && canonical && number < MAX_INTERFACES).then_some(number)
}

/// `ip link add [link PHYSICAL] [name ipsecN] type klips`.
pub(super) fn create(request: &NewDevice<'_, IpsecDev>, rtnl: &Rtnl) -> Result {
    let ns = netns::instance_arc::<Instance>(request.net()).ok_or(ENODEV)?;
    let wishes = request.wishes();
    let number = match request.name() {
        Some(name) => number_in(name.as_str())
            .ok_or_else(|| wishes.refuse(c"klips devices are called ipsec0 to ipsec63", EINVAL)),
        None => ns.devices.free_number(rtnl).ok_or(ENFILE),
    }?;
    if request.has_address() {
        let why = c"a klips device has the address of its physical device";
        return Err(wishes.refuse(why, EOPNOTSUPP));
    }
    let phys = request.lower(attribute::LINK)?;
    if let Some(phys) = &phys {
        if !phys.is_in(request.net()) {
            let why = c"the physical device is in another network namespace";
            return Err(wishes.refuse(why, EINVAL));
        }
        check_physical(&ns, phys).map_err(|e| wishes.refuse(NOT_PHYSICAL, e))?;
    }
    let catches = catches(wishes);
    if catches == Some(true) && phys.is_none() {
        return Err(wishes.refuse(NOTHING_TO_CATCH, EINVAL));
    }
    let name = name_of(number)?;
    let dev = ns.devices.add(number, rtnl, || {
        request.register(&name, IpsecDev::new(ns.clone(), number)?, rtnl)
    })?;
    match phys {
        Some(phys) => attach(&dev, rtnl, phys, request.mtu(), catches.unwrap_or(false))
            .inspect_err(|_| remove(&dev, rtnl)),
        None => Ok(()),
    }
}

/// Whether the user wants the device to catch, or not to.
fn catches(wishes: &Wishes<'_, IpsecDev>) -> Option<bool> {
    wishes.number(attribute::CATCH).map(|wish| wish != 0)
}

/// `ip link set ipsecN type klips dev PHYSICAL`, or `nodev`: attaches it elsewhere, or nowhere. `catch`, `nocatch`.
pub(super) fn change(dev: &Device<IpsecDev>, wishes: &Wishes<'_, IpsecDev>, rtnl: &Rtnl) -> Result {
    let (data, link, catches) = (dev.data(), wishes.number(attribute::LINK), catches(wishes));
    let will_be_claimed = link.map_or(data.is_claimed(), |ifindex| ifindex != 0);
    if catches == Some(true) && !will_be_claimed {
        return Err(wishes.refuse(NOTHING_TO_CATCH, EINVAL));
    }
    match link {
        None => Ok(()),
        Some(0) => match detach(dev, rtnl) {
            Err(e) if e == ENODEV => Ok(()),
            other => other,
        },
        Some(ifindex) => {
            let net = dev.port().net();
            let phys = i32::try_from(ifindex).ok();
            let phys = phys.and_then(|ifindex| PortRef::by_index(net, ifindex));
            let phys =
                phys.ok_or_else(|| wishes.refuse(c"there is no such physical device", ENODEV))?;
            check_physical(&data.ns, &phys).map_err(|e| wishes.refuse(NOT_PHYSICAL, e))?;
            reattach(dev, rtnl, phys, catches.unwrap_or(data.catches()))
        }
    }?;
    if let Some(catches) = catches {
        if data.is_attached() {
            data.ns.watch(rtnl, dev.port().net(), catches)?;
        }
        data.catches.store(catches, Ordering::Relaxed);
        data.ns.unwatch(rtnl);
    }
    Ok(())
}

/// Attaches `dev` to `phys`, whatever it was attached to, to catch or not; it keeps its MTU if it was. Nothing is done if it
/// is there.
///
/// `ENOMEM`: it stays as it was.
fn reattach(dev: &Device<IpsecDev>, rtnl: &Rtnl, phys: PortRef, catches: bool) -> Result {
    let before = {
        let guard = rcu::read_lock();
        dev.data().attachment(&guard).map(|a| a.port().hold())
    };
    let caught = dev.data().catches();
    let Some(before) = before else {
        return attach(dev, rtnl, phys, None, catches);
    };
    if core::ptr::eq::<Port>(&*before, &*phys) {
        return Ok(());
    }
    let mtu = Some(dev.port().mtu());
    detach(dev, rtnl)?;
    attach(dev, rtnl, phys, mtu, catches).inspect_err(|_| {
        // It stays where it was. That this fails too, for want of memory, is the one way to end up detached.
        let _ = attach(dev, rtnl, before, mtu, caught);
    })
}

/// What `ip -d link` shows beside what all devices have. May not sleep.
pub(super) fn describe(dev: &IpsecDev, to: &mut Description<'_>) -> Result {
    let guard = rcu::read_lock();
    to.number(attribute::NUMBER, dev.number)?;
    if dev.catches() {
        to.number(attribute::CATCH, 1)?;
    }
    if let Some(attachment) = dev.attachment(&guard) {
        let ifindex = u32::try_from(attachment.port().ifindex()).unwrap_or(0);
        to.number(attribute::LINK, ifindex)?;
        return to.number(attribute::PHYS_MTU, dev.remembered_mtu());
    }
    match dev.wanted.with(|wanted| *wanted) {
        Some(name) => to.name(attribute::WAITS_FOR, &name),
        None => Ok(()),
    }
}
