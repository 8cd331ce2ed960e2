// SPDX-License-Identifier: GPL-2.0-only

//! The path of a packet, step by step, until something decides.

use std::net::IpAddr;

use klips_core::addr::Family;
use klips_core::eroute::{bypass, Key, Verdict};
use klips_core::plan::{plan, Step};
use klips_core::reason::Discard;
use klips_core::sa::alg;
use klips_core::said::{SaProto, Said, Shunt};
use klips_core::wire::flow::Flow;
use klips_core::wire::{ipv4, ipv6};

use super::world::World;
use crate::routes::Route;
use crate::tables::{ErouteRow, SaRow, TncfgRow};

/// What has been found out about a packet.
#[derive(Debug)]
pub(super) struct Path<'a> {
    pub(super) route: Option<&'a Route>,
    pub(super) device: Option<TncfgRow<'a>>,
    /// The route leads to the device's physical one, and the device catches what a policy is for.
    pub(super) caught: bool,
    pub(super) eroute: Option<ErouteRow>,
    /// The SAs from the innermost to the outermost, with their lines if they exist: those of the eroute's group, and of
    /// the groups that the eroutes of outer packets lead to.
    pub(super) sas: Vec<Member<'a>>,
    /// How many of them are the first group's.
    first_group: usize,
    /// The eroutes lead from group to group without end.
    endless: bool,
    pub(super) outer: Option<Outer<'a>>,
    pub(super) mtu: Option<Mtu>,
    pub(super) end: End,
}

/// An SA, with its line if it exists.
type Member<'a> = (Said, Option<SaRow<'a>>);

/// How many groups the kernel takes a packet through.
const MAX_GROUPS: usize = 4;

/// The protected packet's own way.
#[derive(Debug)]
pub(super) struct Outer<'a> {
    pub(super) src: Option<&'a str>,
    pub(super) dst: IpAddr,
    pub(super) route: Option<&'a Route>,
}

/// How long packets may be; all in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mtu {
    /// MTU of the physical device.
    pub(super) physical: usize,
    /// Headers that are added.
    pub(super) headers: usize,
    /// Padding, trailers and ICVs that are added to a packet of the largest length that fits.
    pub(super) trailers: usize,
    /// The longest packet that fits.
    pub(super) largest: usize,
    /// What senders of longer ones are told.
    pub(super) reported: usize,
}

/// What becomes of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No route leads to its destination.
    Unroutable,
    /// It does not come by an ipsecN device, and leaves in clear.
    Elsewhere,
    /// It comes by a device that catches, which has no use for it, and leaves in clear.
    Uncaught,
    /// It is discarded for this reason.
    Discarded(Discard),
    /// It is key management's own or protected already, and leaves in clear.
    Bypass,
    /// A shunt decides.
    Shunt(Shunt),
    /// It is protected.
    Protected,
}

impl End {
    /// One word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unroutable => "unroutable",
            Self::Elsewhere | Self::Uncaught => "clear",
            Self::Discarded(_) => "discard",
            Self::Bypass => "bypass",
            Self::Shunt(Shunt::Pass) => "pass",
            Self::Shunt(Shunt::Drop) => "drop",
            Self::Shunt(Shunt::Reject) => "reject",
            Self::Shunt(Shunt::Hold) => "hold",
            Self::Shunt(Shunt::Trap) => "trap",
            Self::Shunt(Shunt::TrapSubnet) => "trapsubnet",
            Self::Protected => "protect",
        }
    }

    /// What it means.
    pub(super) const fn why(self) -> &'static str {
        match self {
            Self::Unroutable => "the main routing table has no route to the destination",
            Self::Elsewhere => {
                "the route does not lead to an ipsecN device, so KLIPS never sees the packet: it leaves in clear, whatever \
                 the eroutes say"
            }
            Self::Uncaught => {
                "no eroute is for it, so the ipsecN device that catches leaves it alone: it leaves in clear"
            }
            Self::Discarded(reason) => reason.meaning(),
            Self::Bypass => {
                "IKE, ESP and AH of this host itself leave in clear, so that gateways can reach each other"
            }
            Self::Shunt(Shunt::Pass) => "the eroute lets it leave in clear",
            Self::Shunt(Shunt::Drop) => "the eroute has it discarded without a word",
            Self::Shunt(Shunt::Reject) => {
                "the eroute has it discarded, and its sender is told by ICMP that this is prohibited"
            }
            Self::Shunt(Shunt::Hold) => {
                "the first and the last packet are kept until the key daemon replaces the eroute"
            }
            Self::Shunt(Shunt::Trap) => {
                "the key daemon is asked for an SA, and the packet is kept under a %hold for its two addresses"
            }
            Self::Shunt(Shunt::TrapSubnet) => {
                "the key daemon is asked for an SA, and the eroute itself becomes a %hold that keeps the packet"
            }
            Self::Protected => "the packet goes through the SAs and leaves by the physical device",
        }
    }
}

