// SPDX-License-Identifier: GPL-2.0-only

//! Everything that exists once in every network namespace.
//!
//! Lock order: RTNL, then [`Tables::control`], then [`Tables::sockets`]; of the others, none is held with one of these but
//! RTNL. Packets take none of them.

use crate::{
    asks::Asks,
    device::{self, IpsecDev},
    devices::Devices,
    egress::Egress,
    eroute::{self, Eroutes, EroutesWriter},
    error::Discard,
    events::{Event, Events, Moved},
    flows::Flows,
    ingress::Ingress,
    kapi::{
        net::{
            dev::{DeviceRef, KillList, Port, Rtnl},
            netfilter::Hooks,
            netns::{self, Operations, PerNet},
            notifier::{self, Block, Observer},
            Net,
        },
        rcu::Graveyard,
        work::Worker,
    },
    params::MAX_INTERFACES,
    pfkey::{self, Listeners},
    proc,
    sadb::{
        self,
        sa::{Limit, Sa},
        Sadb, SadbWriter,
    },
    spd::{self, Spd, SpdWriter},
    stats::{discard, DeviceStats, Drops},
    sysctl::Switches,
    told::Told,
    trap::Traps,
};
use core::{
    ops::Deref,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::{
    new_mutex,
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
    birth4: Mutex<KVec<u8>>,
    #[pin]
    birth6: Mutex<KVec<u8>>,
    /// Numbers messages that the kernel starts.
    kernel_seq: AtomicU32,
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

/// The state of one namespace.
#[pin_data]
pub(crate) struct Instance {
    tables: Arc<Tables>,
    events: Worker<Events>,
    #[pin]
    files: Mutex<Option<proc::Files>>,
    /// What looks at packets that are not ours, as long as a device may need it.
    #[pin]
    hooks: Mutex<NetHooks>,
}

/// The hooks of one namespace. They cost every packet a little, so those that have nothing to do are not there.
#[derive(Default)]
struct NetHooks {
    incoming: Option<Hooks>,
    outgoing: Option<Hooks>,
}

impl Deref for Instance {
    type Target = Tables;

    #[inline]
    fn deref(&self) -> &Tables {
        &self.tables
    }
}

static OPERATIONS: Operations<Instance> = Operations::new();

impl PerNet for Instance {
    fn operations() -> &'static Operations<Self> {
        &OPERATIONS
    }

    fn create(_net: &Net) -> Result<Arc<Self>> {
        let yard = Arc::new(Graveyard::new()?, GFP_KERNEL)?;
        let (eroutes, eroutes_writer) = eroute::new(&yard)?;
        let (spd, spd_writer) = spd::new(&yard)?;
        let (sadb, sadb_writer) = sadb::new(&yard)?;
        let mut reply = KVec::new();
        reply.resize(klips_core::pfkey::MAX_REPLY, 0, GFP_KERNEL)?;
        let control = Control {
            sadb: sadb_writer,
            eroutes: eroutes_writer,
            spd: spd_writer,
            announced: pfkey::Announced::default(),
            reply,
        };
        let flows = Flows::new(&yard)?;
        let (devices, asks) = (Devices::new(&yard)?, Asks::new()?);
        let (traps, drops, sysctl) = (Traps::new()?, Drops::new()?, Switches::new()?);
        let tables = Arc::pin_init(
            pin_init!(Tables {
                eroutes,
                spd,
                sadb,
                flows,
                traps,
                asks,
                drops,
                told: Told::new(),
                sysctl,
                devices,
                control <- new_mutex!(control, "klips_control"),
                sockets <- new_mutex!(Listeners::new(), "klips_sockets"),
                birth4 <- new_mutex!(KVec::new(), "klips_birth"),
                birth6 <- new_mutex!(KVec::new(), "klips_birth"),
                kernel_seq: AtomicU32::new(0),
                yard,
            }),
            GFP_KERNEL,
        )?;
        let events = Worker::new(Events::new(tables.clone())?)?;
        Arc::pin_init(
            pin_init!(Self {
                tables,
                events,
                files <- new_mutex!(None, "klips_files"),
                hooks <- new_mutex!(NetHooks::default(), "klips_hooks"),
            }),
            GFP_KERNEL,
        )
    }

    fn start(this: &Arc<Self>, net: &Net) -> Result {
        let files = proc::Files::new(net, &this.sysctl)?;
        *this.files.lock() = Some(files);
        if net.has_fallback_tunnels() {
            this.make_devices(net, crate::params::interfaces())?;
        }
        Ok(())
    }

    fn remove_devices(&self, rtnl: &Rtnl, list: &mut KillList) {
        self.each_device(rtnl, |dev| device::give_up(dev, rtnl, list));
    }

    fn stop(&self, _net: &Net) {
        drop(self.files.lock().take());
        *self.hooks.lock() = NetHooks::default();
        {
            let mut control = self.control.lock();
            let lost = control.eroutes.clear();
            self.evict(lost);
            control.spd.clear();
            control.sadb.flush(|_| true);
            self.evict(self.asks.clear());
        }
        self.flows.clear();
        self.events.flush();
        self.yard.flush();
    }
}

impl Instance {
    /// Has what comes in by physical devices looked at from now on, and what leaves by them if it is to be caught. Under
    /// RTNL, before a device is attached.
    pub(crate) fn watch(&self, _rtnl: &Rtnl, net: &Net, catches: bool) -> Result {
        let mut hooks = self.hooks.lock();
        if hooks.incoming.is_none() {
            hooks.incoming = Some(Hooks::incoming::<Ingress>(net)?);
        }
        if catches && hooks.outgoing.is_none() {
            hooks.outgoing = Some(Hooks::outgoing::<Egress>(net)?);
        }
        Ok(())
    }

    /// Ends the looking that no device needs any more. Under RTNL.
    pub(crate) fn unwatch(&self, rtnl: &Rtnl) {
        let (mut attached, mut catching) = (false, false);
        self.each_device(rtnl, |dev| {
            attached |= dev.data().is_attached();
            catching |= dev.data().is_attached() && dev.data().catches();
        });
        let mut hooks = self.hooks.lock();
        if !attached {
            hooks.incoming = None;
        }
        if !catching {
            hooks.outgoing = None;
        }
    }

    fn make_devices(self: &Arc<Self>, net: &Net, count: u32) -> Result {
        let result = Rtnl::with(|rtnl| {
            (0..count).try_for_each(|n| {
                self.plumb(net, n, rtnl).inspect_err(|e| {
                    pr_err!("device ipsec{n} cannot be made: errno {}\n", e.to_errno());
                })
            })
        });
        if result.is_err() {
            Rtnl::with(|rtnl| self.each_device(rtnl, |dev| device::remove(dev, rtnl)));
        }
        result
    }

    /// Makes the device ipsecN. `EEXIST`: it is there; `ENOENT`: N is too large.
    pub(crate) fn plumb(self: &Arc<Self>, net: &Net, n: u32, rtnl: &Rtnl) -> Result {
        let name = device::name_of(n)?;
        let made = self.devices.add(n, rtnl, || {
            DeviceRef::register(net, &name, IpsecDev::new(self.clone(), n)?, rtnl)
        });
        made.map(|_| ())
    }

    /// Removes the device ipsecN. `ENOENT`: it is not there.
    pub(crate) fn unplumb(&self, n: u32, rtnl: &Rtnl) -> Result {
        let dev = {
            let guard = rcu::read_lock();
            self.devices.get(n, &guard).ok_or(ENOENT)?.hold()
        };
        device::remove(&dev, rtnl);
        Ok(())
    }

    /// Attaches devices whose physical device went away to one of the same name that came up (a redialled PPP link).
    fn attach_waiting(&self, rtnl: &Rtnl, port: &Port) {
        self.each_device(rtnl, |dev| {
            if dev.data().waits_for(port) {
                let catches = dev.data().catches();
                let _ = device::attach(dev, rtnl, port.hold(), None, catches);
            }
        });
    }

    /// Makes the worker look for what is due. Any context.
    pub(crate) fn wake(&self) {
        self.events.schedule();
    }

    /// Has key daemons told of a limit that an SA exceeded, and an SA that ended removed. Any context.
    pub(crate) fn report(&self, sa: &Arc<Sa>, limit: Limit) {
        // Another SA may be better now.
        self.yard.advance();
        self.events.data().push(Event {
            sa: sa.clone(),
            limit,
        });
        self.events.schedule();
    }

    /// Has key daemons told that the peer of `sa` was heard from another port, once for each move. Any context.
    pub(crate) fn report_moved(&self, sa: &Arc<Sa>, port: u16) {
        if !sa.hears_from(port) {
            return;
        }
        let moved = Moved {
            sa: sa.clone(),
            port,
        };
        if !self.events.data().push_moved(moved) {
            sa.hears_from(0);
        }
        self.events.schedule();
    }
}

static BLOCK: Block<Follower> = Block::new();

/// Follows what happens to physical devices.
pub(crate) struct Follower;

impl Observer for Follower {
    fn block() -> &'static Block<Self> {
        &BLOCK
    }

    /// A device that is above an ipsecN must not come under what that is attached to: packets would go round.
    fn may_carry(rtnl: &Rtnl, port: &Port, upper: &Port) -> Result<(), (&'static CStr, Error)> {
        let Some(this) = netns::instance_arc::<Instance>(port.net()) else {
            return Ok(());
        };
        let mut ring = false;
        this.each_device(rtnl, |dev| {
            let guard = rcu::read_lock();
            let below = core::ptr::eq(dev.port(), port) || dev.port().carries(port);
            ring |= below
                && dev.data().attachment(&guard).is_some_and(|phys| {
                    core::ptr::eq(phys.port(), upper) || upper.carries(phys.port())
                });
        });
        if ring {
            return Err((
                c"a klips device would come under what it is attached to",
                ELOOP,
            ));
        }
        Ok(())
    }

    fn event(rtnl: &Rtnl, port: &Port, event: notifier::Event) {
        let Some(this) = netns::instance_arc::<Instance>(port.net()) else {
            return;
        };
        if event == notifier::Event::Up {
            this.attach_waiting(rtnl, port);
            return;
        }
        this.each_device(rtnl, |dev| {
            let is_on = {
                let guard = rcu::read_lock();
                dev.data().is_on(port, &guard)
            };
            if is_on {
                device::follow(dev, rtnl, port, event);
            }
        });
    }
}
