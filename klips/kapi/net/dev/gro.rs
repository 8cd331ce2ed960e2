// SPDX-License-Identifier: GPL-2.0-only

//! Packets that a device receives, merged into longer ones before the stack sees them (GRO).
//!
//! C header: [`include/net/gro_cells.h`](srctree/include/net/gro_cells.h)

use crate::kapi::raw;
use core::cell::UnsafeCell;
use kernel::ffi::c_int;

/// Where the packets of a device are merged: a queue for each CPU, in the order in which they come.
///
/// # Invariants
///
/// Zeroed, or set up for the device that this value is in the private area of, until that is uninitialised.
pub(crate) struct GroCells(UnsafeCell<raw::gro_cells>);

// SAFETY: The kernel's functions may be called from any CPU; setting up and taking down are serialised by RTNL.
unsafe impl Send for GroCells {}
// SAFETY: As above.
unsafe impl Sync for GroCells {}

impl GroCells {
    /// None yet.
    pub(crate) fn new() -> Self {
        // INVARIANT: Zeroed.
        Self(UnsafeCell::new(raw::gro_cells::default()))
    }

    /// Sets them up. Process context.
    ///
    /// # Safety
    ///
    /// `dev` must be the device that this is part of, on its way to being registered; RTNL must be held.
    pub(super) unsafe fn set_up(&self, dev: *mut raw::net_device) -> c_int {
        // SAFETY: By the function's requirement nobody else uses them yet.
        unsafe { raw::gro_cells_init(self.0.get(), dev) }
    }

    /// Takes them down. Process context.
    ///
    /// # Safety
    ///
    /// The device must be down, and RTNL be held.
    pub(super) unsafe fn take_down(&self) {
        // SAFETY: Zeroed or set up, by the type invariant; packets for a device that is down are dropped before they are
        // looked for.
        unsafe { raw::gro_cells_destroy(self.0.get()) };
    }

    /// For the stack's own functions.
    pub(in crate::kapi::net) fn as_ptr(&self) -> *mut raw::gro_cells {
        self.0.get()
    }
}
