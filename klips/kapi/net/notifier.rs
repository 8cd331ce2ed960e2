// SPDX-License-Identifier: GPL-2.0-only

//! Hearing of what happens to network devices.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    dev::{Port, Rtnl},
    raw,
};
use core::{cell::UnsafeCell, marker::PhantomData, mem};
use kernel::{
    ffi::{c_int, c_ulong, c_void},
    prelude::*,
};

/// What happened to a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It goes away; references must be given up.
    Unregister,
    /// It went up.
    Up,
    /// Its address changed.
    ChangeAddr,
    /// Its name changed.
    ChangeName,
}

/// Somebody who wants to hear.
pub(crate) trait Observer: 'static {
    /// The registered block; there is one static for each observer.
    fn block() -> &'static Block<Self>
    where
        Self: Sized;
    /// Something happened to `port`. Under RTNL; may sleep.
    fn event(rtnl: &Rtnl, port: &Port, event: Event);
    /// Whether `port` may be made to carry `upper`, as a port of a bridge does. `Err` says why not, and to the user in
    /// words. Under RTNL; may sleep.
    fn may_carry(rtnl: &Rtnl, port: &Port, upper: &Port) -> Result<(), (&'static CStr, Error)>;
}

/// The kernel's view of an [`Observer`].
pub(crate) struct Block<O: Observer>(UnsafeCell<raw::notifier_block>, PhantomData<fn() -> O>);

// SAFETY: Written before it is registered; afterwards it is the kernel's, which serialises its use.
unsafe impl<O: Observer> Sync for Block<O> {}

impl<O: Observer> Block<O> {
    /// An unregistered block, for a static.
    pub(crate) const fn new() -> Self {
        // SAFETY: All-zero is a valid `notifier_block`; it is filled in before it is registered.
        Self(UnsafeCell::new(unsafe { mem::zeroed() }), PhantomData)
    }

    /// Something happened to a device.
    ///
    /// # Safety
    ///
    /// `info` must be the `netdev_notifier_info` of a live device, and RTNL be held.
    unsafe extern "C" fn callback(
        _nb: *mut raw::notifier_block,
        event: c_ulong,
        info: *mut c_void,
    ) -> c_int {
        let event = match event as raw::netdev_cmd {
            // SAFETY: By the function's requirement; this event has the longer form of it.
            raw::netdev_cmd_NETDEV_PRECHANGEUPPER => return unsafe { Self::upper(info.cast()) },
            raw::netdev_cmd_NETDEV_UNREGISTER => Event::Unregister,
            raw::netdev_cmd_NETDEV_UP => Event::Up,
            raw::netdev_cmd_NETDEV_CHANGEADDR => Event::ChangeAddr,
            raw::netdev_cmd_NETDEV_CHANGENAME => Event::ChangeName,
            _ => return 0,
        };
        // SAFETY: The chain passes a `netdev_notifier_info` of a live device; RTNL is held.
        let (port, rtnl) = unsafe {
            (
                Port::from_raw((*info.cast::<raw::netdev_notifier_info>()).dev),
                Rtnl::assume(),
            )
        };
        if let Some(port) = port {
            O::event(&rtnl, port, event);
        }
        0
    }

    /// A device is to carry another one, or not any more.
    ///
    /// # Safety
    ///
    /// `info` must be that of `NETDEV_PRECHANGEUPPER`, and RTNL be held.
    unsafe fn upper(info: *mut raw::netdev_notifier_changeupper_info) -> c_int {
        // SAFETY: By the function's requirement; both devices are alive.
        let (info, rtnl) = unsafe { (&mut *info, Rtnl::assume()) };
        if !info.linking {
            return 0;
        }
        // SAFETY: As above.
        let (port, upper) = unsafe {
            (
                Port::from_raw(info.info.dev),
                Port::from_raw(info.upper_dev),
            )
        };
        let (Some(port), Some(upper)) = (port, upper) else {
            return 0;
        };
        let Err((why, error)) = O::may_carry(&rtnl, port, upper) else {
            return 0;
        };
        // SAFETY: The chain passes null or the place for a message; the text is static.
        if let Some(extack) = unsafe { info.info.extack.as_mut() } {
            extack._msg = why.as_char_ptr();
        }
        // SAFETY: No requirement.
        unsafe { raw::klips_notifier_error(error.to_errno()) }
    }
}

/// The registration of an observer.
pub(crate) struct Registration<O: Observer>(PhantomData<fn() -> O>);

impl<O: Observer> Registration<O> {
    /// Begins to hear. Process context, without RTNL.
    pub(crate) fn new() -> Result<Self> {
        let block = O::block().0.get();
        // SAFETY: Not registered yet and module initialisation runs once, so nobody else looks at it.
        unsafe { (*block).notifier_call = Some(Block::<O>::callback) };
        // SAFETY: The block is static and complete.
        super::to_result(unsafe { raw::register_netdevice_notifier(block) })?;
        Ok(Self(PhantomData))
    }
}

impl<O: Observer> Drop for Registration<O> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::unregister_netdevice_notifier(O::block().0.get()) };
    }
}
