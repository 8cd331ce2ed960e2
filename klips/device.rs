// SPDX-License-Identifier: GPL-2.0-only

//! ipsecN devices: cleartext goes in and comes out here.
//!
//! A device is attached to one physical device. It borrows that device's link type and address, and sends its outer
//! packets through it.

use crate::{
    error::Discard,
    instance::Instance,
    kapi::{
        lock::BhLock,
        net::{
            dev::{Device, Driver, Name, Port, PortRef, Rtnl, Stats},
            notifier::Event,
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
    sync::{rcu::Guard, Arc},
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
    number: u32,
    attached: Rcu<Attachment>,
    /// Name of the physical device that it belongs to, be that there or not.
    wanted: Pin<KBox<BhLock<Option<Name>>>>,
    /// MTU of the physical device when it was attached; 0 if detached. For the listing alone: packets go by the present one.
    remembered_mtu: AtomicU32,
    stats: DeviceStats,
}

impl IpsecDev {
    /// The detached device ipsecN of `ns`, where N is `number`. Process context.
    pub(crate) fn new(ns: Arc<Instance>, number: u32) -> Result<Self> {
        Ok(Self {
            ns,
            number,
            attached: Rcu::empty(),
            wanted: KBox::pin_init(BhLock::new(None), GFP_KERNEL)?,
            remembered_mtu: AtomicU32::new(0),
            stats: DeviceStats::new()?,
        })
    }

    /// N of ipsecN.
    pub(crate) fn number(&self) -> u32 {
        self.number
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

    /// Whether its physical device went away and had the name of `port`.
    pub(crate) fn waits_for(&self, port: &Port) -> bool {
        !self.attached.is_some() && self.wanted.with(|wanted| *wanted == Some(port.name()))
    }

    /// Gives the physical device up, as this device goes away. Under RTNL.
    pub(crate) fn let_go(&self) {
        self.attached.publish(None, &self.ns.yard);
    }

    /// Whether it is attached to `port`.
    pub(crate) fn is_on(&self, port: &Port, guard: &Guard) -> bool {
        self.attachment(guard)
            .is_some_and(|a| core::ptr::eq(a.port(), port))
    }
}

/// Attaches `dev` to the device called `name`, now and whenever one of that name comes again.
///
/// Errors as [`attach`]; `ENXIO`: no such device.
fn attach_by_name(dev: &Device<IpsecDev>, rtnl: &Rtnl, name: &CStr) -> Result {
    if dev.data().attached.is_some() {
        return Err(EBUSY);
    }
    let phys = PortRef::by_name(dev.port().net(), name).ok_or(ENXIO)?;
    attach(dev, rtnl, phys)
}

/// Attaches `dev` to `phys`.
///
/// `EBUSY`: attached already; `EINVAL`: `phys` is an ipsecN device, or stands on one.
pub(crate) fn attach(dev: &Device<IpsecDev>, rtnl: &Rtnl, phys: PortRef) -> Result {
    let data = dev.data();
    if data.attached.is_some() {
        return Err(EBUSY);
    }
    if data.ns.is_ours(&phys) || data.ns.is_above_ours(&phys) {
        return Err(EINVAL);
    }
    let (mtu, name) = (phys.mtu(), phys.name());
    let headroom = HEADROOM.saturating_add(u16::try_from(phys.link_reserve()).unwrap_or(0));
    let prepared = Rcu::prepare(Attachment(phys.hold()))?;
    dev.adopt(rtnl, &phys, ATTACHED_MTU, headroom)?;
    data.remembered_mtu.store(mtu, Ordering::Relaxed);
    data.wanted.with(|wanted| *wanted = Some(name));
    data.attached.publish(Some(prepared), &data.ns.yard);
    Ok(())
}

/// Detaches `dev` for good. `ENODEV`: it is not attached, nor waiting for its device to come again.
pub(crate) fn detach(dev: &Device<IpsecDev>, rtnl: &Rtnl) -> Result {
    let data = dev.data();
    let waited = data.wanted.with(Option::take).is_some();
    if data.attached.is_some() {
        part(dev, rtnl);
    } else if !waited {
        return Err(ENODEV);
    }
    Ok(())
}

/// Gives the physical device up.
fn part(dev: &Device<IpsecDev>, rtnl: &Rtnl) {
    let data = dev.data();
    data.attached.publish(None, &data.ns.yard);
    data.remembered_mtu.store(0, Ordering::Relaxed);
    dev.abandon(rtnl);
}

/// Does what an event of the physical device `phys` wants.
pub(crate) fn follow(dev: &Device<IpsecDev>, rtnl: &Rtnl, phys: &Port, event: Event) {
    let data = dev.data();
    match event {
        Event::Unregister => part(dev, rtnl),
        Event::ChangeAddr => dev.copy_addr(rtnl, phys),
        Event::ChangeName => data.wanted.with(|wanted| *wanted = Some(phys.name())),
        Event::Up => {}
    }
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
                attach_by_name(
                    dev,
                    rtnl,
                    CStr::from_bytes_until_nul(&name).map_err(|_| EINVAL)?,
                )
            }
            DETACH => detach(dev, rtnl),
            CLEAR => {
                let all = dev.data().ns.devices_held()?;
                for dev in &all {
                    let _ = detach(dev, rtnl);
                }
                Ok(())
            }
            _ => Err(EOPNOTSUPP),
        }
    }
}
