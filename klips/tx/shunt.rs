// SPDX-License-Identifier: GPL-2.0-only

//! What shunts do to a packet.

use super::{Outbound, Sent, ICMP_UNREACHABLE};
use crate::{eroute::Eroute, error::Discard, hold::Waiting, kapi::net::skbuff::Packet};
use kernel::sync::Arc;
use klips_core::{
    eroute::{acquire_ends, hold_for, Selector},
    pfkey::ext::Endpoint,
    said::Shunt,
    wire::flow::Flow,
};

const ICMP_PROHIBITED: u8 = 13;
const ICMPV6_UNREACHABLE: u8 = 1;
const ICMPV6_PROHIBITED: u8 = 1;

impl Outbound<'_> {
    /// What a shunt does. The inner `Err` hands the packet back, to be looked up again.
    pub(super) fn shunt(
        &self,
        shunt: Shunt,
        eroute: &Arc<Eroute>,
        packet: Packet,
        flow: &Flow,
    ) -> Result<Result<Sent, Packet>, Discard> {
        match shunt {
            Shunt::Pass => self.pass(packet, flow).map(|len| Ok(Sent::Bytes(len))),
            Shunt::Drop => Err(Discard::TxPolicyDrop),
            Shunt::Reject => {
                reject(packet, flow);
                Err(Discard::TxPolicyReject)
            }
            Shunt::Hold => {
                let hold = eroute.hold.as_ref().ok_or(Discard::TxHeld)?;
                let waiting = Waiting::new(packet, self.dev.port().ifindex());
                Ok(match hold.keep(waiting) {
                    Ok(evicted) => {
                        self.evicted(evicted);
                        Ok(Sent::Later)
                    }
                    Err(waiting) => Err(waiting.into_packet(self.dev.port())),
                })
            }
            Shunt::Trap => {
                let hold = hold_for(&eroute.selector, flow).ok_or(Discard::TxTrapped)?;
                self.spring(hold, eroute, packet, flow).map(Ok)
            }
            Shunt::TrapSubnet => self.spring(eroute.selector, eroute, packet, flow).map(Ok),
        }
    }

    /// Springs a trap: key daemons will be asked, and the packet waits for `hold`.
    ///
    /// The device counts it as dropped all the same, as the classic module does: what is sent later counts anew.
    fn spring(
        &self,
        hold: Selector,
        trap: &Arc<Eroute>,
        packet: Packet,
        flow: &Flow,
    ) -> Result<Sent, Discard> {
        let ends = acquire_ends(&trap.selector, flow);
        let end = |addr, port| Endpoint {
            addr,
            port,
            proto: ends.proto,
        };
        let (src, dst) = (end(ends.src, ends.sport), end(ends.dst, ends.dport));
        let waiting = Waiting::new(packet, self.dev.port().ifindex());
        let evicted = self
            .ns
            .traps
            .spring(hold, trap, src, dst, waiting)
            .map_err(|_| Discard::TxTrapped)?;
        self.evicted(evicted);
        self.ns.wake();
        self.dev.data().stats().dropped_for_now();
        Ok(Sent::Later)
    }

    fn evicted(&self, waiting: Option<Waiting>) {
        if waiting.is_some() {
            self.dev.data().discard(Discard::TxHoldEvicted);
        }
    }
}

/// Tells the sender that policy forbids this (RFC 1812 5.2.7.1, RFC 4443 3.1).
fn reject(mut packet: Packet, flow: &Flow) {
    if flow.src.is_ipv4() {
        packet.icmp_error(ICMP_UNREACHABLE, ICMP_PROHIBITED, 0);
    } else {
        packet.icmpv6_error(ICMPV6_UNREACHABLE, ICMPV6_PROHIBITED, 0);
    }
}
