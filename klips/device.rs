// SPDX-License-Identifier: GPL-2.0-only

//! ipsecN devices: cleartext goes in and comes out here.
//!
//! A device is attached to one physical device. It borrows that device's link type and address, and sends its outer
//! packets through it.

mod encap;
mod link;

use crate::{
    error::Discard,
    instance::Instance,
    kapi::{
        lock::BhLock,
        net::{
            dev::{
                Description, Device, Driver, GroCells, KillList, Links, Name, NewDevice, Port,
                PortRef, Rtnl, Stats, Wishes,
            },
            netfilter::{Interception, Watch},
            notifier::Event,
            skbuff::Skb,
        },
        rcu::Rcu,
    },
    stats::{discard, DeviceStats},
    tx,
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use kernel::{
    prelude::*,
    str::{CStr, CString},
    sync::{
        rcu::{self, Guard},
        Arc,
    },
};

/// MTU of an attached device: large enough that the stack leaves fragmenting to the outer packet.
const ATTACHED_MTU: u32 = 16260;

/// What a bundle mostly puts in front of a packet: an IPv4 header, and ESP's with 16 bytes of IV. The stack leaves that much
/// room; it copies a packet that has less, so it is no more than what a driver leaves for the purpose (`NET_SKB_PAD`).
const HEADROOM: u16 = 44;

/// Where a device is attached.
pub(crate) struct Attachment {
    port: PortRef,
    /// What comes in by it in clear is looked at.
    _watch: Watch,
}

impl Attachment {
    /// The physical device.
    #[inline]
    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    /// Room for the physical device's link header, bytes.
    #[inline]
    pub(crate) fn link_reserve(&self) -> usize {
        self.port.link_reserve()
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
    /// It takes ESP off its physical device, as long as it is attached.
    interception: Pin<KBox<BhLock<Option<Interception<Self>>>>>,
    /// It takes what leaves by its physical device and a policy is for. Ends with being detached for good.
    catches: AtomicBool,
    stats: DeviceStats,
    gro: GroCells,
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
            interception: KBox::pin_init(BhLock::new(None), GFP_KERNEL)?,
            catches: AtomicBool::new(false),
            stats: DeviceStats::new()?,
            gro: GroCells::new(),
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

    /// Whether it takes what leaves by its physical device and a policy is for.
    #[inline]
    pub(crate) fn catches(&self) -> bool {
        self.catches.load(Ordering::Relaxed)
    }

    /// Counts a packet that was discarded here.
    pub(crate) fn discard(&self, why: Discard) {
        discard(&self.ns.drops, Some(&self.stats), why);
    }

    /// Whether it is attached now.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.is_some()
    }

    /// Whether its physical device went away and had the name of `port`.
    pub(crate) fn waits_for(&self, port: &Port) -> bool {
        !self.attached.is_some() && self.wanted.with(|wanted| *wanted == Some(port.name()))
    }

    /// Whether it is attached, or waits for its physical device to come again.
    fn is_claimed(&self) -> bool {
        self.attached.is_some() || self.wanted.with(|wanted| wanted.is_some())
    }

    /// Whether it is attached to `port`.
    pub(crate) fn is_on(&self, port: &Port, guard: &Guard) -> bool {
        self.attachment(guard)
            .is_some_and(|a| core::ptr::eq(a.port(), port))
    }
}

/// The name ipsecN.
pub(crate) fn name_of(n: u32) -> Result<CString> {
    CString::try_from_fmt(fmt!("ipsec{n}"))
}

/// Queues `dev` for removal, with all that it holds given up: a device must not hold another one while both wait for
/// their references to go.
pub(crate) fn give_up(dev: &Device<IpsecDev>, rtnl: &Rtnl, list: &mut KillList) {
    let data = dev.data();
    drop(data.interception.with(Option::take));
    data.attached.publish(None, &data.ns.yard);
    data.ns.unwatch(rtnl);
    data.ns.devices.forget(dev);
    dev.unregister(list);
}

/// Removes `dev`, detaching it first.
pub(crate) fn remove(dev: &Device<IpsecDev>, rtnl: &Rtnl) {
    let _ = detach(dev, rtnl);
    dev.data().ns.devices.forget(dev);
    dev.remove(rtnl);
}

/// Attaches `dev` to the device that an ioctl names, now and whenever one of that name comes again.
///
/// Errors as [`attach`]; `ENXIO`: no such device.
fn attach_by_name(dev: &Device<IpsecDev>, rtnl: &Rtnl, arg: &[u8; 16], catches: bool) -> Result {
    let name = physical_name(arg)?;
    let name = CStr::from_bytes_until_nul(&name).map_err(|_| EINVAL)?;
    if dev.data().attached.is_some() {
        return Err(EBUSY);
    }
    let phys = PortRef::by_name(dev.port().net(), name).ok_or(ENXIO)?;
    attach(dev, rtnl, phys, None, catches)
}

/// Whether devices of `ns` can be attached to `phys`. `EINVAL`: it is an ipsecN device, or stands on one.
fn check_physical(ns: &Instance, phys: &Port) -> Result {
    if ns.is_ours(phys) || ns.is_above_ours(phys) {
        return Err(EINVAL);
    }
    Ok(())
}

/// Attaches `dev` to `phys`, to catch what leaves by that or not. It gets the usual MTU, if not another one is asked for.
///
/// `EBUSY`: attached already; others as [`check_physical`].
pub(crate) fn attach(
    dev: &Device<IpsecDev>,
    rtnl: &Rtnl,
    phys: PortRef,
    own_mtu: Option<u32>,
    catches: bool,
) -> Result {
    let data = dev.data();
    if data.attached.is_some() {
        return Err(EBUSY);
    }
    check_physical(&data.ns, &phys)?;
    let watched = data.ns.watch(rtnl, dev.port().net(), catches);
    let done = watched.and_then(|()| settle(dev, rtnl, &phys, own_mtu, catches));
    if done.is_err() {
        data.ns.unwatch(rtnl);
    }
    done
}

/// What [`attach`] does when the hooks of the namespace are there.
fn settle(
    dev: &Device<IpsecDev>,
    rtnl: &Rtnl,
    phys: &Port,
    own_mtu: Option<u32>,
    catches: bool,
) -> Result {
    let data = dev.data();
    let (mtu, name) = (phys.mtu(), phys.name());
    let prepared = Rcu::prepare(Attachment {
        port: phys.hold(),
        _watch: Watch::new(phys),
    })?;
    let interception = Interception::new(dev, phys)?;
    dev.adopt(rtnl, phys, own_mtu.unwrap_or(ATTACHED_MTU), HEADROOM)?;
    data.remembered_mtu.store(mtu, Ordering::Relaxed);
    data.wanted.with(|wanted| *wanted = Some(name));
    data.catches.store(catches, Ordering::Relaxed);
    data.attached.publish(Some(prepared), &data.ns.yard);
    data.interception.with(|place| *place = Some(interception));
    Ok(())
}

/// Detaches `dev` for good. `ENODEV`: it is not attached, nor waiting for its device to come again.
pub(crate) fn detach(dev: &Device<IpsecDev>, rtnl: &Rtnl) -> Result {
    let data = dev.data();
    let waited = data.wanted.with(Option::take).is_some();
    data.catches.store(false, Ordering::Relaxed);
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
    drop(data.interception.with(Option::take));
    data.attached.publish(None, &data.ns.yard);
    data.remembered_mtu.store(0, Ordering::Relaxed);
    dev.abandon(rtnl);
    data.ns.unwatch(rtnl);
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

static LINKS: Links<IpsecDev> = Links::new(&link::POLICY);

impl Driver for IpsecDev {
    const KIND: &'static CStr = c"klips";
    const DESCRIPTION: usize = link::DESCRIPTION;

    fn links() -> &'static Links<Self> {
        &LINKS
    }

    fn create(request: NewDevice<'_, Self>, rtnl: &Rtnl) -> Result {
        link::create(&request, rtnl)
    }

    fn change(dev: &Device<Self>, wishes: &Wishes<'_, Self>, rtnl: &Rtnl) -> Result {
        link::change(dev, wishes, rtnl)
    }

    fn describe(&self, to: &mut Description<'_>) -> Result {
        link::describe(self, to)
    }

    fn delete(dev: &Device<Self>, rtnl: &Rtnl, list: &mut KillList) {
        give_up(dev, rtnl, list);
    }

    fn lower(&self) -> Option<i32> {
        let guard = rcu::read_lock();
        self.attachment(&guard).map(|a| a.port().ifindex())
    }

    #[inline]
    fn gro(&self) -> &GroCells {
        &self.gro
    }

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

    fn transmit(dev: &Device<Self>, skb: Skb, guard: &Guard) {
        tx::transmit(dev, skb, guard);
    }

    fn stats(&self) -> Stats {
        self.stats.snapshot()
    }

    fn ioctl(dev: &Device<Self>, rtnl: &Rtnl, cmd: u32, arg: &[u8; 16]) -> Result {
        const ATTACH: u32 = 0;
        const DETACH: u32 = 1;
        const CLEAR: u32 = 2;
        const UDP_ENCAP: u32 = 3;
        const ATTACH_AND_CATCH: u32 = 4;
        if !dev.port().net().capable_net_admin() {
            return Err(EPERM);
        }
        match cmd {
            ATTACH => attach_by_name(dev, rtnl, arg, false),
            ATTACH_AND_CATCH => attach_by_name(dev, rtnl, arg, true),
            DETACH => detach(dev, rtnl),
            CLEAR => {
                dev.data().ns.each_device(rtnl, |dev| {
                    let _ = detach(dev, rtnl);
                });
                Ok(())
            }
            UDP_ENCAP => encap::hand_over(dev.port().net(), arg),
            _ => Err(EOPNOTSUPP),
        }
    }
}
