// SPDX-License-Identifier: GPL-2.0-only

//! From an ipsecN device to the wire.
//!
//! Context: softirq or bottom halves disabled, under RCU, on many CPUs at once. Each stage consumes the packet and hands it
//! on; a packet that a stage refuses is freed there, under exactly one reason.

mod express;
mod later;
mod leave;
mod mtu;
pub(crate) mod policy;
mod shunt;
pub(crate) mod templates;

use crate::{
    device::{Attachment, IpsecDev},
    error::Discard,
    flows,
    instance::Instance,
    kapi::net::{
        dev::Device,
        route,
        skbuff::{Packet, Skb},
    },
    sadb::{sa::Sa, Bundle, Sadb},
    sysctl::klips_debug,
    xform::{udp, Outer, Xform},
};
use core::{cell::Cell, net::IpAddr};
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    addr::Family,
    eroute::{Key, Verdict},
    plan::{self, Plan, Step},
    said::Said,
    spd,
    wire::{
        flow::{self, Flow},
        ip::{self, Walk},
        ipv4, plain,
    },
};
use mtu::Way;
use policy::Decision;

const TCP: u8 = 6;
const ESP: u8 = 50;
const ICMP_UNREACHABLE: u8 = 3;

/// How often a packet is looked up again because its hold ended under it.
const MAX_DECISIONS: usize = 4;

/// How many groups a packet goes through at most, each because of the eroute for the outer packet of the one before.
const MAX_GROUPS: usize = 4;

/// Takes a packet that the stack gave to an ipsecN device.
///
/// That may be a large one, whose segments go one after the other, and mostly the way of the first.
pub(crate) fn transmit(dev: &Device<IpsecDev>, skb: Skb, guard: &Guard) {
    // Asked first, as not every segment has its socket still.
    let exempt = skb.is_exempt();
    let ready = Outbound::new(dev, guard).and_then(|out| {
        let segments = skb.segments().ok_or(Discard::TxNoMemory)?;
        Ok((out, segments))
    });
    match ready {
        Ok((out, segments)) => segments.for_each(|skb| conclude(dev, out.run(skb, exempt))),
        Err(why) => conclude(dev, Err(why)),
    }
}

/// Counts what became of a packet.
fn conclude(dev: &Device<IpsecDev>, done: Result<Sent, Discard>) {
    let data = dev.data();
    match done {
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
    /// It waits for its policy, or for a cipher.
    Later,
}

/// What sends a packet through a bundle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// An eroute: the bundle is a group.
    Eroute,
    /// A policy of the Linux dialect.
    Policy,
}

/// How far a packet has come.
#[derive(Clone, Copy)]
struct Progress {
    by: By,
    /// Its group.
    group: usize,
    /// SAs of its bundle that are still to come.
    left: usize,
    /// What tunnels show.
    outer: Outer,
}

/// What holds for one packet on its way out.
struct Outbound<'g> {
    ns: &'g Instance,
    dev: &'g Device<IpsecDev>,
    phys: &'g Attachment,
    guard: &'g Guard,
    /// The way of the packet before, if it took the short one, and how that goes on.
    trodden: Cell<Option<(&'g flows::Way, route::Path)>>,
}

impl<'g> Outbound<'g> {
    fn new(dev: &'g Device<IpsecDev>, guard: &'g Guard) -> Result<Self, Discard> {
        let phys = dev.data().attachment(guard).ok_or(Discard::TxNotAttached)?;
        Ok(Self {
            ns: dev.data().instance(),
            dev,
            phys,
            guard,
            trodden: Cell::new(None),
        })
    }

