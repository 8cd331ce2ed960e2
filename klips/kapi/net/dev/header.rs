// SPDX-License-Identifier: GPL-2.0-only

//! Link headers of devices of our own.

use crate::kapi::raw;
use core::mem;
use kernel::{
    ffi::{c_int, c_uint, c_void},
    prelude::*,
};

/// A table of functions.
pub(super) struct HeaderOps(pub(super) raw::header_ops);

// SAFETY: Never written.
unsafe impl Sync for HeaderOps {}

/// The link header of a device that borrows its physical device's type: Ethernet's, or none.
///
/// The table never changes, so that a packet may be in it while the device is attached or detached.
pub(super) static HEADER_OPS: HeaderOps = HeaderOps(raw::header_ops {
    create: Some(create_header),
    cache: Some(cache_header),
    cache_update: Some(raw::eth_header_cache_update),
    // SAFETY: All-zero is a valid `header_ops`.
    ..unsafe { mem::zeroed() }
});

/// The header of a packet for `dev`; returns its length or a negative errno.
///
/// # Safety
///
/// `skb` must be a live buffer that is about to be sent through `dev`, a live device, by
/// the calling context.
unsafe extern "C" fn create_header(
    skb: *mut raw::sk_buff,
    dev: *mut raw::net_device,
    type_: kernel::ffi::c_ushort,
    daddr: *const c_void,
    saddr: *const c_void,
    len: c_uint,
) -> c_int {
    const ETH_HLEN: usize = 14;
    // SAFETY: The stack passes a live buffer and the device that it is sent through.
    let (skb_ref, dev_ref) = unsafe { (&*skb, &*dev) };
    if u32::from(dev_ref.type_) != raw::ARPHRD_ETHER {
        return 0;
    }
    // The room was reserved for the type that the device had when the packet set out.
    if (skb_ref.data as usize).saturating_sub(skb_ref.head as usize) < ETH_HLEN {
        return ENOMEM.to_errno();
    }
    // SAFETY: As above, and there is room for the header.
    unsafe { raw::eth_header(skb, dev, type_, daddr, saddr, len) }
}

/// Makes the header that packets to a neighbour get without being asked for one each; 0 if there is one.
///
/// It counts until the neighbour goes, as it does when the device gets another type or address.
///
/// # Safety
///
/// `neigh` must be a live neighbour with a device, `hh` its cache, locked by the caller.
unsafe extern "C" fn cache_header(
    neigh: *const raw::neighbour,
    hh: *mut raw::hh_cache,
    type_: raw::__be16,
) -> c_int {
    // SAFETY: By the function's requirement.
    let is_ethernet = unsafe { u32::from((*(*neigh).dev).type_) == raw::ARPHRD_ETHER };
    if is_ethernet {
        // SAFETY: By the function's requirement.
        unsafe { raw::eth_header_cache(neigh, hh, type_) }
    } else {
        -1
    }
}
