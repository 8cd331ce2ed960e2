// SPDX-License-Identifier: GPL-2.0-only

//! From the wire to an ipsecN device.
//!
//! Context: softirq, under RCU, on many CPUs at once. A packet whose SAID is not in our database goes back to the native
//! stack as it came. What is ours is delivered, or freed under exactly one reason.

mod alone;
mod early;
mod entry;
mod express;
mod header;
mod later;
mod leave;
mod policy;
mod spread;

pub(crate) use entry::{Ah, Esp};
pub(crate) use policy::inward;
pub(crate) use spread::Spread;

use crate::{
    device::IpsecDev,
    error::Discard,
    instance::Instance,
    kapi::{
        net::{
            dev::Device,
            proto::Carrier,
            skbuff::{Packet, Skb},
        },
        time,
    },
    sadb::{sa::Sa, MAX_GROUP},
    sysctl::klips_debug,
    xform::{
        comp,
        esp::Opened,
        high_half, ipip,
        udp::{self, Ports},
        Xform,
    },
};
use alone::note;
use core::net::IpAddr;
use early::arrival;
use header::{named, sequence};
use heapless::Vec;
use kernel::sync::{rcu::Guard, Arc};
use klips_core::{
    path::Passed,
    pfkey::types::natt_type,
    said::SaProto,
    wire::{
        comp::CPI_DEFLATE,
        ip::{self, IpView, Walk},
    },
};

const ESP: u8 = 50;
const AH: u8 = 51;
const COMP: u8 = 108;
const TCP: u8 = 6;

/// Takes a packet that is ours.
fn take(ns: &Instance, sa: &Arc<Sa>, skb: Skb, carrier: Carrier, guard: &Guard) {
    let dev = skb.device().and_then(|port| ns.device_behind(port, guard));
    match dev {
        Some(dev) => {
            let routes = skb.routed_by();
            let by = skb
                .device()
                .zip(routes)
                .map(|(port, routes)| arrival(port, routes));
            let by = by.filter(|_| carrier == Carrier::Ip);
            let inbound = Inbound::new(dev, guard).arriving(by);
            if inbound.take(sa, skb, carrier) {
                by.inspect(|by| sa.arrived(*by));
            }
        }
        None => ns.discard(None, Discard::RxNoDevice),
    }
}

/// Where a packet is on its way in.
#[derive(Clone, Copy)]
struct Progress {
    /// Its IP header in front of the SA's.
    view: IpView,
    /// Its sequence number, if the protocol has one.
    seq: Option<u64>,
    /// How many SAs it has been through.
    depth: usize,
    /// The UDP ports it came by, if this is the SA to notice.
    ports: Option<Ports>,
}

/// The SAs that a packet has come through, outermost first.
type Path = Vec<Passed, MAX_GROUP>;

/// What a packet turned out to hold.
enum Onward<'g> {
    /// A header of another SA.
    Nested(&'g Arc<Sa>, Packet),
    /// What the stack was given; bytes.
    Delivered(usize),
}

/// What holds for one packet on its way in.
struct Inbound<'g> {
    ns: &'g Instance,
    dev: &'g Device<IpsecDev>,
    guard: &'g Guard,
    /// Seconds of uptime.
    now: u64,
    /// How IPv4 brought it, if it did ([`early::arrival`]).
    by: Option<u64>,
}

impl<'g> Inbound<'g> {
    fn new(dev: &'g Device<IpsecDev>, guard: &'g Guard) -> Self {
        Self {
            ns: dev.data().instance(),
            dev,
            guard,
            now: time::uptime_secs(),
            by: None,
        }
    }

    /// The same for a packet that IPv4 brought.
    fn arriving(self, by: Option<u64>) -> Self {
        Self { by, ..self }
    }

    /// Takes a packet that came by `sa`. Whether it was good, as far as is known yet.
    fn take(&self, sa: &'g Arc<Sa>, skb: Skb, carrier: Carrier) -> bool {
        self.dev.data().stats().arrived();
        let done = self.run(sa, skb, carrier);
        let good = matches!(done, Ok(Some(_)));
        self.conclude(sa, done);
        good
    }

    /// Counts what became of a packet that came by `sa`; `None`: a cipher has it.
    fn conclude(&self, sa: &Sa, done: Result<Option<usize>, Discard>) {
        match done {
            Ok(Some(len)) => self.dev.data().stats().received(len),
            Ok(None) => {}
            Err(why) => {
                klips_debug!(
                    self.ns,
                    Rcv,
                    "rcv: {}: discarded, {}",
                    sa.said(),
                    why.name()
                );
                self.dev.data().discard(why);
            }
        }
    }

