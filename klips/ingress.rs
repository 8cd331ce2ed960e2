// SPDX-License-Identifier: GPL-2.0-only

//! Refusing cleartext that ought to have come protected.
//!
//! An eroute that protects what goes from A to B says that what comes from B to A is protected too. Without this check a
//! packet with a forged source would be taken in clear where the tunnel's own would be. Where no eroute is, the policies of
//! the Linux dialect say what has to come protected, or not at all.

use crate::{
    error::Discard,
    instance::Instance,
    kapi::net::{
        netfilter::{Arriving, Inspector},
        netns, route,
    },
    rx::inward,
};
use kernel::sync::rcu;
use klips_core::{
    eroute::{is_ike_or_ipsec, is_of_the_link, Key, Verdict},
    path::admit,
    wire::{flow, udp::UDP},
};

/// Looks at what comes in by devices that an ipsecN device is attached to.
pub(crate) struct Ingress;

impl Inspector for Ingress {
    fn admits(packet: &mut Arriving<'_>) -> bool {
        let (guard, port) = (rcu::read_lock(), packet.port());
        let Some(ns) = netns::instance::<Instance>(port.net(), &guard) else {
            return true;
        };
        if !ns.sysctl.inbound_policy_check() {
            return true;
        }
        let Some(dev) = ns.device_on(port, &guard) else {
            return true;
        };
        let len = packet.len();
        let Some(head) = packet.head() else {
            return true;
        };
        // What is not a packet at all is for the stack to say.
        let Ok(flow) = flow::classify_head(head, len) else {
            return true;
        };
        if is_of_the_link(&flow, head.get(flow.header_len).copied()) {
            return true;
        }
        // Later fragments do not show whether they are ESP in UDP; without a first one, which does, they come to nothing.
        if flow.proto == UDP && !flow.first_fragment && route::is_local(port.net(), &flow.dst) {
            return true;
        }
        // The mirror of what this host's own key management may send: to this host, and to a port of it.
        if is_ike_or_ipsec(&flow.reversed()) && route::is_local(port.net(), &flow.dst) {
            return true;
        }
        let eroute = ns.eroutes.lookup(&Key::from_flow(&flow.reversed()), &guard);
        let admitted = match eroute.map(|eroute| Verdict::from(eroute.spec.said)) {
            Some(Verdict::Protect(_)) => Err(Discard::RxPlaintext),
            Some(_) => Ok(()),
            None => match inward(ns, port.net(), &flow, head, &guard) {
                Some(policy) => {
                    policy.used();
                    admit(policy.action, &policy.templates, &[])
                }
                None => Ok(()),
            },
        };
        admitted.inspect_err(|why| dev.data().discard(*why)).is_ok()
    }
}
