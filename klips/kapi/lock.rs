// SPDX-License-Identifier: GPL-2.0-only

//! A spin lock that process context and softirq may share.
//!
//! The kernel crate's `SpinLock` does not disable bottom halves; taken in process context, a softirq on the same CPU that
//! wants the lock would spin for ever.

use super::raw;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{lock::spinlock::SpinLockBackend, lock::Guard, SpinLock},
    types::NotThreadSafe,
};

/// Evidence that bottom halves are disabled on this CPU.
pub(crate) struct BhGuard {
    /// It was this guard that disabled them.
    ours: bool,
    _here: NotThreadSafe,
}

impl BhGuard {
    /// Disables bottom halves, if they are not: where packets are they mostly are, and stay so until all that is called
    /// there has returned. Any context but hard interrupts; nests.
    #[inline]
    pub(crate) fn new() -> Self {
        // SAFETY: No requirement.
        let ours = unsafe { !raw::klips_bh_is_disabled() };
        if ours {
            // SAFETY: No requirement; undone in `drop` on the same thread, as the type is not `Send`.
            unsafe { raw::klips_local_bh_disable() };
        }
        Self {
            ours,
            _here: NotThreadSafe,
        }
    }
}

impl Drop for BhGuard {
    #[inline]
    fn drop(&mut self) {
        if self.ours {
            // SAFETY: Disabled in `new`.
            unsafe { raw::klips_local_bh_enable() };
        }
    }
}

/// Data under a spin lock that is only ever taken with bottom halves disabled.
#[pin_data]
pub(crate) struct BhLock<T> {
    #[pin]
    inner: SpinLock<T>,
}

impl<T> BhLock<T> {
    /// Makes the lock.
    pub(crate) fn new(value: T) -> impl PinInit<Self> {
        pin_init!(Self { inner <- new_spinlock!(value) })
    }

    /// Runs `f` with the lock held. `f` must be short and must not sleep.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R
    where
        T: Unpin,
    {
        let bh = BhGuard::new();
        let mut guard: Guard<'_, T, SpinLockBackend> = self.inner.lock();
        let r = f(&mut guard);
        drop(guard);
        drop(bh);
        r
    }
}
