// SPDX-License-Identifier: GPL-2.0-only

//! How packets leave by the physical device.

use super::Outbound;
use crate::{error::Discard, kapi::net::skbuff::Packet, sysctl::klips_debug};
use core::net::{IpAddr, Ipv4Addr};
use klips_core::wire::{
    flow::Flow,
    ip::{self, Walk},
};

impl Outbound<'_> {
    /// Sends the packet as it is. The classic module looks its route up without a source.
    pub(super) fn pass(&self, packet: Packet, flow: &Flow) -> Result<usize, Discard> {
        self.leave(
            packet,
            Ipv4Addr::UNSPECIFIED,
            flow.dst,
            flow.tos,
            flow.proto,
        )
    }

    /// Forgets the flow inside, and sends the outer packet.
    pub(super) fn emit(&self, mut packet: Packet) -> Result<usize, Discard> {
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
