// SPDX-License-Identifier: GPL-2.0-only

//! How users ask for devices of ours, and get rid of them: `ip link add`, `ip link del`.
//!
//! C header: [`include/net/rtnetlink.h`](srctree/include/net/rtnetlink.h)

use super::{Device, DeviceRef, Driver, KillList, Name, Port, PortRef, Rtnl};
use crate::kapi::{
    net::{to_result, Net},
    raw,
};
use core::{cell::UnsafeCell, marker::PhantomData, mem};
use kernel::{ffi::c_int, prelude::*};

/// The kernel's view of how devices of a driver come and go.
pub(crate) struct Links<T: Driver>(UnsafeCell<raw::rtnl_link_ops>, PhantomData<fn() -> T>);

// SAFETY: Complete from the start; what the kernel changes in it the kernel serialises.
unsafe impl<T: Driver> Sync for Links<T> {}

impl<T: Driver> Links<T> {
    /// Unregistered operations, for a static.
    pub(crate) const fn new() -> Self {
        Self(
            UnsafeCell::new(raw::rtnl_link_ops {
                kind: T::KIND.to_bytes_with_nul().as_ptr(),
                priv_size: mem::size_of::<T>(),
                setup: Some(Device::<T>::setup_callback),
                newlink: Some(Self::newlink_callback),
                dellink: Some(Self::dellink_callback),
                // SAFETY: All-zero is a valid `rtnl_link_ops`.
                ..unsafe { mem::zeroed() }
            }),
            PhantomData,
        )
    }

    pub(super) fn as_ptr(&self) -> *const raw::rtnl_link_ops {
        self.0.get()
    }

    /// A user asks for a device.
    ///
    /// # Safety
    ///
    /// `dev` must be a device set up for this driver and not registered, `params` and `extack` live for the call or, the
    /// latter, null, and RTNL be held.
    unsafe extern "C" fn newlink_callback(
        dev: *mut raw::net_device,
        params: *mut raw::rtnl_newlink_params,
        extack: *mut raw::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: RTNL is held.
        let rtnl = unsafe { Rtnl::assume() };
        let request = NewDevice {
            dev,
            params,
            extack,
            _lives: PhantomData,
        };
        T::create(request, &rtnl).map_or_else(|e| e.to_errno(), |()| 0)
    }

    /// A device is to go.
    ///
    /// # Safety
    ///
    /// `dev` must be a registered device of this driver, `list` a list for `unregister_netdevice_many`, and RTNL be held.
    unsafe extern "C" fn dellink_callback(dev: *mut raw::net_device, list: *mut raw::list_head) {
        // SAFETY: The kernel passes a device of this driver and its list, under RTNL.
        unsafe {
            T::delete(
                Device::from_raw(dev),
                &Rtnl::assume(),
                &mut KillList::from_raw(list),
            );
        }
    }
}

/// A device that a user asks for.
///
/// # Invariants
///
/// `dev` is set up for the driver and not registered; `params` is live; `extack` is live or null.
pub(crate) struct NewDevice<'a, T: Driver> {
    dev: *mut raw::net_device,
    params: *mut raw::rtnl_newlink_params,
    extack: *mut raw::netlink_ext_ack,
    _lives: PhantomData<&'a mut T>,
}

impl<T: Driver> NewDevice<'_, T> {
    fn attribute(&self, kind: u32) -> Option<*const raw::nlattr> {
        // SAFETY: By the type invariant; the kernel's table has a place for every kind of attribute.
        let attr = unsafe { *(*self.params).tb.add(kind as usize) };
        (!attr.is_null()).then_some(attr.cast_const())
    }

    fn port(&self) -> &Port {
        // CAST: `Port` is a transparent wrapper.
        // SAFETY: By the type invariant.
        unsafe { &*self.dev.cast::<Port>() }
    }

    /// The namespace that the device shall be in.
    pub(crate) fn net(&self) -> &Net {
        self.port().net()
    }

    /// The name that it shall have, if the user minds.
    pub(crate) fn name(&self) -> Option<Name> {
        self.attribute(raw::IFLA_IFNAME).map(|_| self.port().name())
    }

    /// The MTU that it shall have, if the user minds.
    pub(crate) fn mtu(&self) -> Option<u32> {
        self.attribute(raw::IFLA_MTU).map(|_| self.port().mtu())
    }

    /// Whether the user wants it to have an address of its own.
    pub(crate) fn has_address(&self) -> bool {
        self.attribute(raw::IFLA_ADDRESS).is_some()
    }

    /// The device that it shall stand on, if the user says so. `ENODEV`: there is none such.
    pub(crate) fn lower(&self) -> Result<Option<PortRef>> {
        let Some(attr) = self.attribute(raw::IFLA_LINK) else {
            return Ok(None);
        };
        // SAFETY: The kernel has checked that the attribute is a number; namespaces in `params` are alive for the call.
        let (ifindex, net) = unsafe {
            let params = &*self.params;
            let net = if params.link_net.is_null() {
                params.src_net
            } else {
                params.link_net
            };
            (raw::klips_nla_u32(attr), Net::from_raw(net))
        };
        let ifindex = c_int::try_from(ifindex).map_err(|_| ENODEV)?;
        PortRef::by_index(net, ifindex).map(Some).ok_or(ENODEV)
    }

    /// Tells the user why the request is refused, with `error`.
    pub(crate) fn refuse(&self, why: &'static CStr, error: Error) -> Error {
        // SAFETY: By the type invariant; the text is static.
        if let Some(extack) = unsafe { self.extack.as_mut() } {
            extack._msg = why.as_char_ptr();
        }
        error
    }

    /// Registers the device as `name` with `data`. `EEXIST`: the name is taken.
    pub(crate) fn register(&self, name: &CStr, data: T, rtnl: &Rtnl) -> Result<DeviceRef<T>> {
        // SAFETY: By the type invariant nobody else knows the device yet.
        let to = unsafe { &mut (*self.dev).name };
        let bytes = name.to_bytes_with_nul();
        if bytes.len() > to.len() {
            return Err(EINVAL);
        }
        for (to, from) in to.iter_mut().zip(bytes) {
            *to = *from;
        }
        // SAFETY: By the type invariant. When it fails the kernel frees the device.
        unsafe { Device::complete(self.dev, data, rtnl) }
    }
}

/// The registration of the operations; dropping it removes all devices of the driver, in all namespaces.
pub(crate) struct Registration<T: Driver>(PhantomData<fn() -> T>);

impl<T: Driver> Registration<T> {
    /// Lets users ask for devices. Process context, without RTNL.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The operations are static, complete and not registered: module initialisation runs once.
        to_result(unsafe { raw::rtnl_link_register(T::links().0.get()) })?;
        Ok(Self(PhantomData))
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::rtnl_link_unregister(T::links().0.get()) };
    }
}