    /// The stages.
    fn run(&self, skb: Skb, exempt: bool) -> Result<Sent, Discard> {
        let mut packet = skb.into_packet().ok_or(Discard::TxNoMemory)?;
        let epoch = self.ns.yard.epoch();
        let plain = self.plain(packet.bytes()).filter(|_| !exempt);
        if let Some(plain) = &plain {
            packet = match self.express(plain, packet) {
                Ok(done) => return done,
                Err(packet) => packet,
            };
        }
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
            let decision = self.decide(&flow, packet.bytes())?;
            if let Some(plain) = &plain {
                self.learn(plain, epoch, &flow, &decision);
            }
            packet = match decision {
                Decision::Bypass => return self.pass(packet, &flow).map(Sent::Bytes),
                Decision::Eroute(eroute) => match Verdict::from(eroute.spec.said) {
                    Verdict::Protect(said) => return self.protect_all(packet, flow, said),
                    Verdict::Shunt(shunt) => match self.shunt(shunt, eroute, packet, &flow)? {
                        Ok(sent) => return Ok(sent),
                        Err(packet) => packet,
                    },
                    Verdict::UnknownShunt => return Err(Discard::TxUnknownShunt),
                },
                Decision::Policy(policy) => return self.apply(policy, packet, &flow),
            };
        }
        Err(Discard::TxHeld)
    }

    /// The flow of a plain packet that comes to this device.
    #[inline]
    fn plain(&self, packet: &[u8]) -> Option<plain::Plain> {
        let number = u16::try_from(self.dev.data().number()).ok()?;
        let mut plain = plain::parse(packet)?;
        plain.id = plain.id.by_way(number);
        Some(plain)
    }

    /// What the policies say. None means drop.
    fn decide(&self, flow: &Flow, packet: &[u8]) -> Result<Decision<'g>, Discard> {
        let net = self.dev.port().net();
        let key = spd::key(flow, packet);
        let decision = policy::decide(self.ns, net, flow, &key, self.guard);
        let decision = decision.ok_or(Discard::TxNoEroute)?;
        decision.hit();
        Ok(decision)
    }

    /// Sends the packet through the group that starts with `said`, and then through those that its outer packets lead to.
    fn protect_all(&self, packet: Packet, flow: Flow, said: Said) -> Result<Sent, Discard> {
        self.go_on(0, packet, Some((flow, said)))
    }

    /// Sends a packet that has been through `groups` groups through the one that it leads to, if any, and those after it.
    fn go_on(
        &self,
        groups: usize,
        mut packet: Packet,
        mut leads_to: Option<(Flow, Said)>,
    ) -> Result<Sent, Discard> {
        for group in groups..MAX_GROUPS {
            let Some((flow, said)) = leads_to else {
                break;
            };
            let sa = self.ns.sadb.get(&said, self.guard).ok_or(Discard::TxNoSa)?;
            let bundle = Sadb::bundle(sa, self.guard).ok_or(Discard::TxBadBundle)?;
            packet = match self.protect(packet, &flow, &bundle, By::Eroute, group)? {
                Some(packet) => packet,
                None => return Ok(Sent::Later),
            };
            leads_to = self.lookup_outer(&packet)?;
        }
        match leads_to {
            None => self.emit(packet).map(Sent::Bytes),
            Some(_) => Err(Discard::TxLoop),
        }
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

    /// Takes the packet through a bundle, the packet's `group`th. `None`: a cipher has it.
    fn protect(
        &self,
        mut packet: Packet,
        flow: &Flow,
        bundle: &Bundle<'_>,
        by: By,
        group: usize,
    ) -> Result<Option<Packet>, Discard> {
        let is_tunnel = |sa: &&Arc<Sa>| matches!(sa.fixed.xform, Xform::Ipip);
        let tunnelled = bundle.first().is_some_and(is_tunnel);
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
        let plan = Self::plan(bundle, flow, header_len)?;
        // Only the first group's packets have a sender to be told; the others' is this host. In transport mode only TCP is:
        // it makes its segments shorter, where a datagram would come back in fragments.
        let way = Way {
            bundle,
            plan: &plan,
            header_len,
            tunnelled,
            tells: group == 0 && (tunnelled || flow.proto == TCP),
        };
        let df = self.fit(&mut packet, flow, &way)?;
        if !bundle.iter().any(is_tunnel) {
            redirect(bundle.last().copied(), flow, &mut packet)?;
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
        let at = Progress {
            by,
            group,
            left: bundle.len(),
            outer: Outer { tos, df },
        };
        let Some(mut packet) = self.encap(bundle, at, packet)? else {
            return Ok(None);
        };
        wrap(bundle.last().copied(), &mut packet)?;
        Ok(Some(packet))
    }

    fn plan(bundle: &Bundle<'_>, flow: &Flow, header_len: usize) -> Result<Plan, Discard> {
        // Any SA that cannot take the packet refuses it before the first one has spent a sequence number on it.
        for sa in bundle {
            if !sa.carries_traffic() {
                return Err(Discard::TxSaNotMature);
            }
            if sa.fixed.xform.step(sa).is_none() {
                return Err(Discard::TxBadBundle);
            }
        }
        plan::plan(steps(bundle), flow.len, header_len, family(flow))
    }

    /// Runs the packet through every SA of the bundle, inner to outer. `None`: a cipher has it.
    fn encap(
        &self,
        bundle: &Bundle<'_>,
        mut at: Progress,
        mut packet: Packet,
    ) -> Result<Option<Packet>, Discard> {
        let mut rest = bundle.as_slice();
        while let Some((sa, behind)) = rest.split_first() {
            rest = behind;
            at.left = behind.len();
            let (seq, limit) = sa.begin_send();
            if let Some(limit) = limit {
                self.ns.report(sa, limit);
            }
            let seq = seq?;
            match sa.fixed.xform.waits() {
                None => sa.fixed.xform.encap(sa, seq, at.outer, &mut packet)?,
                Some(esp) => match self.submit(esp, sa, seq, at, behind, packet)? {
                    Some(back) => packet = back,
                    None => return Ok(None),
                },
            }
            if matches!(sa.fixed.xform, Xform::Ipip) {
                self.identify(&mut packet)?;
            }
            sa.count(packet.len());
        }
        Ok(Some(packet))
    }

    /// Gives a fresh IPv4 header its identification: now, as AH authenticates it, and a further group may take it inside.
    fn identify(&self, packet: &mut Packet) -> Result<(), Discard> {
        if packet.select_ident(self.dev.port().net()) {
            ipv4::renew_checksum(packet.bytes_mut()).map_err(|_| Discard::TxBadBundle)?;
        }
        Ok(())
    }
}

/// Addresses a packet in transport mode to where its SA ends, if that is behind address translation: what is sent to the
/// peer's own address, which its checksums are about, goes to the one that the world knows.
fn redirect(last: Option<&Arc<Sa>>, flow: &Flow, packet: &mut Packet) -> Result<(), Discard> {
    match last.map(|sa| (sa.fixed.said.dst, udp::marker_len(sa))) {
        Some((IpAddr::V4(dst), Some(_))) if flow.dst.is_ipv4() && flow.dst != dst => {
            ipv4::set_dst(packet.bytes_mut(), dst).map_err(|_| Discard::TxBadInnerHeader)
        }
        _ => Ok(()),
    }
}

/// Puts the packet into UDP if the last SA that it went through wants that.
fn wrap(last: Option<&Arc<Sa>>, packet: &mut Packet) -> Result<(), Discard> {
    match last.and_then(|sa| Some((sa, udp::marker_len(sa)?))) {
        Some((sa, marker)) => udp::encap(sa, marker, packet),
        None => Ok(()),
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
