// SPDX-License-Identifier: GPL-2.0-only

//! From an ipsecN device to the wire.
//!
//! Context: softirq or bottom halves disabled, under RCU, on many CPUs at once. Each stage consumes the packet and hands it
//! on; a packet that a stage refuses is freed there, under exactly one reason.

use crate::{
    device::{Attachment, IpsecDev},
    eroute::Eroute,
    error::Discard,
    hold::Waiting,
    instance::Instance,
    kapi::net::{
        dev::Device,
        route,
        skbuff::{Packet, Skb},
    },
    sadb::{Bundle, Sadb},
    sysctl::klips_debug,
    xform::{udp, Xform},
};
use core::net::{IpAddr, Ipv4Addr};
use kernel::sync::{
    rcu::{self, Guard},
    Arc,
};
use klips_core::{
    addr::Family,
    eroute::{acquire_ends, bypass, hold_for, is_ike_or_ipsec, Key, Selector, Verdict},
    pfkey::ext::Endpoint,
    plan::{self, Plan, Step},
    said::{Said, Shunt},
    wire::{
        flow::{self, Flow},
        ip::{self, Walk},
        ipv4,
    },
};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_FRAG_NEEDED: u8 = 4;
const ICMP_PROHIBITED: u8 = 13;
const ICMPV6: u8 = 58;
const ICMPV6_TOO_BIG: u8 = 2;
const ICMPV6_UNREACHABLE: u8 = 1;
const ICMPV6_PROHIBITED: u8 = 1;

/// How often a packet is looked up again because its hold ended under it.
const MAX_DECISIONS: usize = 4;

/// How many groups a packet goes through at most, each because of the eroute for the outer packet of the one before.
const MAX_GROUPS: usize = 4;

/// Takes a packet that the stack gave to an ipsecN device.
pub(crate) fn transmit(dev: &Device<IpsecDev>, skb: Skb) {
    let guard = rcu::read_lock();
    let data = dev.data();
    match Outbound::new(dev, &guard).and_then(|out| out.run(skb)) {
        Ok(Sent::Bytes(len)) => data.stats().sent(len),
        Ok(Sent::Later) => {}
        Err(why) => {
            klips_debug!(data.instance(), Tunnel, "xmit: discarded, {}", why.name());
            data.discard(why);
        }
    }
}

/// What became of a packet that was not discarded.
enum Sent {
    /// It left; bytes of the outer packet.
    Bytes(usize),
    /// It waits for its policy.
    Later,
}