    /// The stages. Returns the length of the inner packet, bytes.
    fn run(&self, sa: &'g Arc<Sa>, skb: Skb, carrier: Carrier) -> Result<Option<usize>, Discard> {
        let mut packet = skb.into_packet().ok_or(Discard::RxNoMemory)?;
        if !sa.carries_traffic() {
            // A larval SA does not know yet how its packets come.
            return Err(Discard::RxSaNotMature);
        }
        if self.checks_policy() && sa.is_inner() {
            // The group begins further out: its outer protection is missing.
            return Err(Discard::RxChainMismatch);
        }
        let ports = match carrier {
            Carrier::Ip => None,
            Carrier::Udp => Some(udp::decap(&mut packet)?),
        };
        self.check_encapsulation(sa, ports.is_some())?;
        self.walk(sa, packet, 0, ports, &mut Path::new())
    }

    /// Takes the packet through `sa` and those inside of it, from this depth on.
    fn walk(
        &self,
        mut sa: &'g Arc<Sa>,
        mut packet: Packet,
        from: usize,
        ports: Option<Ports>,
        path: &mut Path,
    ) -> Result<Option<usize>, Discard> {
        for depth in from..MAX_GROUP {
            let view = ip::parse(packet.bytes(), Walk::Find).map_err(|_| Discard::RxTruncated)?;
            let seq = self.admit(sa, &view, &packet)?;
            let ports = ports.filter(|_| depth == 0);
            let at = Progress {
                view,
                seq,
                depth,
                ports,
            };
            let elsewhere = sa.fixed.xform.waits().or_else(|| spread::of(sa));
            let next_header = match elsewhere {
                None => self.open(sa, &at, &mut packet),
                Some(esp) => match self.submit(esp, sa, &at, path, packet)? {
                    None => return Ok(None),
                    Some((back, opened)) => {
                        packet = back;
                        opened
                    }
                },
            }
            .inspect_err(|why| blame(sa, *why))?;
            match self.onward(sa, &at, path, next_header, packet)? {
                Onward::Nested(inner, rest) => (sa, packet) = (inner, rest),
                Onward::Delivered(len) => return Ok(Some(len)),
            }
        }
        Err(Discard::RxTooDeep)
    }

