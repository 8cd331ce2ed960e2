// SPDX-License-Identifier: GPL-2.0-only

//! Whether a packet fits the path, and telling its sender what would.

use super::{family, steps, Outbound, ESP, ICMP_UNREACHABLE, TCP};
use crate::{
    error::Discard,
    kapi::net::{route, skbuff::Packet},
    sadb::Bundle,
    sysctl::OuterDf,
    xform::{udp, Xform},
};
use core::net::IpAddr;
use klips_core::{
    plan::{self, Plan},
    wire::{flow::Flow, udp::UDP},
};

const ICMP: u8 = 1;
const ICMP_FRAG_NEEDED: u8 = 4;
const ICMPV6: u8 = 58;
const ICMPV6_TOO_BIG: u8 = 2;

/// What every IPv6 link carries (RFC 8200 5).
const MIN_V6_MTU: usize = 1280;

/// No path is taken to carry less, whatever ICMP says; the routing layer's default is 552.
pub(super) const MIN_PATH_MTU: usize = 512;

/// The way of a packet through its group.
pub(super) struct Way<'a> {
    pub(super) bundle: &'a Bundle<'a>,
    pub(super) plan: &'a Plan,
    /// Length of the header in front of what is protected.
    pub(super) header_len: usize,
    /// The group is a tunnel.
    pub(super) tunnelled: bool,
    /// Its sender may be told of the MTU.
    pub(super) tells: bool,
}

impl Outbound<'_> {
    /// Sees to it that senders learn what fits, and says whether the outer packet gets DF.
    ///
    /// The classic figure is an estimate that some ciphers exceed; what is told fits in any case. An IPv6 sender is never
    /// told less than every IPv6 link carries, and what it was told of is not sent (`TxFragNeeded`). Nor is what an IPv4
    /// sender will send again, or what may not be fragmented.
    pub(super) fn fit(
        &self,
        packet: &mut Packet,
        flow: &Flow,
        way: &Way<'_>,
    ) -> Result<bool, Discard> {
        let df = way.tunnelled
            && match self.ns.sysctl.df() {
                OuterDf::Clear => false,
                OuterDf::Set => true,
                OuterDf::Copy => flow.df,
            };
        let answers = flow.first_fragment && !matches!(flow.proto, ICMP | ICMPV6);
        let tells = way.tells && flow.df && (self.ns.sysctl.icmp() || df);
        if !(tells || df) || way.plan.total_len <= MIN_PATH_MTU {
            return Ok(df);
        }
        let path = self.path_mtu(flow, way);
        let (fits, classic) = (way.plan.total_len <= path, way.plan.inner_mtu(path));
        if tells && answers && !(fits && flow.len <= classic) {
            let exact =
                plan::largest_inner(|| steps(way.bundle), path, way.header_len, family(flow));
            tell(packet, flow, classic.min(exact))?;
            let will_repeat =
                || flow.proto == TCP && self.ns.told.will_repeat(&flow.src, &flow.dst);
            if !fits && (df || will_repeat()) {
                return Err(Discard::TxFragNeeded);
            }
        }
        // What is fragmented by this host, after encryption, may be fragmented further.
        Ok(df && fits)
    }

    /// The MTU of the path that the outer packet will take.
    fn path_mtu(&self, flow: &Flow, way: &Way<'_>) -> usize {
        let tunnels = way.bundle.iter().rev();
        let (src, dst) = tunnels
            .filter(|sa| matches!(sa.fixed.xform, Xform::Ipip))
            .map(|sa| (sa.fixed.src, sa.fixed.said.dst))
            .next()
            .unwrap_or((flow.src, flow.dst));
        let last = way.bundle.last();
        let proto = last.map_or(ESP, |sa| match udp::marker_len(sa) {
            Some(_) => UDP,
            None => sa.fixed.said.proto.ip_proto(),
        });
        let (net, port) = (self.dev.port().net(), self.phys.port());
        let device = port.mtu();
        let path = route::path_mtu(net, &src, &dst, 0, proto, port);
        path.map_or(device, |path| path.min(device)) as usize
    }
}

/// Tells the sender of a packet that is longer than `mtu`.
fn tell(packet: &mut Packet, flow: &Flow, mtu: usize) -> Result<(), Discard> {
    match flow.src {
        IpAddr::V4(_) if flow.len > mtu => {
            packet.icmp_error(ICMP_UNREACHABLE, ICMP_FRAG_NEEDED, mtu as u32);
        }
        IpAddr::V6(_) if flow.len > mtu.max(MIN_V6_MTU) => {
            packet.icmpv6_error(ICMPV6_TOO_BIG, 0, mtu.max(MIN_V6_MTU) as u32);
            return Err(Discard::TxFragNeeded);
        }
        _ => {}
    }
    Ok(())
}
