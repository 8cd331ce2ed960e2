// SPDX-License-Identifier: GPL-2.0-only

//! Taking ESP off a device before IPv4 sees it, where IPv4 would do nothing but hand it over.
//!
//! What IPv4 does to a packet for this host, and whether that can be left out, is told apart here, packet by packet: its
//! header is bare and good, it is whole, no bridge or bond stands above the device and no VLAN tag is on the packet, and
//! nobody else wants to see it on its way (netfilter at PRE_ROUTING and LOCAL_IN, raw sockets, packet sockets for IPv4
//! alone). Packet sockets for everything and traffic control have seen it already, and so have other hooks at the device.
//! Whether the packet would be routed to this host is for the caller to know.

use super::{incoming, Inspector, ACCEPT};
use crate::kapi::{
    net::{
        dev::{Device, DeviceRef, Driver, Port, PortRef},
        skbuff::Skb,
        to_result, Net,
    },
    raw,
    rcu::Held,
};
use core::{mem, net::Ipv4Addr, ptr::NonNull};
use kernel::{
    ffi::{c_uint, c_void},
    prelude::*,
    sync::rcu::Guard,
};

/// What a hook says: the packet is mine.
const STOLEN: c_uint = 2;

/// A device that takes ESP off another one.
pub(crate) trait Interceptor: Driver {
    /// Who looks at packets that come in beside, if anybody does.
    type Beside: Inspector;
    /// Takes a packet, or hands it back as it came. Softirq.
    fn intercept<'a>(
        dev: &Device<Self>,
        packet: Straight<'a>,
        guard: &Guard,
    ) -> core::result::Result<(), Straight<'a>>;
}

/// An ESP packet that nothing stands between and its SA but its route.
///
/// # Invariants
///
/// `skb` is a live buffer that nobody else uses, with a bare IPv4 header and an ESP header at its data pointer.
pub(crate) struct Straight<'a> {
    skb: NonNull<raw::sk_buff>,
    port: &'a Port,
}

impl<'a> Straight<'a> {
    /// The device that it came in by.
    pub(crate) fn port(&self) -> &'a Port {
        self.port
    }

    /// IP header, SPI and sequence number.
    pub(crate) fn head(&self) -> [u8; 28] {
        // SAFETY: By the type invariant these bytes are linear.
        unsafe { *self.skb.as_ref().data.cast::<[u8; 28]>() }
    }

    /// Drops the packet, which KLIPS has no SA for, if the stack would do no more than drop it and count it; hands it back
    /// if another host or XFRM may want it.
    pub(crate) fn drop_if_nobodys(self) -> core::result::Result<(), Self> {
        let skb = self.skb.as_ptr();
        // SAFETY: By the type invariant.
        if !unsafe { raw::klips_skb_is_nobodys(skb) } {
            return Err(self);
        }
        // SAFETY: As above.
        unsafe { raw::klips_skb_count_nobodys(skb) };
        drop(self.take());
        Ok(())
    }

    /// The packet; the caller owns it now.
    pub(crate) fn take(self) -> Skb {
        // SAFETY: The buffer is live, and it is the caller's if the hook says that it is stolen. `callback` says so unless it
        // gets this value back, which it cannot as it is used up here, nor another one: there is none of the same lifetime.
        unsafe {
            raw::klips_skb_take_early(self.skb.as_ptr());
            Skb::from_raw(self.skb)
        }
    }
}

/// How the routes of a namespace stand; they are as they were as long as this is the same.
pub(crate) fn routes_version(net: &Net) -> u32 {
    // SAFETY: The namespace is live.
    unsafe { raw::klips_rt_genid(net.as_ptr()) }
}

/// The registration of a device at another one. Before the removal of either begins, it must be dropped: until then they
/// are held.
pub(crate) struct Interception<T: Interceptor> {
    ops: NonNull<raw::nf_hook_ops>,
    /// The device whose packets are taken.
    port: PortRef,
    _dev: DeviceRef<T>,
}

