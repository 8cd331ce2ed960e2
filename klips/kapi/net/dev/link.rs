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

/// What users may do with an attribute that devices of ours have and no others, in `IFLA_INFO_DATA`.
#[repr(transparent)]
pub(crate) struct Wish(raw::nla_policy);

impl Wish {
    /// A number that users may say.
    pub(crate) const NUMBER: Self = Self::of(raw::NLA_U32);
    /// Only shown.
    pub(crate) const SHOWN: Self = Self::of(raw::NLA_REJECT);

    const fn of(kind: u32) -> Self {
        Self(raw::nla_policy {
            type_: kind as u8,
            // SAFETY: All-zero is a valid `nla_policy`.
            ..unsafe { mem::zeroed() }
        })
    }
}

/// What the kernel checks a user's attributes against: one for each kind, the unused first one included.
pub(crate) struct Policy<const N: usize>([Wish; N]);

// SAFETY: Never written; the pointers that policies may have are null.
unsafe impl<const N: usize> Sync for Policy<N> {}

impl<const N: usize> Policy<N> {
    /// The policy of these attributes, for a static.
    pub(crate) const fn new(wishes: [Wish; N]) -> Self {
        Self(wishes)
    }
}

/// The kernel's view of how devices of a driver come and go.
pub(crate) struct Links<T: Driver>(UnsafeCell<raw::rtnl_link_ops>, PhantomData<fn() -> T>);

// SAFETY: Complete from the start; what the kernel changes in it the kernel serialises.
unsafe impl<T: Driver> Sync for Links<T> {}

impl<T: Driver> Links<T> {
    /// Unregistered operations, for a static.
    pub(crate) const fn new<const N: usize>(policy: &'static Policy<N>) -> Self {
        assert!(N > 0 && N < 0xffff);
        Self(
            UnsafeCell::new(raw::rtnl_link_ops {
                kind: T::KIND.to_bytes_with_nul().as_ptr(),
                priv_size: mem::size_of::<T>(),
                // CAST: `Wish` is a transparent wrapper.
                policy: policy.0.as_ptr().cast(),
                maxtype: N as u32 - 1,
                setup: Some(Device::<T>::setup_callback),
                newlink: Some(Self::newlink_callback),
                changelink: Some(Self::changelink_callback),
                dellink: Some(Self::dellink_callback),
                get_size: Some(Self::size_callback),
                fill_info: Some(Self::describe_callback),
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
            // SAFETY: The parameters live for the call, and so do the attributes.
            wishes: unsafe { Wishes::from_raw((*params).data, extack) },
        };
        T::create(request, &rtnl).map_or_else(|e| e.to_errno(), |()| 0)
    }

    /// A user wants something else of a device.
    ///
    /// # Safety
    ///
    /// `dev` must be a registered device of this driver, `data` null or a table of attributes by this driver's policy,
    /// `extack` null or live for the call, and RTNL be held.
    unsafe extern "C" fn changelink_callback(
        dev: *mut raw::net_device,
        _common: *mut *mut raw::nlattr,
        data: *mut *mut raw::nlattr,
        extack: *mut raw::netlink_ext_ack,
    ) -> c_int {
        // SAFETY: The kernel passes a device of this driver, and attributes that live for the call, under RTNL.
        let (dev, wishes, rtnl) = unsafe {
            (
                Device::from_raw(dev),
                Wishes::from_raw(data, extack),
                Rtnl::assume(),
            )
        };
        T::change(dev, &wishes, &rtnl).map_or_else(|e| e.to_errno(), |()| 0)
    }

    /// How large a description can be, bytes.
    ///
    /// # Safety
    ///
    /// None.
    unsafe extern "C" fn size_callback(_dev: *const raw::net_device) -> usize {
        T::DESCRIPTION
    }

    /// Somebody wants a device described.
    ///
    /// # Safety
    ///
    /// `skb` must be a message under construction, and `dev` a live device of this driver.
    unsafe extern "C" fn describe_callback(
        skb: *mut raw::sk_buff,
        dev: *const raw::net_device,
    ) -> c_int {
        // SAFETY: The kernel passes a device of this driver.
        let dev = unsafe { Device::<T>::from_raw(dev.cast_mut()) };
        let mut to = Description(skb, PhantomData);
        dev.data()
            .describe(&mut to)
            .map_or_else(|e| e.to_errno(), |()| 0)
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

/// The attributes that a user says of a device of ours, and a place to say what is wrong with them.
///
/// # Invariants
///
/// `data` is null or a table of attributes that the kernel has checked by the driver's policy; `extack` is live or null.
pub(crate) struct Wishes<'a, T: Driver> {
    data: *mut *mut raw::nlattr,
    extack: *mut raw::netlink_ext_ack,
    _lives: PhantomData<&'a mut T>,
}

impl<T: Driver> Wishes<'_, T> {
    /// # Safety
    ///
    /// By the type invariants, as long as the value exists.
    unsafe fn from_raw(data: *mut *mut raw::nlattr, extack: *mut raw::netlink_ext_ack) -> Self {
        Self {
            data,
            extack,
            _lives: PhantomData,
        }
    }

    /// The number that attribute `kind` has, if the user says it. It must be a [`Wish::NUMBER`].
    pub(crate) fn number(&self, kind: u16) -> Option<u32> {
        // SAFETY: The kernel never changes registered operations' policies.
        let most = unsafe { (*T::links().0.get()).maxtype };
        if self.data.is_null() || u32::from(kind) > most {
            return None;
        }
        // SAFETY: By the type invariant there is a place for every kind up to the greatest.
        let attr = unsafe { *self.data.add(kind.into()) };
        // SAFETY: The policy has made sure that it is a number.
        (!attr.is_null()).then(|| unsafe { raw::klips_nla_u32(attr) })
    }

    /// Tells the user why the request is refused, with `error`.
    pub(crate) fn refuse(&self, why: &'static CStr, error: Error) -> Error {
        // SAFETY: By the type invariant; the text is static.
        if let Some(extack) = unsafe { self.extack.as_mut() } {
            extack._msg = why.as_char_ptr();
        }
        error
    }
}

/// A message in which a device is described.
pub(crate) struct Description<'a>(*mut raw::sk_buff, PhantomData<&'a mut ()>);

impl Description<'_> {
    /// Bytes that an attribute of `len` bytes takes.
    pub(crate) const fn room(len: usize) -> usize {
        const HEADER: usize = 4;
        (HEADER + len).next_multiple_of(4)
    }

