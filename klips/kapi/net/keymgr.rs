// SPDX-License-Identifier: GPL-2.0-only

//! Policies that key daemons give to single sockets, as `af_key` used to take them.
//!
//! C header: [`include/net/xfrm.h`](srctree/include/net/xfrm.h)
//!
//! The kernel offers the socket option to one registered key manager after the other; the policy that comes back is the
//! native stack's, and so it holds for that too.

use super::raw;
use core::{cell::UnsafeCell, marker::PhantomData, mem, ptr, slice};
use kernel::{ffi::c_int, prelude::*};

/// The direction of a policy, by the kernel's numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What the socket receives.
    In = 0,
    /// What it sends.
    Out = 1,
}

/// Who understands the option.
pub(crate) trait Exempter: 'static {
    /// The registered manager; there is one static for each.
    fn manager() -> &'static Manager<Self>
    where
        Self: Sized;
    /// The direction in which the option exempts its socket. May not sleep.
    fn exemption(option: &[u8]) -> Result<Direction>;
}

/// The kernel's view of an [`Exempter`].
pub(crate) struct Manager<E: Exempter>(UnsafeCell<raw::xfrm_mgr>, PhantomData<fn() -> E>);

// SAFETY: Complete from the start; what the kernel changes in it the kernel serialises.
unsafe impl<E: Exempter> Sync for Manager<E> {}

impl<E: Exempter> Manager<E> {
    /// An unregistered manager, for a static.
    pub(crate) const fn new() -> Self {
        Self(
            UnsafeCell::new(raw::xfrm_mgr {
                acquire: Some(Self::acquire_callback),
                compile_policy: Some(Self::compile_callback),
                // SAFETY: All-zero is a valid `xfrm_mgr`.
                ..unsafe { mem::zeroed() }
            }),
            PhantomData,
        )
    }

    /// The native stack wants an SA: not from here. The answer is the one it has without any manager.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn acquire_callback(
        _state: *mut raw::xfrm_state,
        _template: *mut raw::xfrm_tmpl,
        _policy: *mut raw::xfrm_policy,
    ) -> c_int {
        EINVAL.to_errno()
    }

    /// A privileged user gives a socket a policy.
    ///
    /// # Safety
    ///
    /// `sk` must be a live socket, `data` hold `len` bytes, `dir` be writable, and RCU be held.
    unsafe extern "C" fn compile_callback(
        sk: *mut raw::sock,
        option: c_int,
        data: *mut u8,
        len: c_int,
        dir: *mut c_int,
    ) -> *mut raw::xfrm_policy {
        let known = [raw::IP_IPSEC_POLICY, raw::IPV6_IPSEC_POLICY];
        let ours = known
            .iter()
            .any(|known| c_int::try_from(*known) == Ok(option));
        let Some(len) = usize::try_from(len).ok().filter(|_| ours) else {
            // SAFETY: By the function's requirement.
            unsafe { *dir = EOPNOTSUPP.to_errno() };
            return ptr::null_mut();
        };
        // SAFETY: By the function's requirement.
        let bytes = unsafe { slice::from_raw_parts(data, len) };
        // SAFETY: As above.
        let made = E::exemption(bytes).and_then(|direction| unsafe {
            let policy = raw::klips_policy_allow(sk);
            if policy.is_null() {
                return Err(ENOMEM);
            }
            Ok((policy, direction))
        });
        let (policy, outcome) = match made {
            Ok((policy, direction)) => (policy, direction as c_int),
            Err(e) => (ptr::null_mut(), e.to_errno()),
        };
        // SAFETY: As above.
        unsafe { *dir = outcome };
        policy
    }
}

/// The registration of a manager; dropping it waits until nobody is in it any more.
pub(crate) struct Registration<E: Exempter>(PhantomData<fn() -> E>);

impl<E: Exempter> Registration<E> {
    /// Lets daemons exempt sockets. Process context.
    pub(crate) fn new() -> Self {
        // SAFETY: The manager is static and complete, and not registered: module initialisation runs once.
        unsafe { raw::xfrm_register_km(E::manager().0.get()) };
        Self(PhantomData)
    }
}

impl<E: Exempter> Drop for Registration<E> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::xfrm_unregister_km(E::manager().0.get()) };
    }
}
