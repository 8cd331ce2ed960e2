// SPDX-License-Identifier: GPL-2.0-only

//! From an ipsecN device to the wire.
//!
//! Context: softirq or bottom halves disabled, under RCU, on many CPUs at once. Each stage consumes the packet and hands it
//! on; a packet that a stage refuses is freed there, under exactly one reason.

use crate::{
    device::{Attachment, IpsecDev},
    error::Discard,
    instance::Instance,
    kapi::net::{
        dev::Device,
        skbuff::{Packet, Skb},
    },
    sadb::{Bundle, Sadb},
};
use core::net::IpAddr;
use kernel::sync::rcu::{self, Guard};
use klips_core::{
    eroute::{Key, Verdict},
    plan::{self, Plan},
    said::{Said, Shunt},
    wire::{
        flow::{self, Flow},
        ipv4,
    },
};

const ICMP: u8 = 1;

/// Takes a packet that the stack gave to an ipsecN device.
pub(crate) fn transmit(dev: &Device<IpsecDev>, skb: Skb) {
    let guard = rcu::read_lock();
    let data = dev.data();
    match Outbound::new(dev, &guard).and_then(|out| out.run(skb)) {
        Ok(len) => data.stats().sent(len),
        Err(why) => data.discard(why),
    }
}

/// What holds for one packet on its way out.
struct Outbound<'g> {
    ns: &'g Instance,
    dev: &'g Device<IpsecDev>,
    phys: &'g Attachment,
    guard: &'g Guard,
}

impl<'g> Outbound<'g> {
    fn new(dev: &'g Device<IpsecDev>, guard: &'g Guard) -> Result<Self, Discard> {
        let phys = dev.data().attachment(guard).ok_or(Discard::TxNotAttached)?;
        Ok(Self {
            ns: dev.data().instance(),
            dev,
            phys,
            guard,
        })
    }

    /// The stages. Returns the length of the outer packet, bytes.
    fn run(&self, skb: Skb) -> Result<usize, Discard> {
        let mut packet = skb.into_packet().ok_or(Discard::TxNoMemory)?;
        let flow = flow::classify(packet.bytes())?;
        packet.trim(flow.len);
        if flow.ttl == 0 {
            return Err(Discard::TxTtlZero);
        }
        match self.verdict(&flow)? {
            Verdict::Protect(said) => self.protect(packet, &flow, &said),
            Verdict::Shunt(Shunt::Pass) => self.pass(packet, &flow),
            Verdict::Shunt(Shunt::Drop) => Err(Discard::TxPolicyDrop),
            Verdict::Shunt(Shunt::Reject) => Err(Discard::TxPolicyReject),
            Verdict::Shunt(Shunt::Hold) => Err(Discard::TxHeld),
            Verdict::Shunt(Shunt::Trap | Shunt::TrapSubnet) => Err(Discard::TxTrapped),
            Verdict::UnknownShunt => Err(Discard::TxUnknownShunt),
        }
    }

    /// What the eroute table says. No eroute means drop.
    fn verdict(&self, flow: &Flow) -> Result<Verdict, Discard> {
        let key = Key::from_flow(flow);
        let eroute = self
            .ns
            .eroutes
            .lookup(&key, self.guard)
            .ok_or(Discard::TxNoEroute)?;
        eroute.hit();
        Ok(Verdict::from(eroute.said))
    }

    /// Sends the packet as it is, through the physical device.
    fn pass(&self, packet: Packet, flow: &Flow) -> Result<usize, Discard> {
        let (IpAddr::V4(_), IpAddr::V4(dst)) = (flow.src, flow.dst) else {
            return Err(Discard::TxNotSupported);
        };
        let net = self.dev.port().net();
        let len = packet.len();
        let any = core::net::Ipv4Addr::UNSPECIFIED;
        let mut routed = packet
            .route4(net, dst, any, flow.tos, flow.proto, self.phys.port())
            .map_err(|_| Discard::TxNoRoute)?;
        routed.reserve_link().map_err(|_| Discard::TxNoMemory)?;
        routed.local_out(net).map_err(|_| Discard::TxRefused)?;
        Ok(len)
    }

    /// Sends the packet through the group that starts with `said`.
    fn protect(&self, mut packet: Packet, flow: &Flow, said: &Said) -> Result<usize, Discard> {
        let sa = self.ns.sadb.get(said, self.guard).ok_or(Discard::TxNoSa)?;
        let bundle = Sadb::bundle(sa, self.guard).ok_or(Discard::TxBadBundle)?;
        let plan = Self::plan(&bundle, flow)?;
        self.tell_mtu(&mut packet, flow, &plan);
        let link = self.phys.link_reserve();
        packet
            .make_room(plan.headroom + link, plan.tailroom)
            .map_err(|_| Discard::TxNoMemory)?;
        let tos = if self.ns.sysctl.hide_tos() {
            0
        } else {
            flow.tos
        };
        self.encap(&bundle, tos, &mut packet)?;
        self.emit(packet)
    }

    fn plan(bundle: &Bundle<'_>, flow: &Flow) -> Result<Plan, Discard> {
        // Any SA that cannot take the packet refuses it before the first one has spent a sequence number on it.
        for sa in bundle {
            if !sa.state().carries_traffic() {
                return Err(Discard::TxSaNotMature);
            }
            if sa.fixed.xform.step(sa).is_none() {
                return Err(Discard::TxBadBundle);
            }
        }
        let steps = bundle.iter().filter_map(|sa| sa.fixed.xform.step(sa));
        plan::plan(steps, flow.len, flow.header_len)
    }

    /// With sysctl `icmp`, tells the sender of a packet that will have to be fragmented what would fit.
    fn tell_mtu(&self, packet: &mut Packet, flow: &Flow, plan: &Plan) {
        if !self.ns.sysctl.icmp()
            || !flow.df
            || !flow.first_fragment
            || flow.proto == ICMP
            || !flow.src.is_ipv4()
        {
            return;
        }
        let mtu = plan.inner_mtu(self.phys.port().mtu() as usize);
        if flow.len > mtu {
            packet.icmp_frag_needed(mtu as u32);
        }
    }

    /// Runs the packet through every SA of the bundle, inner to outer.
    fn encap(&self, bundle: &Bundle<'_>, tos: u8, packet: &mut Packet) -> Result<(), Discard> {
        for sa in bundle {
            let (seq, limit) = sa.begin_send();
            if let Some(limit) = limit {
                self.ns.report(sa.said(), limit);
            }
            sa.fixed.xform.encap(sa, seq?, tos, packet)?;
            sa.count(packet.len());
        }
        Ok(())
    }

    /// Routes the outer packet out of the physical device and sends it.
    fn emit(&self, mut packet: Packet) -> Result<usize, Discard> {
        let view = ipv4::parse(packet.bytes()).map_err(|_| Discard::TxBadBundle)?;
        let net = self.dev.port().net();
        let len = packet.len();
        packet.set_protocol(0x0800);
        packet.set_transport_offset(view.header_len);
        packet.scrub_outbound();
        let mut routed = packet
            .route4(
                net,
                view.dst,
                view.src,
                view.tos,
                view.proto,
                self.phys.port(),
            )
            .map_err(|_| Discard::TxNoRoute)?;
        routed.reserve_link().map_err(|_| Discard::TxNoMemory)?;
        routed.select_ident(net);
        routed.local_out(net).map_err(|_| Discard::TxRefused)?;
        Ok(len)
    }
}