/// What the policy says about a packet.
enum Decision<'g> {
    /// It leaves in clear, whatever the eroutes say.
    Bypass,
    /// An eroute says what to do.
    Eroute(&'g Arc<Eroute>),
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

    /// The stages.
    fn run(&self, skb: Skb) -> Result<Sent, Discard> {
        let exempt = skb.is_exempt();
        let mut packet = skb.into_packet().ok_or(Discard::TxNoMemory)?;
        let flow = flow::classify(packet.bytes())?;
        packet.trim(flow.len);
        klips_debug!(
            self.ns,
            Tunnel,
            "xmit: {} -> {} proto {} ports {}:{} length {}",
            flow.src,
            flow.dst,
            flow.proto,
            flow.sport,
            flow.dport,
            flow.len
        );
        if flow.ttl == 0 {
            return Err(Discard::TxTtlZero);
        }
        if exempt {
            return self.pass(packet, &flow).map(Sent::Bytes);
        }
        // A hold or trap that ends while the packet is on its way to it sends the packet back here.
        for _ in 0..MAX_DECISIONS {
            packet = match self.decide(&flow)? {
                Decision::Bypass => return self.pass(packet, &flow).map(Sent::Bytes),
                Decision::Eroute(eroute) => match Verdict::from(eroute.spec.said) {
                    Verdict::Protect(said) => {
                        return self.protect_all(packet, flow, said).map(Sent::Bytes)
                    }
                    Verdict::Shunt(shunt) => match self.shunt(shunt, eroute, packet, &flow)? {
                        Ok(sent) => return Ok(sent),
                        Err(packet) => packet,
                    },
                    Verdict::UnknownShunt => return Err(Discard::TxUnknownShunt),
                },
            };
        }
        Err(Discard::TxHeld)
    }

    /// What the eroute table says. No eroute means drop; this host's own key management and IPsec get through.
    fn decide(&self, flow: &Flow) -> Result<Decision<'g>, Discard> {
        let eroute = self.ns.eroutes.lookup(&Key::from_flow(flow), self.guard);
        if is_ike_or_ipsec(flow) {
            let local = route::is_local(self.dev.port().net(), &flow.src);
            let said_dst = eroute.map(|eroute| eroute.spec.said.dst);
            if bypass(flow, said_dst.as_ref(), local) {
                return Ok(Decision::Bypass);
            }
        }
        let eroute = eroute.ok_or(Discard::TxNoEroute)?;
        eroute.hit();
        Ok(Decision::Eroute(eroute))
    }

    /// What a shunt does. The inner `Err` hands the packet back, to be looked up again.
    fn shunt(
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

    /// Sends the packet as it is. The classic module looks its route up without a source.
    fn pass(&self, packet: Packet, flow: &Flow) -> Result<usize, Discard> {
        self.leave(
            packet,
            Ipv4Addr::UNSPECIFIED,
            flow.dst,
            flow.tos,
            flow.proto,
        )
    }

    /// Sends the packet through the group that starts with `said`, and then through those that its outer packets lead to.
    fn protect_all(
        &self,
        mut packet: Packet,
        mut flow: Flow,
        mut said: Said,
    ) -> Result<usize, Discard> {
        for group in 0..MAX_GROUPS {
            // Only the first group's packets have a sender to be told; the others' is this host.
            packet = self.protect(packet, &flow, &said, group == 0)?;
            match self.lookup_outer(&packet)? {
                None => return self.emit(packet),
                Some(further) => (flow, said) = further,
            }
        }
        Err(Discard::TxLoop)
    }

    /// The flow of the outer packet, and the SA that its own eroute leads to, if that is of another host than the packet
    /// goes to. Shunts do not apply to outer packets.
    fn lookup_outer(&self, packet: &Packet) -> Result<Option<(Flow, Said)>, Discard> {
        let flow = flow::classify(packet.bytes()).map_err(|_| Discard::TxBadBundle)?;
        let Some(eroute) = self.ns.eroutes.lookup(&Key::from_flow(&flow), self.guard) else {
            return Ok(None);
        };
        Ok(match Verdict::from(eroute.spec.said) {
            Verdict::Protect(said) if said.dst != flow.dst => {
                eroute.hit();
                Some((flow, said))
            }
            _ => None,
        })
    }

    /// Takes the packet through the group that starts with `said`. `tells`: its sender may be told of the MTU.
    fn protect(
        &self,
        mut packet: Packet,
        flow: &Flow,
        said: &Said,
        tells: bool,
    ) -> Result<Packet, Discard> {
        let sa = self.ns.sadb.get(said, self.guard).ok_or(Discard::TxNoSa)?;
        let bundle = Sadb::bundle(sa, self.guard).ok_or(Discard::TxBadBundle)?;
        let tunnelled = bundle
            .first()
            .is_some_and(|sa| matches!(sa.fixed.xform, Xform::Ipip));
        if !tunnelled && flow.is_fragment {
            // Transport mode is for whole packets only (RFC 4303 3.3.4).
            return Err(Discard::TxNotSupported);
        }
        // In IPv6 some extension headers stay in front of what transport mode puts in, and some do not.
        let header_len = if tunnelled {
            flow.header_len
        } else {
            let view = ip::parse(packet.bytes(), Walk::Insert);
            view.map_err(|_| Discard::TxBadInnerHeader)?.header_len
        };
        let plan = Self::plan(&bundle, flow, header_len)?;
        // In transport mode only TCP is told: it makes its segments shorter. A datagram would come back in fragments.
        if tells && (tunnelled || flow.proto == TCP) {
            self.tell_mtu(&mut packet, flow, header_len, &plan, &bundle)?;
        }
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
        Ok(packet)
    }

    fn plan(bundle: &Bundle<'_>, flow: &Flow, header_len: usize) -> Result<Plan, Discard> {
        // Any SA that cannot take the packet refuses it before the first one has spent a sequence number on it.
        for sa in bundle {
            if !sa.state().carries_traffic() {
                return Err(Discard::TxSaNotMature);
            }
            if sa.fixed.xform.step(sa).is_none() {
                return Err(Discard::TxBadBundle);
            }
        }
        plan::plan(steps(bundle), flow.len, header_len, family(flow))
    }

    /// With sysctl `icmp`, tells the sender of a packet that will have to be fragmented what would fit.
    ///
    /// The classic figure is an estimate that some ciphers exceed; what is told fits in any case. An IPv6 sender is never
    /// told less than every IPv6 link carries (RFC 8200 5), and what it was told of is not sent (`TxFragNeeded`).
    fn tell_mtu(
        &self,
        packet: &mut Packet,
        flow: &Flow,
        header_len: usize,
        plan: &Plan,
        bundle: &Bundle<'_>,
    ) -> Result<(), Discard> {
        const MIN_V6_MTU: usize = 1280;
        if !self.ns.sysctl.icmp()
            || !flow.df
            || !flow.first_fragment
            || matches!(flow.proto, ICMP | ICMPV6)
        {
            return Ok(());
        }
        let phys_mtu = self.phys.port().mtu() as usize;
        if plan.total_len <= phys_mtu && flow.len <= plan.inner_mtu(phys_mtu) {
            return Ok(());
        }
        let exact = plan::largest_inner(|| steps(bundle), phys_mtu, header_len, family(flow));
        let mtu = plan.inner_mtu(phys_mtu).min(exact);
        match flow.src {
            IpAddr::V4(_) if flow.len > mtu => {
                packet.icmp_error(ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, mtu as u32);
            }
            IpAddr::V6(_) if flow.len > mtu.max(MIN_V6_MTU) => {
                let mtu = mtu.max(MIN_V6_MTU) as u32;
                packet.icmpv6_error(ICMPV6_TOO_BIG, 0, mtu);
                return Err(Discard::TxFragNeeded);
            }
            _ => {}
        }
        Ok(())
    }

    /// Runs the packet through every SA of the bundle, inner to outer, and then into UDP if the last one wants that.
    fn encap(&self, bundle: &Bundle<'_>, tos: u8, packet: &mut Packet) -> Result<(), Discard> {
        for sa in bundle {
            let (seq, limit) = sa.begin_send();
            if let Some(limit) = limit {
                self.ns.report(sa, limit);
            }
            sa.fixed.xform.encap(sa, seq?, tos, packet)?;
            if matches!(sa.fixed.xform, Xform::Ipip) {
                self.identify(packet)?;
            }
            sa.count(packet.len());
        }
        match bundle
            .last()
            .and_then(|sa| Some((sa, udp::marker_len(sa)?)))
        {
            Some((sa, marker)) => udp::encap(sa, marker, packet),
            None => Ok(()),
        }
    }

    /// Gives a fresh IPv4 header its identification: now, as AH authenticates it, and a further group may take it inside.
    fn identify(&self, packet: &mut Packet) -> Result<(), Discard> {
        if packet.select_ident(self.dev.port().net()) {
            ipv4::renew_checksum(packet.bytes_mut()).map_err(|_| Discard::TxBadBundle)?;
        }
        Ok(())
    }

    /// Forgets the flow inside, and sends the outer packet.
    fn emit(&self, mut packet: Packet) -> Result<usize, Discard> {
        let view = ip::parse(packet.bytes(), Walk::Find).map_err(|_| Discard::TxBadBundle)?;
        klips_debug!(
            self.ns,
            Xmit,
            "emit: {} -> {} proto {} length {}",
            view.src,
            view.dst,
            view.proto,
            packet.len()
        );
        packet.set_transport_offset(view.header_len);
        packet.scrub_outbound();
        let (ethertype, src) = match view.src {
            IpAddr::V4(src) => (0x0800, src),
            IpAddr::V6(_) => (0x86dd, Ipv4Addr::UNSPECIFIED),
        };
        packet.set_protocol(ethertype);
        self.leave(packet, src, view.dst, view.tos, view.proto)
    }

    /// Routes the packet by the physical device and sends it. `src` counts for the route of an IPv4 packet; unspecified, it
    /// does not.
    ///
    /// A packet that would leave by another device might come back here, and again.
    fn leave(
        &self,
        packet: Packet,
        src: Ipv4Addr,
        dst: IpAddr,
        tos: u8,
        proto: u8,
    ) -> Result<usize, Discard> {
        let (net, port, len) = (self.dev.port().net(), self.phys.port(), packet.len());
        let routed = match dst {
            IpAddr::V4(dst) => packet.route4(net, dst, src, tos, proto, port),
            IpAddr::V6(dst) => packet.route6(net, dst, proto, port),
        };
        let mut routed = routed.map_err(|_| Discard::TxNoRoute)?;
        if !routed.leads_to(port) {
            return Err(Discard::TxLoop);
        }
        routed.reserve_link().map_err(|_| Discard::TxNoMemory)?;
        match dst {
            IpAddr::V4(_) => routed.local_out(net),
            IpAddr::V6(_) => routed.local_out6(net),
        }
        .map_err(|_| Discard::TxRefused)?;
        Ok(len)
    }
}

/// What the bundle does to a packet, in order.
fn steps<'a>(bundle: &'a Bundle<'_>) -> impl Iterator<Item = Step> + 'a {
    let marker = bundle.last().and_then(|sa| udp::marker_len(sa));
    bundle
        .iter()
        .filter_map(|sa| sa.fixed.xform.step(sa))
        .chain(marker.map(Step::Udp))
}

fn family(flow: &Flow) -> Family {
    Family::of(&flow.dst)
}

/// Tells the sender that policy forbids this (RFC 1812 5.2.7.1, RFC 4443 3.1).
fn reject(mut packet: Packet, flow: &Flow) {
    if flow.src.is_ipv4() {
        packet.icmp_error(ICMP_UNREACHABLE, ICMP_PROHIBITED, 0);
    } else {
        packet.icmpv6_error(ICMPV6_UNREACHABLE, ICMPV6_PROHIBITED, 0);
    }
}
