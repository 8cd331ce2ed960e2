// SPDX-License-Identifier: GPL-2.0-only

//! Netfilter hooks: looking at packets as they come in ([`Inspector`]) and as they leave ([`Diverter`]), and taking ESP off
//! a device ([`Interceptor`]).
//!
//! C header: [`include/linux/netfilter.h`](srctree/include/linux/netfilter.h)

mod early;
mod incoming;
mod outgoing;

pub(crate) use early::{ends, routes_version, Interception, Interceptor, Straight};
pub(crate) use incoming::{Arriving, Inspector, Watch};
pub(crate) use outgoing::{Diverter, Leaving};

use super::{raw, Net};
use core::mem;
use kernel::{
    ffi::{c_int, c_uint},
    prelude::*,
};

/// What a hook says: the packet is freed.
const DROP: c_uint = 0;
/// What a hook says: the packet goes on.
const ACCEPT: c_uint = 1;

/// The same function at one hook of both families.
type Pair = [raw::nf_hook_ops; 2];

/// A pair of hooks that `hook` is called from, at `hooknum`, in the order of priorities.
const fn pair(hook: raw::nf_hookfn, hooknum: u32, priority: c_int) -> Pair {
    const fn one(pf: u32, hook: raw::nf_hookfn, hooknum: u32, priority: c_int) -> raw::nf_hook_ops {
        raw::nf_hook_ops {
            hook,
            pf: pf as u8,
            hooknum,
            priority,
            // SAFETY: All-zero is a valid `nf_hook_ops`.
            ..unsafe { mem::zeroed() }
        }
    }
    [
        one(raw::KLIPS_NFPROTO_IPV4, hook, hooknum, priority),
        one(raw::KLIPS_NFPROTO_IPV6, hook, hooknum, priority),
    ]
}

/// The registration of a pair of hooks in one namespace.
pub(crate) struct Hooks {
    net: *mut raw::net,
    /// The hooks as they were registered: they are known by their address.
    pair: &'static Pair,
}

// SAFETY: The namespace pointer is only used to unregister; see `new`.
unsafe impl Send for Hooks {}
// SAFETY: As above.
unsafe impl Sync for Hooks {}

impl Hooks {
    /// Has `I` look at packets of `net` that come in. As [`Hooks::new`].
    pub(crate) fn incoming<I: Inspector>(net: &Net) -> Result<Self> {
        Self::new(net, incoming::hooks::<I>())
    }

    /// Has `D` look at packets of `net` that are about to leave. As [`Hooks::new`].
    pub(crate) fn outgoing<D: Diverter>(net: &Net) -> Result<Self> {
        Self::new(net, outgoing::hooks::<D>())
    }

    /// Registers hooks. Process context.
    ///
    /// The value must be dropped before the namespace is gone: it belongs to the namespace's own state.
    fn new(net: &Net, pair: &'static Pair) -> Result<Self> {
        // SAFETY: The hooks are static.
        super::to_result(unsafe { raw::nf_register_net_hooks(net.as_ptr(), pair.as_ptr(), 2) })?;
        Ok(Self {
            net: net.as_ptr(),
            pair,
        })
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`, in a namespace that outlives this by `new`'s contract.
        unsafe { raw::nf_unregister_net_hooks(self.net, self.pair.as_ptr(), 2) };
    }
}
