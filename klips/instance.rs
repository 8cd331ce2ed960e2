// SPDX-License-Identifier: GPL-2.0-only

//! Everything that exists once in every network namespace.
//!
//! Lock order: RTNL, then [`Tables::control`], then [`Tables::sockets`]. Packets take none of them.

use crate::{
    device::{self, IpsecDev},
    eroute::{self, Eroutes, EroutesWriter},
    error::Discard,
    events::{Event, Events},
    kapi::{
        net::{
            dev::{DeviceRef, KillList, Port, Rtnl},
            netns::{self, Operations, PerNet},
            notifier::{self, Block, Observer},
            Net,
        },
        rcu::{Graveyard, Rcu},
        work::Worker,
    },
    pfkey::Listeners,
    proc,
    sadb::{self, sa::Limit, Sadb, SadbWriter},
    stats::{discard, DeviceStats, Drops},
    sysctl::Switches,
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{rcu::Guard, Arc, Mutex},
};
use klips_core::said::Said;

/// The writers' side of the tables.
pub(crate) struct Control {
    /// SAs.
    pub(crate) sadb: SadbWriter,
    /// Eroutes.
    pub(crate) eroutes: EroutesWriter,
    /// Where replies are put together.
    pub(crate) reply: KVec<u8>,
}

/// What control requests and deferred work share.
#[pin_data]
pub(crate) struct Tables {
    /// Serialises everything that changes tables, and the order of notifications about it.
    #[pin]
    pub(crate) control: Mutex<Control>,
    /// The PF_KEY sockets of the namespace.
    #[pin]
    pub(crate) sockets: Mutex<Listeners>,
    /// Numbers messages that the kernel starts.
    kernel_seq: AtomicU32,
}

impl Tables {
    /// A number for a message that the kernel starts; the first is 1.
    pub(crate) fn next_seq(&self) -> u32 {
        self.kernel_seq
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
    }
}

/// The devices of a namespace.
struct Devices(KVec<DeviceRef<IpsecDev>>);

/// The state of one namespace.
#[pin_data]
pub(crate) struct Instance {
    /// Eroutes, for packets.
    pub(crate) eroutes: Eroutes,
    /// SAs, for packets.
    pub(crate) sadb: Sadb,
    /// Reasons to discard.
    pub(crate) drops: Drops,
    /// Switches.
    pub(crate) sysctl: Switches,
    /// Tables, for requests.
    pub(crate) tables: Arc<Tables>,
    events: Worker<Events>,
    devices: Rcu<Devices>,
    #[pin]
    files: Mutex<Option<proc::Files>>,
    /// Where what readers may still see is freed.
    pub(crate) yard: Arc<Graveyard>,
}

static OPERATIONS: Operations<Instance> = Operations::new();

