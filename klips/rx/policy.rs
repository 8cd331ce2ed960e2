// SPDX-License-Identifier: GPL-2.0-only

//! What the policies of the Linux dialect say about packets that come in.
//!
//! They judge what has come through SAs of that dialect, whatever those were; what has come out of a group, which has a
//! policy of its own, only where no eroute is for it; and what comes in clear, [`crate::ingress`].

use super::{Inbound, Path};
use crate::{
    error::Discard,
    instance::Instance,
    kapi::net::{route, Net},
    spd::Policy,
};
use core::net::IpAddr;
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    addr::Family,
    eroute::{Key, Verdict},
    path::{admit, admit_without_policy},
    pfkey::linux::Direction,
    spd,
    wire::flow::{self, Flow},
};

/// The policy for a packet that came in, of which `packet` is the beginning: "in" if it is for this host, else "fwd".
pub(crate) fn inward<'g>(
    ns: &'g Instance,
    net: &Net,
    flow: &Flow,
    packet: &[u8],
    guard: &'g Guard,
) -> Option<&'g Arc<Policy>> {
    if !ns.spd.judges_inward(Family::of(&flow.dst), guard) {
        return None;
    }
    let key = spd::key(flow, packet);
    let lookup = |direction| ns.spd.lookup(direction, &key, guard);
    match (lookup(Direction::In), lookup(Direction::Forward)) {
        (None, None) => None,
        (here, _) if is_for_us(net, &flow.dst) => here,
        (_, through) => through,
    }
}

/// Whether the stack takes a packet to this address itself.
fn is_for_us(net: &Net, dst: &IpAddr) -> bool {
    let everybody = match dst {
        IpAddr::V4(dst) => dst.is_multicast() || dst.is_broadcast(),
        IpAddr::V6(dst) => dst.is_multicast(),
    };
    everybody || route::is_local(net, dst)
}

/// Whether an eroute says that what is sent the other way is protected.
fn is_protected(ns: &Instance, flow: &Flow, guard: &Guard) -> bool {
    let eroute = ns.eroutes.lookup(&Key::from_flow(&flow.reversed()), guard);
    eroute.is_some_and(|eroute| matches!(Verdict::from(eroute.spec.said), Verdict::Protect(_)))
}

impl Inbound<'_> {
    /// Whether a packet that came through `path` may come in; `linux`: through SAs of that dialect.
    pub(super) fn judge(
        &self,
        flow: &Flow,
        packet: &[u8],
        path: &Path,
        linux: bool,
    ) -> Result<(), Discard> {
        if !self.checks_policy() {
            return Ok(());
        }
        let policy = inward(self.ns, self.dev.port().net(), flow, packet, self.guard);
        match policy {
            Some(_) if !linux && is_protected(self.ns, flow, self.guard) => Ok(()),
            Some(policy) => {
                policy.used();
                admit(policy.action, &policy.templates, path)
            }
            None if linux => admit_without_policy(path),
            None => Ok(()),
        }
    }

    /// As [`Inbound::judge`], for a packet that came in transport mode. What is not a packet at all is for the stack to say.
    pub(super) fn judge_transport(
        &self,
        packet: &[u8],
        path: &Path,
        linux: bool,
    ) -> Result<(), Discard> {
        flow::classify(packet).map_or(Ok(()), |flow| self.judge(&flow, packet, path, linux))
    }
}
