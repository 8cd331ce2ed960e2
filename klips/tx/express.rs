// SPDX-License-Identifier: GPL-2.0-only

//! The short way: a packet whose flow's last one went through one tunnel and one ESP SA goes after it, if it may.
//!
//! It may if everything that the long way would have found out for it is known ([`crate::flows`]) and if nothing is to be
//! done that the short way does not do: it needs no fragments, nobody is to be told of an MTU, its route counts still, and it
//! is plain ([`klips_core::wire::plain`]): no options, no fragment, a hop left. The SAs are asked as on the long way.

use super::{mtu::MIN_PATH_MTU, Decision, Outbound, Sent, ESP};
use crate::{
    error::Discard,
    flows::{By, Found, Way},
    kapi::{
        net::{
            route::{self, Path},
            skbuff::Packet,
        },
        time,
    },
    sadb::{
        sa::{Idents, Numbers, Sa},
        Bundle, Sadb,
    },
    sysctl::{klips_debug, OuterDf},
    xform::{ipip::OUTER_TTL, udp, Xform},
};
use core::net::IpAddr;
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    eroute::{is_ike_or_ipsec, Key, Verdict},
    plan::{Plan, MAX_OUTER_LEN},
    said::Said,
    wire::{
        flow::Flow,
        ipv4::{self, Template},
        plain::Plain,
    },
};

/// What the short way leaves to the long one.
pub(super) type LongWay = Packet;

/// How a packet can go the way of its flow.
struct Fit {
    /// The room that it needs.
    plan: Plan,
    /// Its outer header gets DF.
    df: bool,
    /// It goes straight to the neighbour.
    direct: bool,
}

impl<'g> Outbound<'g> {
    /// Sends a plain packet the way of its flow, or hands it back.
    #[inline]
    pub(super) fn express(
        &self,
        plain: &Plain,
        mut packet: Packet,
    ) -> Result<Result<Sent, Discard>, LongWay> {
        let Some((way, path)) = self.find_path(plain) else {
            return Err(packet);
        };
        let Some(fit) = self.fits_way(way, path, plain) else {
            return Err(packet);
        };
        packet.trim(plain.len);
        Ok(self.follow(way, plain, &fit, packet).map(Sent::Bytes))
    }

    /// The way of the packet's flow, and how it goes on. For the segments of one packet the route is looked at once.
    #[inline]
    fn find_path(&self, plain: &Plain) -> Option<(&'g Way, Path)> {
        let trodden = self.trodden.get();
        if let Some(known) = trodden.filter(|(way, _)| self.ns.flows.is_way_of(way, &plain.id)) {
            return Some(known);
        }
        let way = self.ns.flows.find(&plain.id, self.guard)?;
        let port = self.phys.port();
        let path = way.found.route.path(self.dev.port().net(), port);
        let Some(path) = path.filter(|_| way.found.hides_tos == self.ns.sysctl.hide_tos()) else {
            self.ns.flows.forget(way);
            return None;
        };
        self.trodden.set(Some((way, path)));
        Some((way, path))
    }

    /// How the packet can go this way as it is.
    #[inline]
    fn fits_way(&self, way: &Way, path: Path, plain: &Plain) -> Option<Fit> {
        let plan = way.plan(way.esp()?, plain.len);
        let df = match self.ns.sysctl.df() {
            OuterDf::Clear => false,
            OuterDf::Set => true,
            OuterDf::Copy => plain.df,
        };
        let mtu = path.mtu.min(self.phys.port().mtu() as usize);
        if plan.total_len > mtu.min(MAX_OUTER_LEN) {
            return None;
        }
        // Its sender may have to be told of an MTU that is smaller than what fits.
        let tells = plain.df && (df || self.ns.sysctl.icmp());
        let small = plan.total_len <= MIN_PATH_MTU || plain.len <= plan.inner_mtu(mtu);
        (!tells || small).then_some(Fit {
            plan,
            df,
            direct: path.direct,
        })
    }

    /// Does to the packet what the way says. Returns the length of the outer packet, bytes.
    fn follow(
        &self,
        way: &Way,
        plain: &Plain,
        fit: &Fit,
        mut packet: Packet,
    ) -> Result<usize, Discard> {
        let plan = &fit.plan;
        if !way.found.sa.carries_traffic() {
            return Err(Discard::TxSaNotMature);
        }
        way.found.by.hit();
        packet
            .grow(plan.headroom, plan.tailroom, self.phys.link_reserve())
            .map_err(|_| Discard::TxNoMemory)?;
        let now = time::uptime_secs();
        self.count(&way.found.tunnel, plain.len + ipv4::HEADER_LEN, now)?;
        let Numbers { seq, ident } = self.number(&way.found.sa, plan.total_len, now)?;
        let ident = ident.unwrap_or_else(|| self.first_ident(way));
        let tos = if way.found.hides_tos { 0 } else { plain.tos };
        let total_len = u16::try_from(plan.total_len).map_err(|_| Discard::TxTooBig)?;
        way.found
            .template
            .write(packet.bytes_mut(), tos, total_len, ident, fit.df)
            .map_err(|_| Discard::TxBadBundle)?;
        let esp = way.esp().ok_or(Discard::TxBadBundle)?;
        esp.seal(
            &way.found.sa,
            seq,
            &mut packet,
            ipv4::HEADER_LEN,
            way.found.next_header,
            plan.tailroom,
        )?;
        self.send_off(way, fit.direct, packet)
    }