impl PerNet for Instance {
    fn operations() -> &'static Operations<Self> {
        &OPERATIONS
    }

    fn create(_net: &Net) -> Result<Arc<Self>> {
        let yard = Arc::new(Graveyard::new()?, GFP_KERNEL)?;
        let (eroutes, eroutes_writer) = eroute::new(&yard)?;
        let (sadb, sadb_writer) = sadb::new(&yard)?;
        let mut reply = KVec::new();
        reply.resize(klips_core::pfkey::MAX_REPLY, 0, GFP_KERNEL)?;
        let control = Control {
            sadb: sadb_writer,
            eroutes: eroutes_writer,
            reply,
        };
        let tables = Arc::pin_init(
            pin_init!(Tables {
                control <- new_mutex!(control, "klips_control"),
                sockets <- new_mutex!(Listeners::new(), "klips_sockets"),
                kernel_seq: AtomicU32::new(0),
            }),
            GFP_KERNEL,
        )?;
        let (drops, sysctl) = (Drops::new()?, Switches::new()?);
        let events = Worker::new(Events::new(tables.clone())?)?;
        Arc::pin_init(
            pin_init!(Self {
                eroutes,
                sadb,
                drops,
                sysctl,
                tables,
                events,
                devices: Rcu::empty(),
                files <- new_mutex!(None, "klips_files"),
                yard,
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

    fn remove_devices(&self, list: &mut KillList) {
        {
            let guard = kernel::sync::rcu::read_lock();
            for dev in self.devices(&guard) {
                dev.unregister(list);
            }
        }
        self.devices.publish(None, &self.yard);
    }

    fn stop(&self, _net: &Net) {
        drop(self.files.lock().take());
        {
            let mut control = self.tables.control.lock();
            control.eroutes.clear();
            control.sadb.flush(None);
        }
        self.events.flush();
        self.yard.flush();
    }
}

impl Instance {
    fn make_devices(self: &Arc<Self>, net: &Net, count: u32) -> Result {
        let mut made = KVec::with_capacity(count as usize, GFP_KERNEL)?;
        for n in 0..count {
            let dev = self.make_device(net, n).inspect_err(|e| {
                pr_err!("device ipsec{n} cannot be made: errno {}\n", e.to_errno());
            });
            // There is room: reserved above.
            let kept = dev.and_then(|dev| made.push_within_capacity(dev).map_err(|_| ENOMEM));
            if let Err(e) = kept {
                made.into_iter().for_each(DeviceRef::remove);
                return Err(e);
            }
        }
        let prepared = Rcu::prepare(Devices(made))?;
        self.devices.publish(Some(prepared), &self.yard);
        Ok(())
    }

    fn make_device(self: &Arc<Self>, net: &Net, n: u32) -> Result<DeviceRef<IpsecDev>> {
        let name = CString::try_from_fmt(fmt!("ipsec{n}"))?;
        DeviceRef::register(net, &name, IpsecDev::new(self.clone())?)
    }

    /// The devices, in order of their numbers.
    #[inline]
    pub(crate) fn devices<'g>(&'g self, guard: &'g Guard) -> &'g [DeviceRef<IpsecDev>] {
        self.devices.read(guard).map_or(&[], |d| &d.0)
    }

    /// Counted references to the devices. `ENOMEM`.
    pub(crate) fn devices_held(&self, guard: &Guard) -> Result<KVec<DeviceRef<IpsecDev>>> {
        let devices = self.devices(guard);
        let mut held = KVec::with_capacity(devices.len(), GFP_ATOMIC)?;
        for dev in devices {
            held.push(dev.again(), GFP_ATOMIC)?;
        }
        Ok(held)
    }

    /// The device that is attached to `port`.
    #[inline]
    pub(crate) fn device_on<'g>(
        &'g self,
        port: &Port,
        guard: &'g Guard,
    ) -> Option<&'g DeviceRef<IpsecDev>> {
        self.devices(guard)
            .iter()
            .find(|dev| dev.data().is_on(port, guard))
    }

    /// Whether `port` is one of the namespace's ipsecN devices.
    pub(crate) fn is_ours(&self, port: &Port) -> bool {
        let guard = kernel::sync::rcu::read_lock();
        self.devices(&guard)
            .iter()
            .any(|dev| core::ptr::eq(dev.port(), port))
    }

    /// Counts a packet that was discarded.
    pub(crate) fn discard(&self, device: Option<&DeviceStats>, why: Discard) {
        discard(&self.drops, device, why);
    }

    /// Has key daemons told of a limit that an SA exceeded, and an SA that ended removed. Any context.
    pub(crate) fn report(&self, said: Said, limit: Limit) {
        self.events.data().push(Event { said, limit });
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

    fn event(rtnl: &Rtnl, port: &Port, event: notifier::Event) {
        if event != notifier::Event::Unregister {
            return;
        }
        let Some(this) = netns::instance_arc::<Instance>(port.net()) else {
            return;
        };
        loop {
            // One at a time: detaching calls the notifiers again.
            let found = {
                let guard = kernel::sync::rcu::read_lock();
                this.device_on(port, &guard).map(DeviceRef::again)
            };
            let Some(dev) = found else { break };
            let _ = device::detach(&dev, rtnl);
        }
    }
}