    fn put(&mut self, kind: u16, value: &[u8]) -> Result {
        let len = c_int::try_from(value.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: The message is under construction by the caller of the callback that made this.
        to_result(unsafe { raw::nla_put(self.0, kind.into(), len, value.as_ptr().cast()) })
    }

    /// Adds a number. `EMSGSIZE`: there is no room.
    pub(crate) fn number(&mut self, kind: u16, value: u32) -> Result {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds a name. `EMSGSIZE`: there is no room.
    pub(crate) fn name(&mut self, kind: u16, name: &Name) -> Result {
        let len = name.as_str().len().saturating_add(1);
        self.put(kind, name.0.get(..len).unwrap_or(&name.0))
    }
}

/// A device that a user asks for.
///
/// # Invariants
///
/// `dev` is set up for the driver and not registered; `params` is live.
pub(crate) struct NewDevice<'a, T: Driver> {
    dev: *mut raw::net_device,
    params: *mut raw::rtnl_newlink_params,
    wishes: Wishes<'a, T>,
}

impl<'a, T: Driver> NewDevice<'a, T> {
    /// What the user says in attributes of this driver.
    pub(crate) fn wishes(&self) -> &Wishes<'a, T> {
        &self.wishes
    }

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

    /// The device that it shall stand on, if the user says so, which may be in attribute `kind` too. `ENODEV`: there is
    /// none such.
    pub(crate) fn lower(&self, kind: u16) -> Result<Option<PortRef>> {
        let common = self.attribute(raw::IFLA_LINK).map(|attr| {
            // SAFETY: The kernel has checked that the attribute is a number.
            unsafe { raw::klips_nla_u32(attr) }
        });
        let Some(ifindex) = common.or_else(|| self.wishes.number(kind)) else {
            return Ok(None);
        };
        // SAFETY: Namespaces in `params` are alive for the call.
        let net = unsafe {
            let params = &*self.params;
            Net::from_raw(if params.link_net.is_null() {
                params.src_net
            } else {
                params.link_net
            })
        };
        let ifindex = c_int::try_from(ifindex).map_err(|_| ENODEV)?;
        PortRef::by_index(net, ifindex).map(Some).ok_or(ENODEV)
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
