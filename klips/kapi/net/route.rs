// SPDX-License-Identifier: GPL-2.0-only

//! Questions to the routing tables that need no packet.
//!
//! C headers: [`include/net/route.h`](srctree/include/net/route.h), [`include/net/addrconf.h`](srctree/include/net/addrconf.h)

use super::{dev::Port, raw, Net};
use core::net::IpAddr;

/// The MTU of the path from `src` to `dst` by interface `port`, as far as it is known: what ICMP errors said, or the
/// administrator, or the interface. `None`: no route. Any context.
pub(crate) fn path_mtu(
    net: &Net,
    src: &IpAddr,
    dst: &IpAddr,
    tos: u8,
    proto: u8,
    port: &Port,
) -> Option<u32> {
    let oif = port.ifindex();
    let mtu = match (src, dst) {
        // SAFETY: The namespace is live; addresses are passed by value, in network byte order.
        (IpAddr::V4(src), IpAddr::V4(dst)) => unsafe {
            raw::klips_path_mtu4(
                net.as_ptr(),
                u32::from_ne_bytes(dst.octets()),
                u32::from_ne_bytes(src.octets()),
                tos,
                proto,
                oif,
            )
        },
        (_, IpAddr::V6(dst)) => {
            let octets = dst.octets();
            // SAFETY: The namespace is live; the address is copied from 16 bytes of which alignment is not asked.
            unsafe { raw::klips_path_mtu6(net.as_ptr(), octets.as_ptr(), proto, oif) }
        }
        _ => 0,
    };
    (mtu != 0).then_some(mtu)
}

/// `RTN_LOCAL`: an address of this host.
const RTN_LOCAL: u32 = 2;

/// Whether `addr` is an address of this host in `net`; broadcast and multicast addresses are not. Any context.
pub(crate) fn is_local(net: &Net, addr: &IpAddr) -> bool {
    match addr {
        // SAFETY: The namespace is live; the address is passed by value, in network byte order.
        IpAddr::V4(a) => unsafe {
            raw::klips_inet_addr_type(net.as_ptr(), u32::from_ne_bytes(a.octets())) == RTN_LOCAL
        },
        IpAddr::V6(a) => {
            let octets = a.octets();
            // SAFETY: The namespace is live; the address is copied from 16 bytes of which alignment is not asked.
            unsafe { raw::klips_inet6_addr_is_local(net.as_ptr(), octets.as_ptr()) }
        }
    }
}
