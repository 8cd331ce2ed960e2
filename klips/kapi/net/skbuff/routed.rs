// SPDX-License-Identifier: GPL-2.0-only

//! Packets that leave: by a route that is looked up, or by one that was kept.

use super::Packet;
use crate::kapi::{
    net::{dev::Port, route::Route, to_result, Net},
    raw,
};
use core::net::{Ipv4Addr, Ipv6Addr};
use kernel::{prelude::*, sync::rcu::Guard};

impl Packet {
    /// Routes the packet by interface `port`. `tos`, `proto` are those of the outer header.
    pub(crate) fn route4(
        self,
        net: &Net,
        dst: Ipv4Addr,
        src: Ipv4Addr,
        tos: u8,
        proto: u8,
        port: &Port,
    ) -> Result<Routed> {
        // SAFETY: By the type invariants of all three.
        to_result(unsafe {
            raw::klips_route_output4(
                net.as_ptr(),
                self.0.as_ptr(),
                u32::from_ne_bytes(dst.octets()),
                u32::from_ne_bytes(src.octets()),
                tos,
                proto,
                port.ifindex(),
            )
        })?;
        // INVARIANT: The route was attached.
        Ok(Routed(self))
    }

    /// As [`Packet::route4`], for IPv6.
    pub(crate) fn route6(self, net: &Net, dst: Ipv6Addr, proto: u8, port: &Port) -> Result<Routed> {
        let dst = dst.octets();
        // SAFETY: By the type invariants of all three; the address is 16 bytes.
        to_result(unsafe {
            raw::klips_route_output6(
                net.as_ptr(),
                self.0.as_ptr(),
                dst.as_ptr(),
                proto,
                port.ifindex(),
            )
        })?;
        // INVARIANT: The route was attached.
        Ok(Routed(self))
    }

    /// Sends an IPv4 packet just encapsulated, of which all but the header's checksum is complete, by a route that was kept,
    /// and forgets what belongs to the flow inside. `direct`: straight to the neighbour, as the route allows
    /// ([`Route::path`]), for a packet that has room for a link header.
    pub(crate) fn send_by(self, net: &Net, route: &Route, direct: bool, _guard: &Guard) -> Result {
        if self.len() < 20 {
            return Err(EINVAL);
        }
        // SAFETY: The buffer is given up, and begins with a whole IPv4 header. The route outlives the packet's use of it:
        // whoever wants the packet longer than the read lock lasts, as a queue does, takes a reference. A link header
        // without room for it is refused by the stack.
        accepted(unsafe {
            raw::klips_send_by(net.as_ptr(), self.0.into_raw(), route.as_ptr(), direct)
        })
    }
}

/// A packet that has its route.
///
/// # Invariants
///
/// A route is attached to the buffer.
pub(crate) struct Routed(Packet);

impl Routed {
    /// Makes sure of the bytes that the link layer wants before the packet. `GFP_ATOMIC`.
    pub(crate) fn reserve_link(&mut self) -> Result {
        // SAFETY: By the type invariant.
        let reserve = unsafe { raw::klips_skb_ll_reserve(self.0 .0.as_ptr()) };
        self.0.make_room(usize::try_from(reserve).unwrap_or(0), 0)
    }

    /// Whether the route leads out of `port`.
    pub(crate) fn leads_to(&self, port: &Port) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_route_ifindex(self.0 .0.as_ptr()) == port.ifindex() }
    }

    /// Sends the packet through the LOCAL_OUT hook to its device, which fills in length and checksum of the header.
    pub(crate) fn local_out(self, net: &Net) -> Result {
        if self.0.len() < 20 {
            return Err(EINVAL);
        }
        // SAFETY: The buffer is given up; by the type invariant it has a route, and a whole IPv4 header was just checked.
        accepted(unsafe { raw::klips_local_out(net.as_ptr(), self.0 .0.into_raw()) })
    }

    /// As [`Routed::local_out`], for an IPv6 packet.
    pub(crate) fn local_out6(self, net: &Net) -> Result {
        if self.0.len() < 40 {
            return Err(EINVAL);
        }
        // SAFETY: The buffer is given up; it has a route and a whole IPv6 header.
        accepted(unsafe { raw::klips_local_out6(net.as_ptr(), self.0 .0.into_raw()) })
    }
}

/// Whether what transmitting returned says that the packet was taken. Congestion is a warning, not a loss.
fn accepted(ret: i32) -> Result {
    const NET_XMIT_SUCCESS: i32 = 0;
    const NET_XMIT_CN: i32 = 2;
    match ret {
        NET_XMIT_SUCCESS | NET_XMIT_CN => Ok(()),
        error if error < 0 => Err(Error::from_errno(error)),
        _ => Err(ENOBUFS),
    }
}