// SAFETY: The pointer is only used to unregister, once.
unsafe impl<T: Interceptor> Send for Interception<T> {}
// SAFETY: As above.
unsafe impl<T: Interceptor> Sync for Interception<T> {}

impl<T: Interceptor> Interception<T> {
    /// Has `dev` take packets off `port`. Process context.
    pub(crate) fn new(dev: &Device<T>, port: &Port) -> Result<Self> {
        // SAFETY: All-zero is a valid `nf_hook_ops`.
        let mut ops: raw::nf_hook_ops = unsafe { mem::zeroed() };
        ops.hook = Some(Self::callback);
        ops.pf = raw::KLIPS_NFPROTO_NETDEV as u8;
        ops.hooknum = raw::KLIPS_NF_NETDEV_INGRESS;
        // Behind the filters that there may be.
        ops.priority = raw::KLIPS_NF_IP_PRI_LAST;
        ops.dev = port.as_ptr();
        ops.priv_ = dev.port().as_ptr().cast();
        let ops = NonNull::from(KBox::leak(KBox::new(ops, GFP_KERNEL)?));
        let net = port.net().as_ptr();
        // SAFETY: The operations stay where they are until they are unregistered; both devices are held.
        let registered = to_result(unsafe { raw::nf_register_net_hook(net, ops.as_ptr()) });
        if let Err(e) = registered {
            // SAFETY: Leaked above, and nobody else knows it.
            drop(unsafe { KBox::from_raw(ops.as_ptr()) });
            return Err(e);
        }
        Ok(Self {
            ops,
            port: port.hold(),
            _dev: dev.hold(),
        })
    }

    /// A packet arrived at the device.
    ///
    /// # Safety
    ///
    /// `priv_` must be a live device of `T`, `skb` a live buffer whose data pointer is at the network header, and RCU be
    /// held.
    unsafe extern "C" fn callback(
        priv_: *mut c_void,
        skb: *mut raw::sk_buff,
        state: *const raw::nf_hook_state,
    ) -> c_uint {
        let beside = incoming::function::<T::Beside>();
        // SAFETY: By the function's requirement.
        let straight = unsafe { raw::klips_skb_comes_straight(skb, beside) };
        // SAFETY: As above; the device lives as long as the packet is on its way.
        let port = unsafe { Port::from_raw((*state).in_) };
        let (Some(skb), Some(port), true) = (NonNull::new(skb), port, straight) else {
            return ACCEPT;
        };
        // SAFETY: By the function's requirement: the hook is gone before the device is.
        let dev = unsafe { Device::<T>::from_raw(priv_.cast()) };
        // SAFETY: By the function's requirement.
        let held = unsafe { Held::assume() };
        // INVARIANT: The helper has looked.
        match T::intercept(dev, Straight { skb, port }, &held) {
            Ok(()) => STOLEN,
            Err(_) => ACCEPT,
        }
    }
}

impl<T: Interceptor> Drop for Interception<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`, at a device that is held, hence still in its namespace. Those who list hooks may look
        // at the operations for another grace period, so they are freed after that; they came from a box.
        unsafe {
            raw::nf_unregister_net_hook(self.port.net().as_ptr(), self.ops.as_ptr());
            raw::klips_free_hook_later(self.ops.as_ptr());
        }
    }
}

/// Source, destination, SPI and sequence number of the packet that `head` begins.
pub(crate) fn ends(head: &[u8; 28]) -> (Ipv4Addr, Ipv4Addr, u32, u32) {
    let [.., s0, s1, s2, s3, d0, d1, d2, d3, p0, p1, p2, p3, n0, n1, n2, n3] = *head;
    (
        Ipv4Addr::new(s0, s1, s2, s3),
        Ipv4Addr::new(d0, d1, d2, d3),
        u32::from_be_bytes([p0, p1, p2, p3]),
        u32::from_be_bytes([n0, n1, n2, n3]),
    )
}
