// SPDX-License-Identifier: GPL-2.0-only

//! ipsecN devices: cleartext goes in and comes out here.
//!
//! A device is attached to one physical device. It borrows that device's link type and address, and sends its outer
//! packets through it.

use crate::{
    error::Discard,
    instance::Instance,
    kapi::{
        net::{
            dev::{Device, Driver, Port, PortRef, Rtnl, Stats},
            skbuff::Skb,
        },
        rcu::Rcu,
    },
    stats::{discard, DeviceStats},
    tx,
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    prelude::*,
    str::CStr,
    sync::{
        rcu::{self, Guard},
        Arc,
    },
};

/// MTU of an attached device: large enough that the stack leaves fragmenting to the outer packet.
const ATTACHED_MTU: u32 = 16260;

/// What the largest bundle may put in front of a packet; the stack leaves that much room.
const HEADROOM: u16 = 96;

/// Where a device is attached.
pub(crate) struct Attachment(PortRef);

impl Attachment {
    /// The physical device.
    #[inline]
    pub(crate) fn port(&self) -> &Port {
        &self.0
    }

    /// Room for the physical device's link header, bytes.
    #[inline]
    pub(crate) fn link_reserve(&self) -> usize {
        self.0.link_reserve()
    }
}

/// An ipsecN device.
pub(crate) struct IpsecDev {
    ns: Arc<Instance>,
    attached: Rcu<Attachment>,
    /// MTU of the physical device when it was attached; 0 if detached.
    remembered_mtu: AtomicU32,
    stats: DeviceStats,
}

impl IpsecDev {
    /// A detached device of `ns`. Process context.
    pub(crate) fn new(ns: Arc<Instance>) -> Result<Self> {
        Ok(Self {
            ns,
            attached: Rcu::empty(),
            remembered_mtu: AtomicU32::new(0),
            stats: DeviceStats::new()?,
        })
    }

    /// The namespace's state.
    #[inline]
    pub(crate) fn instance(&self) -> &Instance {
        &self.ns
    }

    /// Where it is attached.
    #[inline]
    pub(crate) fn attachment<'g>(&'g self, guard: &'g Guard) -> Option<&'g Attachment> {
        self.attached.read(guard)
    }

    /// Its classic counters.
    #[inline]
    pub(crate) fn stats(&self) -> &DeviceStats {
        &self.stats
    }

    /// The MTU that was remembered when it was attached, bytes; 0 if detached.
    pub(crate) fn remembered_mtu(&self) -> u32 {
        self.remembered_mtu.load(Ordering::Relaxed)
    }

    /// Counts a packet that was discarded here.
    pub(crate) fn discard(&self, why: Discard) {
        discard(&self.ns.drops, Some(&self.stats), why);
    }

    /// Whether it is attached to `port`.
    pub(crate) fn is_on(&self, port: &Port, guard: &Guard) -> bool {
        self.attachment(guard)
            .is_some_and(|a| core::ptr::eq(a.port(), port))
    }
}

/// Attaches `dev` to the device called `name`.
///
/// `EBUSY`: attached already; `ENXIO`: no such device; `EINVAL`: an ipsecN device cannot be attached to one.
fn attach(dev: &Device<IpsecDev>, rtnl: &Rtnl, name: &CStr) -> Result {
    let data = dev.data();
    if data.attached.is_some() {
        return Err(EBUSY);
    }
    let phys = PortRef::by_name(dev.port().net(), name).ok_or(ENXIO)?;
    if data.ns.is_ours(&phys) {
        return Err(EINVAL);
    }
    let mtu = phys.mtu();
    let headroom = HEADROOM.saturating_add(u16::try_from(phys.link_reserve()).unwrap_or(0));
    let prepared = Rcu::prepare(Attachment(phys.hold()))?;
    dev.adopt(rtnl, &phys, ATTACHED_MTU, headroom)?;
    data.remembered_mtu.store(mtu, Ordering::Relaxed);
    data.attached.publish(Some(prepared), &data.ns.yard);
    Ok(())
}

/// Detaches `dev`. `ENODEV`: it is not attached.
pub(crate) fn detach(dev: &Device<IpsecDev>, rtnl: &Rtnl) -> Result {
    let data = dev.data();
    if !data.attached.is_some() {
        return Err(ENODEV);
    }
    data.attached.publish(None, &data.ns.yard);
    data.remembered_mtu.store(0, Ordering::Relaxed);
    dev.abandon(rtnl);
    Ok(())
}

/// The name in an attach request: 12 bytes behind the command, cut at an alias.
fn physical_name(arg: &[u8; 16]) -> Result<[u8; 13]> {
    let mut name = [0u8; 13];
    let given = arg.get(4..).ok_or(EINVAL)?;
    let end = given
        .iter()
        .position(|b| *b == 0 || *b == b':')
        .unwrap_or(given.len());
    for (to, from) in name.iter_mut().zip(given.iter().take(end)) {
        *to = *from;
    }
    Ok(name)
}

impl Driver for IpsecDev {
    fn open(dev: &Device<Self>) -> Result {
        if dev.data().attached.is_some() {
            Ok(())
        } else {
            Err(ENODEV)
        }
    }

    fn stop(dev: &Device<Self>) {
        pr_crit!(
            "IPSEC EVENT: KLIPS device {} shut down.\n",
            dev.port().name().as_str()
        );
    }

    fn transmit(dev: &Device<Self>, skb: Skb) {
        tx::transmit(dev, skb);
    }

    fn stats(&self) -> Stats {
        self.stats.snapshot()
    }

    fn ioctl(dev: &Device<Self>, rtnl: &Rtnl, cmd: u32, arg: &[u8; 16]) -> Result {
        const ATTACH: u32 = 0;
        const DETACH: u32 = 1;
        const CLEAR: u32 = 2;
        if !dev.port().net().capable_net_admin() {
            return Err(EPERM);
        }
        match cmd {
            ATTACH => {
                let name = physical_name(arg)?;
                attach(
                    dev,
                    rtnl,
                    CStr::from_bytes_until_nul(&name).map_err(|_| EINVAL)?,
                )
            }
            DETACH => detach(dev, rtnl),
            CLEAR => {
                let guard = rcu::read_lock();
                let all = dev.data().ns.devices_held(&guard)?;
                drop(guard);
                for dev in &all {
                    let _ = detach(dev, rtnl);
                }
                Ok(())
            }
            _ => Err(EOPNOTSUPP),
        }
    }
}