    /// The next number of an SA for a packet that will have `len` bytes behind it, as on the long way.
    fn number(&self, sa: &Arc<Sa>, len: usize, now: u64) -> Result<Numbers, Discard> {
        let (numbers, limit) = sa.send(len, now);
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        numbers
    }

    /// The first of some identifications, of which the others are set aside for the packets behind this one.
    #[cold]
    fn first_ident(&self, way: &Way) -> u16 {
        const BLOCK: u16 = 32;
        let (net, outer) = (self.dev.port().net(), &way.found.template);
        // Of the numbers that the long way takes too, where the header is a tunnel's yet.
        let proto = way.found.next_header;
        let first = route::reserve_idents(net, outer.src(), outer.dst(), proto, BLOCK);
        way.found.sa.keep_idents(Idents {
            next: first.wrapping_add(1),
            left: BLOCK - 1,
        });
        first
    }

    /// Counts a packet that goes through a tunnel, which has no numbers, as on the long way.
    fn count(&self, tunnel: &Arc<Sa>, len: usize, now: u64) -> Result<(), Discard> {
        let (sent, limit) = tunnel.send_unnumbered(len, now);
        if let Some(limit) = limit {
            self.ns.report(tunnel, limit);
        }
        sent
    }

    /// Sends the outer packet by the way's route.
    fn send_off(&self, way: &Way, direct: bool, packet: Packet) -> Result<usize, Discard> {
        let len = packet.len();
        klips_debug!(
            self.ns,
            Xmit,
            "emit: {} -> {} proto {ESP} length {len}",
            way.found.template.src(),
            way.found.template.dst()
        );
        packet
            .send_by(self.dev.port().net(), &way.found.route, direct, self.guard)
            .map_err(|_| Discard::TxRefused)?;
        Ok(len)
    }

    /// Remembers the way of a packet that takes the long one, if later packets of its flow may take the short one. `epoch`
    /// began before anything was looked up for it.
    pub(super) fn learn(&self, plain: &Plain, epoch: u64, flow: &Flow, decision: &Decision<'_>) {
        // Whether key management is this host's own may change without an epoch.
        if is_ike_or_ipsec(flow) || !self.ns.flows.wants_way(&plain.id, self.guard) {
            return;
        }
        if let Some(found) = self.find_way(flow, decision) {
            self.ns.flows.remember(plain.id, epoch, found);
        }
    }

    /// The way of a flow, if it is one of those that the short way can take.
    fn find_way(&self, flow: &Flow, decision: &Decision<'_>) -> Option<Found> {
        let (bundle, by) = self.bundle_of(flow, decision)?;
        let [tunnel, sa] = bundle.as_slice() else {
            return None;
        };
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (tunnel.fixed.src, tunnel.fixed.said.dst) else {
            return None;
        };
        let simple = matches!(tunnel.fixed.xform, Xform::Ipip)
            && matches!(&sa.fixed.xform, Xform::Esp(esp) if !esp.is_async())
            && udp::marker_len(sa).is_none();
        if !simple || matches!(by, By::Eroute(_)) && self.leads_on(src.into(), dst.into()) {
            return None;
        }
        let hides_tos = self.ns.sysctl.hide_tos();
        let tos = if hides_tos { 0 } else { flow.tos };
        let port = self.phys.port();
        let route = route::Route::v4(self.dev.port().net(), src, dst, tos, ESP, port).ok()?;
        route.leads_to(port).then(|| Found {
            by,
            tunnel: (*tunnel).clone(),
            sa: (*sa).clone(),
            template: Template::new(src, dst, OUTER_TTL, ESP),
            next_header: if flow.src.is_ipv4() { 4 } else { 41 },
            hides_tos,
            route,
        })
    }

    fn bundle_of<'a>(
        &'a self,
        flow: &Flow,
        decision: &'a Decision<'_>,
    ) -> Option<(Bundle<'a>, By)> {
        match decision {
            Decision::Eroute(eroute) => {
                let Verdict::Protect(said) = Verdict::from(eroute.spec.said) else {
                    return None;
                };
                let sa = self.ns.sadb.get(&said, self.guard)?;
                let bundle = Sadb::bundle(sa, self.guard)?;
                Some((bundle, By::Eroute(Arc::clone(eroute))))
            }
            Decision::Policy(policy) => {
                let bundle = self.bundle_by(policy, flow)?;
                Some((bundle, By::Policy(Arc::clone(policy))))
            }
            Decision::Bypass => None,
        }
    }

    /// Whether ESP packets between these addresses have an eroute of their own that leads on.
    fn leads_on(&self, src: IpAddr, dst: IpAddr) -> bool {
        let key = Key::host_to_host(src, dst, ESP);
        let eroute = self.ns.eroutes.lookup(&key, self.guard);
        let verdict = eroute.map(|eroute| Verdict::from(eroute.spec.said));
        matches!(verdict, Some(Verdict::Protect(Said { dst: end, .. })) if end != dst)
    }
}
