// SPDX-License-Identifier: GPL-2.0-only

//! From the wire to an ipsecN device.
//!
//! Context: softirq, under RCU, on many CPUs at once. A packet whose SAID is not in our database goes back to the native
//! stack as it came. What is ours is delivered, or freed under exactly one reason.

use crate::{
    device::IpsecDev,
    error::Discard,
    instance::Instance,
    kapi::net::{
        dev::Device,
        netns,
        proto::{Handler, Receiver},
        skbuff::{Packet, Skb},
    },
    sadb::{
        sa::{has_sequence, Sa},
        MAX_GROUP, SMALL_REFS,
    },
    sysctl::klips_debug,
    xform::{esp::Opened, ipip, Xform},
};
use core::net::IpAddr;
use kernel::sync::{
    rcu::{self, Guard},
    Arc,
};
use klips_core::{
    said::{SaProto, Said},
    wire::{
        esp::{self, EspHeader},
        ipv4::{self, Ipv4View},
    },
};

/// ESP over IPv4.
pub(crate) struct Esp4;

static ESP4: Handler<Esp4> = Handler::new();

impl Receiver for Esp4 {
    const PROTOCOL: u8 = 50;

    fn handler() -> &'static Handler<Self> {
        &ESP4
    }

    fn receive(mut skb: Skb) -> Result<(), Skb> {
        let guard = rcu::read_lock();
        let Some(ns) = skb
            .device()
            .and_then(|port| netns::instance::<Instance>(port.net(), &guard))
        else {
            return Err(skb);
        };
        let Some(sa) = find(ns, &mut skb, &guard) else {
            return Err(skb);
        };
        take(ns, sa, skb, &guard);
        Ok(())
    }
}

/// The SA that the packet names, if it is one of ours. Leaves the packet as it is.
fn find<'g>(ns: &'g Instance, skb: &mut Skb, guard: &'g Guard) -> Option<&'g Arc<Sa>> {
    let header = skb.peek::<{ esp::HEADER_LEN }>()?;
    let (header, _) = EspHeader::parse(&header).ok()?;
    let outer = ipv4::parse_header(skb.network_header()?).ok()?;
    let said = Said {
        dst: IpAddr::V4(outer.dst),
        spi: header.spi,
        proto: SaProto::Esp,
    };
    ns.sadb.get(&said, guard)
}

/// Takes a packet that is ours.
fn take(ns: &Instance, sa: &Arc<Sa>, skb: Skb, guard: &Guard) {
    let dev = skb.device().and_then(|port| ns.device_behind(port, guard));
    let Some(dev) = dev else {
        ns.discard(None, Discard::RxNoDevice);
        return;
    };
    dev.data().stats().arrived();
    let inbound = Inbound { ns, dev, guard };
    match inbound.run(sa, skb) {
        Ok(len) => dev.data().stats().received(len),
        Err(why) => {
            klips_debug!(ns, Rcv, "rcv: {}: discarded, {}", sa.said(), why.name());
            dev.data().discard(why);
        }
    }
}

/// What holds for one packet on its way in.
struct Inbound<'g> {
    ns: &'g Instance,
    dev: &'g Device<IpsecDev>,
    guard: &'g Guard,
}

impl<'g> Inbound<'g> {
    /// The stages. Returns the length of the inner packet, bytes.
    fn run(&self, sa: &'g Arc<Sa>, skb: Skb) -> Result<usize, Discard> {
        let mut packet = skb.into_packet().ok_or(Discard::RxNoMemory)?;
        let mut sa = sa;
        if self.checks_policy() && sa.prev().is_some() {
            // The group begins further out: its outer protection is missing.
            return Err(Discard::RxChainMismatch);
        }
        for _ in 0..MAX_GROUP {
            let view = ipv4::parse(packet.bytes()).map_err(|_| Discard::RxTruncated)?;
            let next_header = self.open(sa, &view, &mut packet)?;
            let next = sa.next.read(self.guard);
            if ipip::is_tunnelled(next_header) {
                return self.leave_tunnel(next, &view, packet);
            }
            match (next_header, next) {
                (Esp4::PROTOCOL, _) => sa = self.nested(&packet, next)?,
                (_, Some(_)) => return Err(Discard::RxIncompletePolicy),
                // Transport mode.
                (_, None) => return Err(Discard::RxNotSupported),
            }
        }
        Err(Discard::RxTooDeep)
    }

    fn checks_policy(&self) -> bool {
        self.ns.sysctl.inbound_policy_check()
    }

