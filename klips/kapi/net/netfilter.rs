// SPDX-License-Identifier: GPL-2.0-only

//! Looking at packets as they come in, before they are routed.
//!
//! C header: [`include/linux/netfilter.h`](srctree/include/linux/netfilter.h)

use super::{dev::Port, raw, Net};
use core::{marker::PhantomData, mem, slice};
use kernel::{
    ffi::{c_uint, c_void},
    prelude::*,
};

/// How much of a packet is made linear to look at: addresses, extension headers, ports.
const LOOK: u32 = 128;

/// Somebody who looks at packets.
pub(crate) trait Inspector: 'static {
    /// Whether a packet that came in by `port` may go on. Softirq, under RCU.
    ///
    /// `head` is the linear beginning of the packet, an IP header first; the whole packet has `len` bytes.
    fn admits(port: &Port, head: &[u8], len: usize) -> bool;
}

struct Ops<I: Inspector>(PhantomData<I>);

impl<I: Inspector> Ops<I> {
    const HOOKS: [raw::nf_hook_ops; 2] = [
        Self::hook(raw::KLIPS_NFPROTO_IPV4),
        Self::hook(raw::KLIPS_NFPROTO_IPV6),
    ];

    const fn hook(pf: u32) -> raw::nf_hook_ops {
        raw::nf_hook_ops {
            hook: Some(Self::callback),
            pf: pf as u8,
            hooknum: raw::KLIPS_NF_INET_PRE_ROUTING,
            // Before connection tracking and address translation, which would change what is looked at.
            priority: raw::KLIPS_NF_IP_PRI_RAW,
            // SAFETY: All-zero is a valid `nf_hook_ops`.
            ..unsafe { mem::zeroed() }
        }
    }

    /// A packet came in.
    ///
    /// # Safety
    ///
    /// `skb` must be a live buffer whose data begins with an IP header, and `state` the hook's state.
    unsafe extern "C" fn callback(
        _priv: *mut c_void,
        skb: *mut raw::sk_buff,
        state: *const raw::nf_hook_state,
    ) -> c_uint {
        const DROP: c_uint = 0;
        const ACCEPT: c_uint = 1;
        // SAFETY: By the function's requirement; the device lives as long as the packet is on its way.
        let (port, head, len) = unsafe {
            let Some(port) = Port::from_raw((*state).in_) else {
                return ACCEPT;
            };
            if raw::klips_skb_was_decrypted(skb) {
                return ACCEPT;
            }
            let len = (*skb).len;
            if !raw::klips_pskb_may_pull(skb, len.min(LOOK)) {
                return ACCEPT;
            }
            let head = slice::from_raw_parts((*skb).data, len.min(LOOK) as usize);
            (port, head, len as usize)
        };
        if I::admits(port, head, len) {
            ACCEPT
        } else {
            DROP
        }
    }
}

/// The registration of an inspector in one namespace.
pub(crate) struct Hooks<I: Inspector> {
    net: *mut raw::net,
    /// The hooks as they were registered: they are known by their address.
    hooks: &'static [raw::nf_hook_ops; 2],
    _i: PhantomData<fn() -> I>,
}

// SAFETY: The namespace pointer is only used to unregister; see `new`.
unsafe impl<I: Inspector> Send for Hooks<I> {}
// SAFETY: As above.
unsafe impl<I: Inspector> Sync for Hooks<I> {}

impl<I: Inspector> Hooks<I> {
    /// Begins to look at the packets of `net`, IPv4 and IPv6. Process context.
    ///
    /// The value must be dropped before the namespace is gone: it belongs to the namespace's own state.
    pub(crate) fn new(net: &Net) -> Result<Self> {
        let hooks: &'static _ = &Ops::<I>::HOOKS;
        // SAFETY: The hooks are static.
        super::to_result(unsafe { raw::nf_register_net_hooks(net.as_ptr(), hooks.as_ptr(), 2) })?;
        Ok(Self {
            net: net.as_ptr(),
            hooks,
            _i: PhantomData,
        })
    }
}

impl<I: Inspector> Drop for Hooks<I> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`, in a namespace that outlives this by `new`'s contract.
        unsafe { raw::nf_unregister_net_hooks(self.net, self.hooks.as_ptr(), 2) };
    }
}
