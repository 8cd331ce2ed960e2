// SPDX-License-Identifier: GPL-2.0-only

//! Following what happens to physical devices.

use super::Instance;
use crate::{
    device,
    kapi::net::{
        dev::{Port, Rtnl},
        netns,
        notifier::{self, Block, Observer},
    },
};
use kernel::{prelude::*, sync::rcu};

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
