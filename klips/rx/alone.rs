// SPDX-License-Identifier: GPL-2.0-only

//! SAs of the Linux dialect, which stand alone: what is inside of one names the next itself, and where the packet has been
//! is judged when it is out of the last.

use super::{header::named, Inbound, Onward, Path, Progress, AH, COMP, ESP};
use crate::{
    error::Discard,
    kapi::net::skbuff::Packet,
    sadb::{sa::Sa, Need},
    xform::ipip,
};
use core::net::IpAddr;
use kernel::sync::Arc;
use klips_core::{path::Passed, pfkey::linux::Mode, said::SaProto, wire::ip::IpView};

/// Notes that a packet came through `sa`; `tunnel`: that it left one there.
pub(super) fn note(path: &mut Path, sa: &Sa, view: &IpView, tunnel: bool) -> Result<(), Discard> {
    let src = sa.fixed.src;
    let passed = Passed {
        proto: sa.said().proto.ip_proto(),
        tunnel,
        reqid: sa.reqid(),
        src: if src.is_unspecified() { view.src } else { src },
        dst: sa.said().dst,
    };
    path.push(passed).map_err(|_| Discard::RxTooDeep)
}

impl<'g> Inbound<'g> {
    /// What is inside of `sa`, which has opened the packet.
    pub(super) fn beyond(
        &self,
        sa: &'g Arc<Sa>,
        at: &Progress,
        path: &mut Path,
        next_header: u8,
        packet: Packet,
    ) -> Result<Onward<'g>, Discard> {
        let view = &at.view;
        let in_tunnel = ipip::is_tunnelled(next_header);
        if let Some(tunnel) = sa.tunnel().filter(|_| in_tunnel) {
            note(path, sa, view, true)?;
            return self.leave_own_tunnel(tunnel, at, path, next_header, packet);
        }
        if sa.mode() == Some(Mode::Tunnel) {
            return Err(Discard::RxIncompletePolicy);
        }
        note(path, sa, view, false)?;
        if in_tunnel {
            if let Some(comp) = self.left_out(view) {
                note(path, comp, view, true)?;
                let tunnel = comp.tunnel().ok_or(Discard::RxNoTunnelSa)?;
                return self.leave_own_tunnel(tunnel, at, path, next_header, packet);
            }
        }
        if matches!(next_header, ESP | AH | COMP) {
            let header = packet.bytes().get(view.header_len..).unwrap_or(&[]);
            let said = named(&view.dst, next_header, header)?;
            let inner = self.ns.sadb.get(&said, self.guard).ok_or(Discard::RxNoSa)?;
            if self.checks_policy() && !inner.is_linux() {
                return Err(Discard::RxChainMismatch);
            }
            return Ok(Onward::Nested(inner, packet));
        }
        self.leave_transport(sa, view, path, packet)
            .map(Onward::Delivered)
    }

    /// The IPComp SA of a tunnel whose sender has left this packet uncompressed, as it may: of it there is no trace then.
    fn left_out(&self, view: &IpView) -> Option<&'g Arc<Sa>> {
        let need = Need {
            dst: view.dst,
            src: view.src,
            proto: SaProto::Comp,
            mode: Mode::Tunnel,
            reqid: 0,
        };
        self.ns.sadb.usable(&need, self.guard)
    }

    /// Takes the packet out of the tunnel of an SA. What comes out may be for another SA of this host.
    fn leave_own_tunnel(
        &self,
        tunnel: &Arc<Sa>,
        at: &Progress,
        path: &Path,
        next_header: u8,
        mut packet: Packet,
    ) -> Result<Onward<'g>, Discard> {
        let (view, tos) = (&at.view, at.view.tos);
        let (src, header_len) = (&view.src, view.header_len);
        let inner = self.untunnel(tunnel, src, header_len, tos, next_header, &mut packet)?;
        let flow = &inner.flow;
        if matches!(flow.proto, ESP | AH | COMP) && !flow.is_fragment {
            let header = packet.bytes().get(flow.header_len..).unwrap_or(&[]);
            if let Some(sa) = self.own(&flow.dst, flow.proto, header) {
                return Ok(Onward::Nested(sa, packet));
            }
        }
        self.judge(flow, packet.bytes(), path, true)?;
        self.deliver(tunnel, packet, inner.ethertype, inner.proto())
            .map(Onward::Delivered)
    }

    /// The SA of this dialect that this host receives by under the name in an IPsec header.
    fn own(&self, dst: &IpAddr, proto: u8, header: &[u8]) -> Option<&'g Arc<Sa>> {
        let sa = self
            .ns
            .sadb
            .get(&named(dst, proto, header).ok()?, self.guard)?;
        (sa.is_linux() && sa.fixed.inbound).then_some(sa)
    }
}
