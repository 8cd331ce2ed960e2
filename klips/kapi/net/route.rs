// SPDX-License-Identifier: GPL-2.0-only

//! Questions to the routing tables that need no packet, and routes that are kept.
//!
//! C headers: [`include/net/route.h`](srctree/include/net/route.h), [`include/net/addrconf.h`](srctree/include/net/addrconf.h)

use super::{dev::Port, raw, Net};
use core::{
    net::{IpAddr, Ipv4Addr},
    ptr::NonNull,
};
use kernel::{error::from_err_ptr, prelude::*};

/// A route of IPv4 packets that leave by one interface, kept for further packets.
///
/// The routing tables may change meanwhile; whether it still counts is to be asked for each packet
/// ([`Route::path`]). It does not keep its device from going.
///
/// # Invariants
///
/// Points at a live route, of which this owns a reference.
pub(crate) struct Route(NonNull<raw::dst_entry>);

// SAFETY: Routes are counted, and shared by all CPUs by nature.
unsafe impl Send for Route {}
// SAFETY: As above.
unsafe impl Sync for Route {}

impl Route {
    /// The route by `port` of packets without a mark. Any context.
    pub(crate) fn v4(
        net: &Net,
        src: Ipv4Addr,
        dst: Ipv4Addr,
        tos: u8,
        proto: u8,
        port: &Port,
    ) -> Result<Self> {
        // SAFETY: The namespace is live; addresses are passed by value, in network byte order.
        let dst = from_err_ptr(unsafe {
            raw::klips_route_lookup4(
                net.as_ptr(),
                u32::from_ne_bytes(dst.octets()),
                u32::from_ne_bytes(src.octets()),
                tos,
                proto,
                port.ifindex(),
            )
        })?;
        // INVARIANT: The lookup returns a reference.
        NonNull::new(dst).map(Self).ok_or(EINVAL)
    }

    /// How it goes on by `port`. `None`: something that it was found by has changed, or it leads elsewhere. Under RCU.
    #[inline]
    pub(crate) fn path(&self, net: &Net, port: &Port) -> Option<Path> {
        // SAFETY: By the type invariants of all three.
        let said = unsafe { raw::klips_dst_path(net.as_ptr(), self.0.as_ptr(), port.ifindex()) };
        (said != 0).then_some(Path {
            mtu: (said & !raw::KLIPS_DIRECT) as usize,
            direct: said & raw::KLIPS_DIRECT != 0,
        })
    }

    /// Whether it leads out of `port`.
    pub(crate) fn leads_to(&self, port: &Port) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_dst_ifindex(self.0.as_ptr()) == port.ifindex() }
    }

    pub(super) fn as_ptr(&self) -> *mut raw::dst_entry {
        self.0.as_ptr()
    }
}

/// How packets go by a route.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    /// The MTU of its path, bytes.
    pub(crate) mtu: usize,
    /// IPv4 would do nothing to a packet that is no longer than that but give it to the neighbour.
    pub(crate) direct: bool,
}

impl Drop for Route {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; readers under RCU may still look at it.
        unsafe { raw::klips_dst_release(self.0.as_ptr()) };
    }
}

/// The first of `count` identifications for IPv4 packets, set aside for the caller. Any context.
pub(crate) fn reserve_idents(
    net: &Net,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    proto: u8,
    count: u16,
) -> u16 {
    // SAFETY: The namespace is live; addresses are passed by value, in network byte order.
    unsafe {
        raw::klips_reserve_idents(
            net.as_ptr(),
            u32::from_ne_bytes(src.octets()),
            u32::from_ne_bytes(dst.octets()),
            proto,
            count,
        )
    }
}

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
