// SPDX-License-Identifier: GPL-2.0-only

//! Network devices: any ([`Port`]), our own ([`Device`]), and how users ask for ours ([`Links`]).
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

mod driver;
mod gro;
mod header;
mod link;

pub(crate) use driver::{Device, DeviceRef, Driver, Stats};
pub(crate) use gro::GroCells;
pub(crate) use link::{Description, Links, NewDevice, Policy, Registration, Wish, Wishes};

use super::{raw, Net};
use core::{marker::PhantomData, ops::Deref, ptr::NonNull};
use kernel::{ffi::c_int, prelude::*, types::Opaque};

/// Any network device, borrowed from something that keeps it alive.
#[repr(transparent)]
pub(crate) struct Port(Opaque<raw::net_device>);

// SAFETY: Devices are shared by all CPUs; what is read here is read racily by the whole stack.
unsafe impl Send for Port {}
// SAFETY: As above.
unsafe impl Sync for Port {}

impl Port {
    /// # Safety
    ///
    /// `ptr` must be null or a device that stays alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(ptr: *mut raw::net_device) -> Option<&'a Self> {
        // CAST: `Port` is a transparent wrapper.
        // SAFETY: By the function's requirement.
        unsafe { ptr.cast::<Self>().as_ref() }
    }

    pub(super) fn as_ptr(&self) -> *mut raw::net_device {
        self.0.get()
    }

    fn get(&self) -> &raw::net_device {
        // SAFETY: The device is alive. Fields may change under us as they do for every other part of the stack.
        unsafe { &*self.0.get() }
    }

    /// Interface index.
    pub(crate) fn ifindex(&self) -> c_int {
        self.get().ifindex
    }

    /// MTU in bytes.
    pub(crate) fn mtu(&self) -> u32 {
        self.get().mtu
    }

    /// Interface name.
    pub(crate) fn name(&self) -> Name {
        let mut bytes = [0u8; 16];
        for (to, from) in bytes.iter_mut().zip(self.get().name.iter()) {
            *to = *from;
        }
        Name(bytes)
    }

    /// Whether packets on this device have Ethernet headers.
    pub(crate) fn is_ethernet(&self) -> bool {
        u32::from(self.get().type_) == raw::ARPHRD_ETHER
    }

    /// Whether it is up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.get().flags & raw::KLIPS_IFF_UP != 0
    }

    /// Room that the device's link layer wants before a packet, bytes.
    #[inline]
    pub(crate) fn link_reserve(&self) -> usize {
        usize::from(self.get().hard_header_len) + usize::from(self.get().needed_headroom) + 16
    }

    /// Whether the device is in `net` now.
    pub(crate) fn is_in(&self, net: &Net) -> bool {
        self.net().as_ptr() == net.as_ptr()
    }

    /// The namespace that the device is in now.
    pub(crate) fn net(&self) -> &Net {
        // SAFETY: A device's namespace outlives the device's stay in it.
        unsafe { Net::from_raw(self.get().nd_net.net) }
    }

    /// Whether `upper` stands on this device, directly or not. Under RTNL or RCU.
    pub(crate) fn carries(&self, upper: &Port) -> bool {
        // SAFETY: Both devices are alive.
        unsafe { raw::klips_dev_carries(self.as_ptr(), upper.as_ptr()) }
    }

    /// A counted reference.
    pub(crate) fn hold(&self) -> PortRef {
        // SAFETY: The device is alive.
        unsafe { raw::klips_dev_hold(self.as_ptr()) };
        // INVARIANT: The reference was just taken.
        PortRef(NonNull::from(self))
    }
}

/// An interface name, for printing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name([u8; 16]);

impl Name {
    /// The name as text; empty if it is not UTF-8.
    pub(crate) fn as_str(&self) -> &str {
        let len = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        self.0
            .get(..len)
            .and_then(|b| core::str::from_utf8(b).ok())
            .unwrap_or("")
    }
}

/// A counted reference to a device.
///
/// # Invariants
///
/// Holds one reference.
pub(crate) struct PortRef(NonNull<Port>);

// SAFETY: References are counted atomically and `Port` is `Sync`.
unsafe impl Send for PortRef {}
// SAFETY: As above.
unsafe impl Sync for PortRef {}

impl PortRef {
    /// The device with this interface index in `net`. Process context.
    pub(crate) fn by_index(net: &Net, ifindex: c_int) -> Option<Self> {
        // SAFETY: The namespace is alive.
        let dev = unsafe { raw::dev_get_by_index(net.as_ptr(), ifindex) };
        // CAST: `Port` is a transparent wrapper.
        // INVARIANT: The function returns a reference.
        NonNull::new(dev.cast()).map(Self)
    }

    /// The device called `name` (NUL-terminated) in `net`. Process context.
    pub(crate) fn by_name(net: &Net, name: &CStr) -> Option<Self> {
        // SAFETY: Both arguments are live for the call.
        let dev = unsafe { raw::klips_dev_get_by_name(net.as_ptr(), name.as_char_ptr()) };
        // CAST: `Port` is a transparent wrapper.
        // INVARIANT: The function returns a reference.
        NonNull::new(dev.cast()).map(Self)
    }
}

impl Deref for PortRef {
    type Target = Port;
    fn deref(&self) -> &Port {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for PortRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_dev_put(self.as_ptr()) };
    }
}

/// Evidence that the RTNL mutex is held.
pub(crate) struct Rtnl(PhantomData<*const ()>);

impl Rtnl {
    /// # Safety
    ///
    /// RTNL must be held as long as the value exists.
    pub(super) unsafe fn assume() -> Self {
        Self(PhantomData)
    }

    /// Runs `f` with the mutex held. Process context, without RTNL. Devices that `f` removes are gone when this returns.
    pub(crate) fn with<R>(f: impl FnOnce(&Self) -> R) -> R {
        // SAFETY: Process context; unlocked below, as nothing here unwinds.
        unsafe { raw::rtnl_lock() };
        let r = f(&Self(PhantomData));
        // SAFETY: Locked above.
        unsafe { raw::rtnl_unlock() };
        r
    }
}

/// The kernel's list of devices to be removed together.
pub(crate) struct KillList(*mut raw::list_head);

impl KillList {
    /// # Safety
    ///
    /// `list` must be a list for `unregister_netdevice_many`, and RTNL be held, as long as the value exists.
    pub(super) unsafe fn from_raw(list: *mut raw::list_head) -> Self {
        Self(list)
    }
}