impl<'a> Path<'a> {
    /// Follows a packet.
    pub(super) fn of(packet: &Key, world: &'a World) -> Self {
        let route = world.route(&packet.dst_addr());
        let routed = route.and_then(|route| world.device(&route.device));
        let device = routed.or_else(|| world.catching(&route?.device));
        let eroute = world.eroute(packet);
        let mut path = Self {
            route,
            device,
            caught: routed.is_none() && device.is_some(),
            eroute,
            sas: Vec::new(),
            first_group: 0,
            endless: false,
            outer: None,
            mtu: None,
            end: End::Protected,
        };
        path.collect(world);
        path.outer = path.outer(world);
        path.mtu = path.mtu(packet.family);
        path.end = path.end(packet, world);
        path
    }

    /// Finds the SAs: each outer packet is looked up again, as long as an SA of another host than it goes to takes it.
    fn collect(&mut self, world: &'a World) {
        let mut next = self.eroute.map(|row| row.said);
        for groups in 0..=MAX_GROUPS {
            let Some(said) = next else { break };
            if groups == MAX_GROUPS {
                self.endless = true;
                break;
            }
            self.sas.extend(sas(&said, world));
            if groups == 0 {
                self.first_group = self.sas.len();
            }
            next = self.beyond(world);
        }
    }

    /// The SA that takes the outer packet of the last one.
    fn beyond(&self, world: &World) -> Option<Said> {
        let (last, row) = self.sas.last()?;
        let src = row.as_ref()?.field("src")?.parse().ok()?;
        let outer = Key::new(&src, &last.dst, last.proto.ip_proto(), 0, 0)?;
        match Verdict::from(world.eroute(&outer)?.said) {
            Verdict::Protect(said) => Some(said).filter(|said| said.dst != last.dst),
            _ => None,
        }
    }

    /// What decides first.
    fn end(&self, packet: &Key, world: &World) -> End {
        let said = self.eroute.map(|row| row.said);
        match (self.route, self.device) {
            (None, _) => return End::Unroutable,
            (_, None) => return End::Elsewhere,
            (_, Some(device)) if device.physical.is_none() => {
                return End::Discarded(Discard::TxNotAttached);
            }
            _ => {}
        }
        if bypass(
            &flow(packet),
            said.map(|said| said.dst).as_ref(),
            world.src_is_local,
        ) {
            return End::Bypass;
        }
        match said.map(Verdict::from) {
            None if self.caught => End::Uncaught,
            None => End::Discarded(Discard::TxNoEroute),
            Some(Verdict::UnknownShunt) => End::Discarded(Discard::TxUnknownShunt),
            Some(Verdict::Shunt(shunt)) => End::Shunt(shunt),
            Some(Verdict::Protect(_)) if self.sas.iter().any(|(_, row)| row.is_none()) => {
                End::Discarded(Discard::TxNoSa)
            }
            Some(Verdict::Protect(_)) if self.endless || self.leads_back(world) => {
                End::Discarded(Discard::TxLoop)
            }
            Some(Verdict::Protect(_)) => End::Protected,
        }
    }

    /// Whether the protected packet would go into an ipsecN device again.
    fn leads_back(&self, world: &World) -> bool {
        let route = self.outer.as_ref().and_then(|outer| outer.route);
        route.is_some_and(|route| world.device(&route.device).is_some())
    }

