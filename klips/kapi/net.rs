// SPDX-License-Identifier: GPL-2.0-only

//! Networking: buffers, devices, namespaces, protocol handlers, routes, sockets.

pub(crate) mod dev;
pub(crate) mod keymgr;
pub(crate) mod netfilter;
pub(crate) mod netns;
pub(crate) mod notifier;
pub(crate) mod proto;
pub(crate) mod route;
pub(crate) mod skbuff;
pub(crate) mod sock;

use super::raw;
use kernel::types::Opaque;

/// A network namespace, borrowed from something that keeps it alive.
///
/// # Invariants
///
/// The namespace is alive as long as the reference.
#[repr(transparent)]
pub(crate) struct Net(Opaque<raw::net>);

// SAFETY: A namespace is shared by all CPUs by nature.
unsafe impl Send for Net {}
// SAFETY: As above.
unsafe impl Sync for Net {}

impl Net {
    /// # Safety
    ///
    /// `ptr` must point at a live namespace that stays so for `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut raw::net) -> &'a Self {
        // CAST: `Net` is a transparent wrapper.
        // SAFETY: By the function's requirement.
        unsafe { &*ptr.cast() }
    }

    pub(super) fn as_ptr(&self) -> *mut raw::net {
        self.0.get()
    }

    /// Whether the current task has `CAP_NET_ADMIN` in the user namespace that owns this namespace.
    pub(crate) fn capable_net_admin(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_capable_net_admin(self.as_ptr()) }
    }

    /// Whether tunnel drivers shall create their devices here (`net.core.fb_tunnels_only_for_init_net`).
    pub(crate) fn has_fallback_tunnels(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_net_has_fallback_tunnels(self.as_ptr()) }
    }
}

/// Makes a C return value a `Result`.
pub(super) fn to_result(err: kernel::ffi::c_int) -> kernel::error::Result {
    kernel::error::to_result(err)
}