    /// Sees what was inside of a packet that `sa` has opened and accounted for.
    fn onward(
        &self,
        sa: &'g Arc<Sa>,
        at: &Progress,
        path: &mut Path,
        next_header: u8,
        mut packet: Packet,
    ) -> Result<Onward<'g>, Discard> {
        if let Some(ports) = at.ports {
            self.follow_peer(sa, ports);
        }
        if sa.is_linux() {
            return self.beyond(sa, at, path, next_header, packet);
        }
        let view = &at.view;
        let next = skip_optional(sa.next.read(self.guard), next_header, view, self.guard);
        let in_tunnel = ipip::is_tunnelled(next_header);
        note(path, sa, view, in_tunnel)?;
        if in_tunnel {
            let tunnel = next.ok_or(Discard::RxNoTunnelSa)?;
            let inner = self.untunnel(
                tunnel,
                &view.src,
                view.header_len,
                view.tos,
                next_header,
                &mut packet,
            )?;
            self.judge(&inner.flow, packet.bytes(), path, false)?;
            let len = self.deliver(tunnel, packet, inner.ethertype, inner.proto())?;
            return Ok(Onward::Delivered(len));
        }
        match (next_header, next) {
            (ESP | AH | COMP, _) => {
                let header = packet.bytes().get(view.header_len..).unwrap_or(&[]);
                let inner = self.nested(&view.dst, next_header, header, next)?;
                Ok(Onward::Nested(inner, packet))
            }
            (_, Some(_)) => Err(Discard::RxIncompletePolicy),
            (_, None) => self
                .leave_transport(sa, view, path, packet)
                .map(Onward::Delivered),
        }
    }

    fn checks_policy(&self) -> bool {
        self.ns.sysctl.inbound_policy_check()
    }

    /// Whether the packet came in UDP if, and only if, its SA says so.
    fn check_encapsulation(&self, sa: &Sa, in_udp: bool) -> Result<(), Discard> {
        let wanted = sa.fixed.nat_kind != natt_type::NONE;
        if self.checks_policy() && wanted != in_udp {
            return Err(Discard::RxEncapMismatch);
        }
        Ok(())
    }

    /// Has key daemons told when an authentic packet shows that its sender has moved to another port.
    fn follow_peer(&self, sa: &Arc<Sa>, ports: Ports) {
        if sa.nat_ports().0 != ports.src && sa.fixed.nat_kind != natt_type::NONE {
            self.ns.report_moved(sa, ports.src);
        }
    }

    /// Whether the packet may go to `sa`, as far as one can tell before its ICV verified. Returns its sequence number.
    fn admit(&self, sa: &Arc<Sa>, view: &IpView, packet: &Packet) -> Result<Option<u64>, Discard> {
        klips_debug!(
            self.ns,
            Rcv,
            "rcv: {} from {} length {}",
            sa.said(),
            view.src,
            view.total_len
        );
        let shown = sequence(sa, view.payload(packet.bytes()))?;
        if !sa.carries_traffic() {
            return Err(Discard::RxSaNotMature);
        }
        self.check_source(sa, &view.src)?;
        let (admitted, limit) = sa.begin_receive(shown, self.now);
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        admitted
    }

    /// Whether the outer source is that of the SA, if it has one.
    #[inline(always)]
    fn check_source(&self, sa: &Sa, src: &IpAddr) -> Result<(), Discard> {
        let any = sa.fixed.src.is_unspecified();
        if self.checks_policy() && sa.fixed.src != *src && !any {
            return Err(Discard::RxSourceMismatch);
        }
        Ok(())
    }

    fn account(&self, sa: &Arc<Sa>, len: usize) {
        if let Some(limit) = sa.end_receive(len, self.now) {
            self.ns.report(sa, limit);
        }
    }

    /// Verifies and decrypts the packet, and accounts for it. Returns the protocol of what was inside.
    fn open(&self, sa: &Arc<Sa>, at: &Progress, packet: &mut Packet) -> Result<u8, Discard> {
        let commit = || at.seq.map_or(Ok(()), |seq| sa.commit_receive(seq));
        let high = high_half(at.seq.unwrap_or(0));
        let next_header = match &sa.fixed.xform {
            Xform::Esp(esp) => {
                esp.check_len(at.view.payload_len())?;
                let opened =
                    esp.decap(sa, packet, &at.view, high, |len| self.commit(sa, at, len))?;
                return Ok(note_padding(sa, &opened));
            }
            Xform::Ah(ah) => ah.decap(packet, &at.view, high, commit)?,
            Xform::Comp(comp) => comp.decap(packet, &at.view)?,
            Xform::None | Xform::Ipip => return Err(Discard::RxSaNotMature),
        };
        self.account(sa, packet.len());
        Ok(next_header)
    }

    /// Records an authentic packet of ESP; with `len`, the length that it has now, accounts for it too.
    fn commit(&self, sa: &Arc<Sa>, at: &Progress, len: Option<usize>) -> Result<(), Discard> {
        let (Some(seq), Some(len)) = (at.seq, len) else {
            return at.seq.map_or(Ok(()), |seq| sa.commit_receive(seq));
        };
        self.record(sa, seq, len)
    }

    /// Records an authentic packet of `len` bytes inside, and accounts for it.
    #[inline]
    fn record(&self, sa: &Arc<Sa>, seq: u64, len: usize) -> Result<(), Discard> {
        let (recorded, limit) = sa.receive(seq, len, self.now);
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        self.weigh_now_and_then(sa, seq);
        recorded
    }

    /// The SA of the group's next header inside the one just opened, a header of `proto`.
    fn nested(
        &self,
        dst: &IpAddr,
        proto: u8,
        header: &[u8],
        next: Option<&'g Arc<Sa>>,
    ) -> Result<&'g Arc<Sa>, Discard> {
        let said = named(dst, proto, header)?;
        // The SPI of an IPComp SA may have more bits than a CPI, and deflate has a number of its own.
        let is_it = |sa: &Sa| {
            let cpi = u32::from(comp::cpi_of(sa)) == said.spi || u32::from(CPI_DEFLATE) == said.spi;
            said.proto == SaProto::Comp && matches!(sa.fixed.xform, Xform::Comp(_)) && cpi
        };
        if let Some(next) = next.filter(|next| is_it(next)) {
            return Ok(next);
        }
        let sa = self.ns.sadb.get(&said, self.guard).ok_or(Discard::RxNoSa)?;
        if self.checks_policy() && !next.is_some_and(|next| Arc::ptr_eq(next, sa)) {
            return Err(Discard::RxChainMismatch);
        }
        Ok(sa)
    }
}

/// Counts bad padding on the SA. Returns the protocol of what was inside.
fn note_padding(sa: &Sa, opened: &Opened) -> u8 {
    if !opened.pad_ok {
        sa.faults.padding.add();
    }
    opened.next_header
}

/// The next SA of the group; an IPComp SA is passed over if the sender left the packet uncompressed, as it may.
fn skip_optional<'g>(
    next: Option<&'g Arc<Sa>>,
    next_header: u8,
    view: &IpView,
    guard: &'g Guard,
) -> Option<&'g Arc<Sa>> {
    let sa = next?;
    match &sa.fixed.xform {
        Xform::Comp(comp) if next_header != COMP => {
            comp.count(view.payload_len(), view.payload_len());
            sa.next.read(guard)
        }
        _ => next,
    }
}

/// Notes on the SA what was wrong with a packet that named it.
fn blame(sa: &Sa, why: Discard) {
    match why {
        Discard::RxIcvFailed | Discard::RxNoIcv => sa.faults.icv.add(),
        Discard::RxDecryptFailed => sa.faults.size.add(),
        _ => {}
    }
}