    fn outer(&self, world: &'a World) -> Option<Outer<'a>> {
        let (said, row) = self.sas.last()?;
        Some(Outer {
            src: row.as_ref().and_then(|row| row.field("src")),
            dst: said.dst,
            route: world.route(&said.dst),
        })
    }

    /// How long packets may be; unknown if an SA of the group is missing or of a kind that cannot be planned.
    fn mtu(&self, family: Family) -> Option<Mtu> {
        let device = self.device.filter(|device| device.physical.is_some())?;
        let rows = self.sas.iter().map(|(_, row)| row.as_ref());
        let steps: Option<Vec<Step>> = rows.clone().map(|row| step(row?)).collect();
        let steps = steps.filter(|steps| !steps.is_empty())?;
        let udp: usize = rows.flatten().map(encapsulation).sum();
        let header_len = header_len(family);
        let physical = usize::try_from(device.physical_mtu).ok()?;
        let room = physical.checked_sub(udp)?;
        let planned = |len| plan(steps.iter().copied(), len, header_len, family).ok();
        let fits = |len: &usize| planned(*len).is_some_and(|plan| plan.total_len <= room);
        let largest = (header_len..=room).rev().find(fits)?;
        let plan = planned(largest)?;
        Some(Mtu {
            physical,
            headers: plan.headroom.saturating_add(udp),
            trailers: plan.tailroom,
            largest,
            reported: self.reported(&steps, physical, family, room)?,
        })
    }

    /// What senders are told: the kernel plans for the first group.
    fn reported(
        &self,
        steps: &[Step],
        physical: usize,
        family: Family,
        room: usize,
    ) -> Option<usize> {
        let first = steps.iter().copied().take(self.first_group);
        let plan = plan(first, physical, header_len(family), family).ok()?;
        Some(plan.inner_mtu(room))
    }
}

/// Length of an IP header without options or extension headers.
fn header_len(family: Family) -> usize {
    match family {
        Family::V4 => ipv4::HEADER_LEN,
        Family::V6 => ipv6::HEADER_LEN,
    }
}

/// The SAs of the group from the first on.
fn sas<'a>(first: &Said, world: &'a World) -> Vec<Member<'a>> {
    if first.proto == SaProto::Int {
        return Vec::new();
    }
    let group = world.known.group(first).unwrap_or_else(|| vec![*first]);
    group.iter().map(|said| (*said, world.sa(said))).collect()
}

/// What an SA adds to a packet.
fn step(row: &SaRow<'_>) -> Option<Step> {
    match row.said.proto {
        SaProto::Ipip => Some(Step::Ipip(Family::of(&row.said.dst))),
        SaProto::Esp => {
            let (enc, auth) = row.algorithm_numbers()?;
            let bits = |name| u16::try_from(row.number(name).unwrap_or(0)).ok();
            let suite = alg::suite(auth, enc, bits("aklen")?, bits("eklen")?).ok()?;
            Some(Step::Esp {
                iv_len: suite.iv_len,
                block: suite.block,
                icv_len: suite.icv_len,
            })
        }
        SaProto::Ah => {
            let (_, auth) = row.algorithm_numbers()?;
            let bits = u16::try_from(row.number("aklen").unwrap_or(0)).ok()?;
            Some(Step::Ah(alg::ah_suite(auth, bits).ok()?.icv_len))
        }
        SaProto::Comp => Some(Step::Comp),
        SaProto::Int => None,
    }
}

/// Bytes of UDP encapsulation.
fn encapsulation(row: &SaRow<'_>) -> usize {
    match row.field("natencap") {
        Some("nonesp") => 8,
        Some("nonike") => 16,
        _ => 0,
    }
}

/// The packet as the kernel classifies one.
fn flow(packet: &Key) -> Flow {
    Flow {
        src: packet.src_addr(),
        dst: packet.dst_addr(),
        proto: packet.proto,
        sport: packet.sport,
        dport: packet.dport,
        header_len: 0,
        len: 0,
        tos: 0,
        ttl: 64,
        df: true,
        first_fragment: true,
        is_fragment: false,
    }
}