    /// Admits the packet to `sa`, verifies and decrypts it. Returns the protocol of what was inside.
    fn open(&self, sa: &Arc<Sa>, view: &Ipv4View, packet: &mut Packet) -> Result<u8, Discard> {
        klips_debug!(
            self.ns,
            Rcv,
            "rcv: {} from {} length {}",
            sa.said(),
            view.src,
            view.total_len
        );
        let payload = view.payload(packet.bytes());
        if payload.len() % 4 != 0 {
            return Err(Discard::RxBadLength);
        }
        let (header, _) = EspHeader::parse(payload).map_err(|_| Discard::RxTruncated)?;
        let Xform::Esp(esp) = &sa.fixed.xform else {
            return Err(Discard::RxSaNotMature);
        };
        if !sa.state().carries_traffic() {
            return Err(Discard::RxSaNotMature);
        }
        if self.checks_policy()
            && sa.fixed.src != IpAddr::V4(view.src)
            && !sa.fixed.src.is_unspecified()
        {
            return Err(Discard::RxSourceMismatch);
        }
        let (admitted, limit) =
            sa.begin_receive(has_sequence(sa.fixed.said.proto).then_some(header.seq));
        if let Some(limit) = limit {
            self.ns.report(sa, limit);
        }
        admitted?;
        let opened = esp
            .check_len(view.payload_len())
            .and_then(|()| esp.decap(packet, view, || sa.commit_receive(header.seq)));
        let opened = opened.inspect_err(|why| blame(sa, *why))?;
        self.account(sa, &opened, packet);
        Ok(opened.next_header)
    }

    fn account(&self, sa: &Arc<Sa>, opened: &Opened, packet: &Packet) {
        if !opened.pad_ok {
            sa.hot(|hot| hot.pad_errs = hot.pad_errs.saturating_add(1));
        }
        if let Some(limit) = sa.end_receive(packet.len()) {
            self.ns.report(sa, limit);
        }
    }

    /// The SA of an IPsec header inside the one just opened.
    fn nested(&self, packet: &Packet, next: Option<&Arc<Sa>>) -> Result<&'g Arc<Sa>, Discard> {
        let view = ipv4::parse(packet.bytes()).map_err(|_| Discard::RxBadHeader)?;
        let (header, _) =
            EspHeader::parse(view.payload(packet.bytes())).map_err(|_| Discard::RxTruncated)?;
        let said = Said {
            dst: IpAddr::V4(view.dst),
            spi: header.spi,
            proto: SaProto::Esp,
        };
        let sa = self.ns.sadb.get(&said, self.guard).ok_or(Discard::RxNoSa)?;
        if self.checks_policy() && !next.is_some_and(|next| Arc::ptr_eq(next, sa)) {
            return Err(Discard::RxChainMismatch);
        }
        Ok(sa)
    }

    /// Takes the packet out of its tunnel, if the group ends with an IPIP SA that allows it, and delivers it.
    fn leave_tunnel(
        &self,
        tunnel: Option<&Arc<Sa>>,
        outer: &Ipv4View,
        mut packet: Packet,
    ) -> Result<usize, Discard> {
        let tunnel = tunnel.ok_or(Discard::RxNoTunnelSa)?;
        if !matches!(tunnel.fixed.xform, Xform::Ipip) {
            return Err(Discard::RxIncompletePolicy);
        }
        if tunnel.next.is_some() {
            return Err(Discard::RxTunnelNotLast);
        }
        if self.checks_policy()
            && tunnel.fixed.src != IpAddr::V4(outer.src)
            && !tunnel.fixed.src.is_unspecified()
        {
            return Err(Discard::RxSourceMismatch);
        }
        let (admitted, limit) = tunnel.begin_receive(None);
        if let Some(limit) = limit {
            self.ns.report(tunnel, limit);
        }
        admitted?;
        let view = ipv4::parse(packet.bytes()).map_err(|_| Discard::RxBadHeader)?;
        let inner = ipip::decap(&mut packet, view.header_len, view.proto)?;
        if self.checks_policy() && !self.allows(tunnel, &inner.flow.src, &inner.flow.dst) {
            return Err(Discard::RxInnerMismatch);
        }
        let len = packet.len();
        if let Some(limit) = tunnel.end_receive(len) {
            self.ns.report(tunnel, limit);
        }
        if let Some(mark) = mark_of(tunnel.fixed.saref, packet.mark()) {
            packet.set_mark(mark);
        }
        packet
            .receive_on(self.dev.port(), inner.ethertype)
            .map_err(|_| Discard::RxNoMemory)?;
        Ok(len)
    }

    /// Whether the tunnel's policy allows the addresses; a tunnel without a policy allows all.
    fn allows(&self, tunnel: &Sa, src: &IpAddr, dst: &IpAddr) -> bool {
        tunnel
            .policy
            .read(self.guard)
            .is_none_or(|policy| policy.allows(src, dst))
    }
}

/// Notes on the SA what was wrong with a packet that named it.
fn blame(sa: &Sa, why: Discard) {
    sa.hot(|hot| match why {
        Discard::RxIcvFailed | Discard::RxNoIcv => hot.auth_errs = hot.auth_errs.saturating_add(1),
        Discard::RxDecryptFailed => hot.size_errs = hot.size_errs.saturating_add(1),
        _ => {}
    });
}

/// The mark of a packet that came out of the SA with this reference number: the number in bits 16 to 30, bit 31 to say
/// so, the lower half as it was. `None` if the number does not fit.
fn mark_of(saref: u32, mark: u32) -> Option<u32> {
    (saref <= SMALL_REFS).then_some(0x8000_0000 | saref << 16 | mark & 0xffff)
}
