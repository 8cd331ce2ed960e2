// SPDX-License-Identifier: GPL-2.0-only

//! Telling senders what fits.

use super::{family, steps, Outbound, ICMP_UNREACHABLE};
use crate::{error::Discard, kapi::net::skbuff::Packet, sadb::Bundle};
use core::net::IpAddr;
use klips_core::{
    plan::{self, Plan},
    wire::flow::Flow,
};

const ICMP: u8 = 1;
const ICMP_FRAG_NEEDED: u8 = 4;
const ICMPV6: u8 = 58;
const ICMPV6_TOO_BIG: u8 = 2;

impl Outbound<'_> {
    /// With sysctl `icmp`, tells the sender of a packet that will have to be fragmented what would fit.
    ///
    /// The classic figure is an estimate that some ciphers exceed; what is told fits in any case. An IPv6 sender is never
    /// told less than every IPv6 link carries (RFC 8200 5), and what it was told of is not sent (`TxFragNeeded`).
    pub(super) fn tell_mtu(
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
}
