// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's main routing tables, read from /proc. Rules that choose other tables are not seen.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use klips_core::addr::{addr_bits, Addr, Family, Subnet};

use crate::json::Value;

/// IPv4.
const V4: &str = "/proc/net/route";
/// IPv6.
const V6: &str = "/proc/net/ipv6_route";

/// RTF_UP: the route is in use.
const UP: u32 = 0x1;
/// RTF_REJECT: packets are refused.
const REJECT: u32 = 0x200;
/// RTF_LOCAL: an address of this host.
const LOCAL: u32 = 0x8000_0000;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where to.
    pub(crate) net: Subnet,
    /// The next hop, if it is not the destination.
    pub(crate) gateway: Option<IpAddr>,
    /// The device.
    pub(crate) device: String,
    metric: u32,
}

/// All routes of the main tables; none where a table cannot be read.
pub(crate) fn load() -> Vec<Route> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut routes = parse_v4(&read(V4));
    routes.extend(parse_v6(&read(V6)));
    routes
}

/// The route that a packet to `addr` takes: the longest prefix, and of those the lowest metric.
pub(crate) fn best<'a>(routes: &'a [Route], addr: &IpAddr) -> Option<&'a Route> {
    let family = Family::of(addr);
    let leads_there = |route: &&Route| {
        let mask = family.mask(route.net.prefix_len());
        route.net.family() == family
            && addr_bits(&route.net.addr()) & mask == addr_bits(addr) & mask
    };
    routes.iter().filter(leads_there).min_by(|a, b| {
        let longest = b.net.prefix_len().cmp(&a.net.prefix_len());
        longest.then(a.metric.cmp(&b.metric))
    })
}

/// Reads /proc/net/route: a heading, then interface, destination, gateway, flags, two counters, metric, mask.
fn parse_v4(text: &str) -> Vec<Route> {
    text.lines().skip(1).filter_map(v4_line).collect()
}

fn v4_line(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [device, dst, gateway, flags, _, _, metric, mask, ..] = *words.as_slice() else {
        return None;
    };
    in_use(hex(flags)?)?;
    // The numbers are printed as this machine has them, their bytes being in network order.
    let addr = |text| Some(Ipv4Addr::from(hex(text)?.to_ne_bytes()));
    let mask = u32::from(addr(mask)?);
    let gateway = addr(gateway)?;
    Some(Route {
        net: Subnet::new(addr(dst)?.into(), u8::try_from(mask.count_ones()).ok()?)?,
        gateway: Some(IpAddr::V4(gateway)).filter(|addr| !addr.is_unspecified()),
        device: device.to_owned(),
        metric: metric.parse().ok()?,
    })
}

/// Reads /proc/net/ipv6_route: destination, its prefix, source, its prefix, gateway, metric, two counters, flags,
/// interface; without `0x`.
fn parse_v6(text: &str) -> Vec<Route> {
    text.lines().filter_map(v6_line).collect()
}

fn v6_line(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [dst, len, _, _, gateway, metric, _, _, flags, device] = *words.as_slice() else {
        return None;
    };
    let flags = hex(flags)?;
    in_use(flags)?;
    if flags & LOCAL != 0 {
        return None;
    }
    let addr = |text| Some(Ipv6Addr::from(u128::from_str_radix(text, 16).ok()?));
    let gateway = addr(gateway)?;
    Some(Route {
        net: Subnet::new(addr(dst)?.into(), u8::try_from(hex(len)?).ok()?)?,
        gateway: Some(IpAddr::V6(gateway)).filter(|addr| !addr.is_unspecified()),
        device: device.to_owned(),
        metric: hex(metric)?,
    })
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

fn in_use(flags: u32) -> Option<()> {
    (flags & UP != 0 && flags & REJECT == 0).then_some(())
}

impl Route {
    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        Value::object([
            ("net", Value::text(self.net)),
            (
                "gateway",
                self.gateway.map(|addr| Value::text(Addr(addr))).into(),
            ),
            ("device", self.device.as_str().into()),
        ])
    }
}

/// As ip(8) writes it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.net.prefix_len() == 0 {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.net)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {}", Addr(gateway))?;
        }
        write!(f, " dev {}", self.device)
    }
}

/// Reads a text as both tables.
#[cfg(test)]
pub(crate) fn read_anything(text: &str) -> Vec<Route> {
    [parse_v4(text), parse_v6(text)].concat()
}

/// Routes for tests: network, gateway, device.
#[cfg(test)]
pub(crate) fn sample(routes: &[(&str, Option<&str>, &str)]) -> Vec<Route> {
    let route = |(net, gateway, device): &(&str, Option<&str>, &str)| Route {
        net: Subnet::parse(net, None).expect("a network"),
        gateway: gateway.map(|addr| addr.parse().expect("an address")),
        device: (*device).to_owned(),
        metric: 0,
    };
    routes.iter().map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let number = |addr: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(addr));
        let line = |device: &str, dst, gateway, metric: u32, mask| {
            let (dst, gateway, mask) = (number(dst), number(gateway), number(mask));
            format!("{device}\t{dst}\t{gateway}\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
        };
        let any = [0; 4];
        let text = [
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                .to_owned(),
            line("eth0", any, [192, 0, 2, 254], 0, any),
            line("eth1", [10, 2, 0, 0], any, 50, [255, 255, 0, 0]),
            line("ipsec0", [10, 2, 0, 0], any, 0, [255, 255, 0, 0]),
        ];
        let routes = parse_v4(&text.concat());
        let to = |addr: &str| best(&routes, &addr.parse().unwrap()).map(Route::to_string);
        assert_eq!(to("10.2.3.4").as_deref(), Some("10.2.0.0/16 dev ipsec0"));
        assert_eq!(
            to("10.3.3.4").as_deref(),
            Some("default via 192.0.2.254 dev eth0")
        );
        assert_eq!(to("2001:db8::1"), None);
    }

    #[test]
    fn ipv6_routes_without_those_of_the_host_itself() {
        let text = "\
            20010db8000200000000000000000000 30 00000000000000000000000000000000 00 \
            20010db8000100000000000000000001 00000400 00000001 00000000 00000003   ipsec0\n\
            20010db8000200000000000000000001 80 00000000000000000000000000000000 00 \
            00000000000000000000000000000000 00000000 00000002 00000000 80200001     eth0\n\
            00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
            00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
        let routes = parse_v6(text);
        let to = |addr: &str| best(&routes, &addr.parse().unwrap()).map(Route::to_string);
        let want = "2001:db8:2::/48 via 2001:db8:1::1 dev ipsec0";
        assert_eq!(to("2001:db8:2::1").as_deref(), Some(want));
        assert_eq!(to("2001:db8:3::1"), None);
        assert_eq!(routes.len(), 1);
    }
}
