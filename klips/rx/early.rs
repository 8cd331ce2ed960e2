// SPDX-License-Identifier: GPL-2.0-only

//! The short way in: ESP that is taken off the physical device, past what IPv4 would do to it.
//!
//! That is right if IPv4 would do nothing but bring it here. Of a packet by itself `kapi` knows
//! ([`Straight`]); that its route leads here is known from an earlier packet of its SA which came the long way, by the same
//! device and from the same source, and proved authentic, as long as no route or address has changed since.

use super::Inbound;
use crate::{
    device::IpsecDev,
    ingress::Ingress,
    kapi::net::{
        dev::{Device, Port},
        netfilter::{ends, routes_version, Interceptor, Straight},
        proto::Carrier,
    },
};
use core::net::IpAddr;
use kernel::sync::rcu::Guard;
use klips_core::said::{SaProto, Said};

/// How a packet comes that `port` receives: by that device, as routes were in this version of them. Never 0.
#[inline]
pub(super) fn arrival(port: &Port, routes: u32) -> u64 {
    let ifindex = u64::from(port.ifindex().unsigned_abs());
    u64::from(routes) << 32 | ifindex
}

impl Interceptor for IpsecDev {
    type Beside = Ingress;

    fn intercept<'a>(
        dev: &Device<Self>,
        packet: Straight<'a>,
        guard: &Guard,
    ) -> Result<(), Straight<'a>> {
        let (src, dst, spi, seq) = ends(&packet.head());
        let said = Said {
            dst: IpAddr::V4(dst),
            spi,
            proto: SaProto::Esp,
        };
        let inbound = Inbound::new(dev, guard);
        let Some(sa) = inbound.ns.sadb.get(&said, guard) else {
            // The long way costs four times as much: a flood of them is not to go it.
            return packet.drop_if_nobodys();
        };
        let port = packet.port();
        let same = sa.arrives_by(arrival(port, routes_version(port.net())));
        // Of several devices on the same one, it is the first that packets come by on the long way.
        let first = inbound.ns.device_on(port, guard);
        let right = same && sa.fixed.src == IpAddr::V4(src);
        if !right || !first.is_some_and(|first| core::ptr::eq(first.port(), dev.port())) {
            return Err(packet);
        }
        match inbound.inward_by(sa) {
            Some(way) => {
                dev.data().stats().arrived();
                inbound.conclude(sa, inbound.express(&way, packet.take(), seq));
            }
            None => {
                inbound.take(sa, packet.take(), Carrier::Ip);
            }
        }
        Ok(())
    }
}
