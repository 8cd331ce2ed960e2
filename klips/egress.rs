// SPDX-License-Identifier: GPL-2.0-only

//! Catching what leaves by a physical device though there is a policy for it.
//!
//! Packets get to an ipsecN device because they are routed there. One that catches takes besides, of those that are routed
//! to its physical device, the ones that a policy is for: they go on as if they had been routed to it.

use crate::{
    device::IpsecDev,
    error::Discard,
    instance::Instance,
    kapi::net::{
        dev::Device,
        netfilter::{Diverter, Leaving},
        netns,
    },
    tx::policy,
};
use kernel::{
    prelude::*,
    sync::rcu::{self, Guard},
};
use klips_core::{eroute::is_of_the_link, spd, wire::flow};

/// Enough of most packets: addresses, options, the beginning of what follows.
const HEAD: usize = 128;

/// Enough of IPv6 packets with many extension headers.
const LONG_HEAD: usize = 1024;

/// Looks at what leaves by devices that a catching ipsecN is attached to.
pub(crate) struct Egress;

impl Diverter for Egress {
    fn leaves(packet: &mut Leaving<'_>) -> bool {
        let guard = rcu::read_lock();
        let Some(ns) = netns::instance::<Instance>(packet.port().net(), &guard) else {
            return true;
        };
        let Some(dev) = ns.device_catching(packet.port(), &guard) else {
            return true;
        };
        match catch(ns, dev, packet, &guard) {
            Ok(()) => true,
            Err(why) => {
                dev.data().discard(why);
                false
            }
        }
    }
}

/// Has the packet leave by `dev` if a policy wants that. What is not understood does not leave.
fn catch(
    ns: &Instance,
    dev: &Device<IpsecDev>,
    packet: &mut Leaving<'_>,
    guard: &Guard,
) -> Result<(), Discard> {
    if packet.is_settled() || packet.is_exempt() {
        return Ok(());
    }
    let wanted = match judge::<HEAD>(ns, packet, guard) {
        Err(_) if packet.len() > HEAD => judge::<LONG_HEAD>(ns, packet, guard)?,
        judged => judged?,
    };
    if !wanted {
        return Ok(());
    }
    packet.divert(dev.port()).map_err(|e| {
        if e == ENOMEM {
            Discard::TxNoMemory
        } else {
            Discard::TxDeviceDown
        }
    })
}

/// Whether there is a policy that does not leave the packet as it is, by its first `N` bytes.
#[inline(never)]
fn judge<const N: usize>(
    ns: &Instance,
    packet: &Leaving<'_>,
    guard: &Guard,
) -> Result<bool, Discard> {
    let mut room = [0; N];
    let head = packet.copy_head(&mut room);
    if packet.len() > usize::from(u16::MAX) {
        state_length(head);
    }
    let flow = flow::classify_head(head, packet.len())?;
    if is_of_the_link(&flow, head.get(flow.header_len).copied()) {
        return Ok(false);
    }
    let (net, key) = (packet.port().net(), spd::key(&flow, head));
    let Some(decision) = policy::decide(ns, net, &flow, &key, guard) else {
        return Ok(false);
    };
    if !decision.leaves_in_clear() {
        return Ok(true);
    }
    // The device, which counts all others, does not see it.
    decision.hit();
    Ok(false)
}

/// Packets of TCP that will be cut into segments may be longer than a header can say: it says 0 then.
fn state_length(head: &mut [u8]) {
    let at = match head.first().map(|byte| byte >> 4) {
        Some(4) => 2,
        _ => 4,
    };
    if let Some(field) = head.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *field = if at == 2 { u16::MAX } else { u16::MAX - 40 }.to_be_bytes();
    }
}
