// SPDX-License-Identifier: GPL-2.0-only

//! Looking at packets as they leave: when they are routed, and every other hook has seen them, but before IP fragments
//! them and gives them to their device.

use super::{pair, Pair, ACCEPT, DROP};
use crate::kapi::{
    net::{dev::Port, to_result},
    raw,
};
use core::marker::PhantomData;
use kernel::{
    ffi::{c_uint, c_void},
    prelude::*,
};

/// Somebody who may have packets leave by another device.
pub(crate) trait Diverter: 'static {
    /// Whether a packet may go on, be it by another device. May not sleep; under RCU.
    fn leaves(packet: &mut Leaving<'_>) -> bool;
}

/// A packet that leaves.
///
/// # Invariants
///
/// `skb` is a live buffer that nobody else changes, whose data begins with an IP header of the family, and which has a
/// route; by that it leaves through `port`.
pub(crate) struct Leaving<'a> {
    skb: *mut raw::sk_buff,
    port: &'a Port,
    is_ipv6: bool,
}

impl<'a> Leaving<'a> {
    /// The device that it leaves by.
    pub(crate) fn port(&self) -> &'a Port {
        self.port
    }

    /// Bytes of the packet, of which one that the stack has yet to cut into segments may have more than a header can say.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.skb).len as usize }
    }

    /// Copies the beginning of the packet to `room`, as much as there is of both. The packet stays as it is.
    pub(crate) fn copy_head<'b>(&self, room: &'b mut [u8]) -> &'b mut [u8] {
        let len = self.len().min(room.len());
        let head = room.get_mut(..len).unwrap_or_default();
        // SAFETY: By the type invariant; the packet has so many bytes, and there is room for them.
        let copied =
            unsafe { raw::skb_copy_bits(self.skb, 0, head.as_mut_ptr().cast(), len as i32) };
        if copied == 0 {
            head
        } else {
            &mut []
        }
    }

    /// Whether the socket that sends it is exempted from IPsec.
    pub(crate) fn is_exempt(&self) -> bool {
        // SAFETY: By the type invariant; under RCU.
        unsafe { raw::klips_skb_is_exempt(self.skb) }
    }

    /// Whether IPsec of this host has seen to it: it came out of a tunnel's sending end, or is on its way to the native
    /// stack's.
    pub(crate) fn is_settled(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_is_settled(self.skb, self.is_ipv6) }
    }

    /// Has it leave by `to`, in all that IP still does with it: as if it had been routed there.
    ///
    /// `ENOMEM`; `ENETDOWN`: the device takes no packets of this family.
    pub(crate) fn divert(&mut self, to: &Port) -> Result {
        if !to.is_up() {
            return Err(net_down());
        }
        // SAFETY: By the type invariant; the device is alive, and the route that the packet gets holds it.
        to_result(unsafe {
            if self.is_ipv6 {
                raw::klips_divert6(self.skb, to.as_ptr())
            } else {
                raw::klips_divert4(self.skb, to.as_ptr())
            }
        })
    }
}

fn net_down() -> Error {
    Error::from_errno(-(raw::ENETDOWN as i32))
}

/// The hooks of a diverter.
pub(super) fn hooks<D: Diverter>() -> &'static Pair {
    &Ops::<D>::HOOKS
}

struct Ops<D: Diverter>(PhantomData<D>);

impl<D: Diverter> Ops<D> {
    // Behind all that may change the packet, or its way.
    const HOOKS: Pair = pair(
        Some(Self::callback),
        raw::KLIPS_NF_INET_POST_ROUTING,
        raw::KLIPS_NF_IP_PRI_LAST,
    );

    /// A packet is about to leave.
    ///
    /// # Safety
    ///
    /// `skb` must be a live buffer whose data begins with an IP header, and `state` the hook's state.
    unsafe extern "C" fn callback(
        _priv: *mut c_void,
        skb: *mut raw::sk_buff,
        state: *const raw::nf_hook_state,
    ) -> c_uint {
        // SAFETY: By the function's requirement; the device lives as long as the packet is on its way.
        let (port, is_ipv6) = unsafe {
            let out = (*state).out;
            // What is only bridged passes here too, on behalf of the bridge; it has no route of this host.
            if raw::klips_skb_dev(skb) != out || !raw::klips_skb_has_route(skb) {
                return ACCEPT;
            }
            let Some(port) = Port::from_raw(out) else {
                return ACCEPT;
            };
            (port, u32::from((*state).pf) == raw::KLIPS_NFPROTO_IPV6)
        };
        // INVARIANT: By the function's requirement; the route was checked, and a hook owns its packet.
        let mut packet = Leaving { skb, port, is_ipv6 };
        if D::leaves(&mut packet) {
            ACCEPT
        } else {
            DROP
        }
    }
}
