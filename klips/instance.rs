// SPDX-License-Identifier: GPL-2.0-only

//! Everything that exists once in every network namespace.
//!
//! Lock order: RTNL, then [`Tables::control`], then [`Tables::sockets`]; of the others, none is held with one of these but
//! RTNL. Packets take none of them.

mod follower;
mod tables;

pub(crate) use follower::Follower;
pub(crate) use tables::{Control, Tables};

use crate::{
    asks::Asks,
    device::{self, IpsecDev},
    devices::Devices,
    egress::Egress,
    eroute,
    events::{Event, Events, Moved},
    flows::Flows,
    ingress::Ingress,
    kapi::{
        net::{
            dev::{DeviceRef, KillList, Port, Rtnl},
            netfilter::Hooks,
            netns::{Operations, PerNet},
            Net,
        },
        rcu::Graveyard,
        work::Worker,
    },
    pfkey::{self, Listeners},
    proc,
    sadb::{
        self,
        sa::{Limit, Sa},
    },
    spd,
    stats::{Drops, SpreadCount},
    sysctl::Switches,
    told::Told,
    trap::Traps,
};
use core::{ops::Deref, sync::atomic::AtomicU32};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{rcu, Arc, Mutex},
};

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
        let spread = SpreadCount::new()?;
        let tables = Arc::pin_init(
            pin_init!(Tables {
                eroutes,
                spd,
                sadb,
                flows,
                traps,
                asks,
                drops,
                spread,
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
