// SPDX-License-Identifier: GPL-2.0-only

//! One instance of the module's state for every network namespace.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)
//!
//! The instance is found from packets, sockets and `/proc` readers through the namespace's generic pointer. When a
//! namespace (or the module) goes, the kernel calls `pre_exit` for it, waits for a grace period, and calls the
//! rest: after `pre_exit` nobody finds the instance any more, after the grace period nobody uses a borrowed one.

use super::{
    dev::{KillList, Rtnl},
    raw, Net,
};
use crate::kapi::rcu::synchronize;
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem, ptr,
    sync::atomic::{AtomicPtr, AtomicU32, Ordering},
};
use kernel::{
    prelude::*,
    sync::{rcu::Guard, Arc},
};

/// State that exists once in every network namespace.
pub(crate) trait PerNet: Send + Sync + Sized + 'static {
    /// The registered operations; there is one static for each implementation.
    fn operations() -> &'static Operations<Self>;
    /// Makes the instance for `net`. Process context.
    fn create(net: &Net) -> Result<Arc<Self>>;
    /// Called when the instance can be found: makes what needs it (devices, files). Process context.
    fn start(this: &Arc<Self>, net: &Net) -> Result;
    /// Queues the instance's devices for removal.
    fn remove_devices(&self, rtnl: &Rtnl, list: &mut KillList);
    /// Takes away everything else. Nobody finds the instance any more. Process context.
    fn stop(&self, net: &Net);
}

/// What the namespace's generic pointer points at; zeroed by the kernel.
#[repr(C)]
struct Slot<T> {
    /// Null before the instance is made and from `pre_exit` on.
    live: AtomicPtr<T>,
    /// The reference that the slot owns, from `Arc::into_raw`.
    owned: AtomicPtr<T>,
}

/// The kernel's view of a [`PerNet`].
pub(crate) struct Operations<T: PerNet> {
    ops: UnsafeCell<raw::pernet_operations>,
    id: AtomicU32,
    _t: PhantomData<fn() -> T>,
}

// SAFETY: `ops` is given to the kernel, which serialises its use; `id` is atomic.
unsafe impl<T: PerNet> Sync for Operations<T> {}

impl<T: PerNet> Operations<T> {
    /// An unregistered set of operations, for a static.
    pub(crate) const fn new() -> Self {
        Self {
            // SAFETY: All-zero is a valid `pernet_operations`; it is filled in before it is registered.
            ops: UnsafeCell::new(unsafe { mem::zeroed() }),
            id: AtomicU32::new(0),
            _t: PhantomData,
        }
    }

    fn slot<'a>(net: *mut raw::net) -> Option<&'a Slot<T>> {
        let id = T::operations().id.load(Ordering::Relaxed);
        if id == 0 {
            return None;
        }
        // SAFETY: `id` was given to us by the kernel and every live namespace has a slot of the asked size for it.
        unsafe { raw::klips_net_generic(net, id).cast::<Slot<T>>().as_ref() }
    }

    /// A namespace begins.
    ///
    /// # Safety
    ///
    /// `net` must be a live namespace whose slot is zeroed; called once for it, in process
    /// context.
    unsafe extern "C" fn init(net: *mut raw::net) -> kernel::ffi::c_int {
        // SAFETY: The kernel passes a live namespace.
        let net_ref = unsafe { Net::from_raw(net) };
        let Some(slot) = Self::slot(net) else {
            return EINVAL.to_errno();
        };
        let this = match T::create(net_ref) {
            Ok(this) => this,
            Err(e) => return e.to_errno(),
        };
        let raw = Arc::into_raw(this.clone()).cast_mut();
        slot.owned.store(raw, Ordering::Relaxed);
        slot.live.store(raw, Ordering::Release);
        match T::start(&this, net_ref) {
            Ok(()) => 0,
            Err(e) => {
                slot.live.store(ptr::null_mut(), Ordering::Release);
                // The module may be loaded into a namespace that is in use: somebody may have found the instance.
                synchronize();
                this.stop(net_ref);
                Self::give_up(slot);
                e.to_errno()
            }
        }
    }

    /// A namespace is about to end.
    ///
    /// # Safety
    ///
    /// `net` must be a namespace for which `init` succeeded.
    unsafe extern "C" fn pre_exit(net: *mut raw::net) {
        if let Some(slot) = Self::slot(net) {
            slot.live.store(ptr::null_mut(), Ordering::Release);
        }
    }

    /// Devices of a namespace are to go.
    ///
    /// # Safety
    ///
    /// `net` must be a namespace for which `init` succeeded, `list` a list for
    /// `unregister_netdevice_many`, and RTNL be held.
    unsafe extern "C" fn exit_rtnl(net: *mut raw::net, list: *mut raw::list_head) {
        let Some(slot) = Self::slot(net) else { return };
        // SAFETY: The slot owns a reference until `give_up`.
        if let Some(this) = unsafe { slot.owned.load(Ordering::Relaxed).as_ref() } {
            // SAFETY: RTNL is held and the list is the kernel's for this call.
            let (rtnl, mut list) = unsafe { (Rtnl::assume(), KillList::from_raw(list)) };
            this.remove_devices(&rtnl, &mut list);
        }
    }

    /// A namespace ends.
    ///
    /// # Safety
    ///
    /// `net` must be a namespace for which `init` succeeded; called once, a grace period after
    /// `pre_exit`.
    unsafe extern "C" fn exit(net: *mut raw::net) {
        let Some(slot) = Self::slot(net) else { return };
        // SAFETY: The slot owns a reference until `give_up`.
        if let Some(this) = unsafe { slot.owned.load(Ordering::Relaxed).as_ref() } {
            // SAFETY: The namespace is live until its exit functions are through.
            this.stop(unsafe { Net::from_raw(net) });
        }
        Self::give_up(slot);
    }

    fn give_up(slot: &Slot<T>) {
        let raw = slot.owned.swap(ptr::null_mut(), Ordering::AcqRel);
        if !raw.is_null() {
            // SAFETY: From `Arc::into_raw` in `init`, given back once.
            drop(unsafe { Arc::from_raw(raw.cast_const()) });
        }
    }
}

/// The instance of `T` in `net`, unless the namespace is on its way in or out.
#[inline]
pub(crate) fn instance<'g, T: PerNet>(net: &Net, _guard: &'g Guard) -> Option<&'g T> {
    let slot = Operations::<T>::slot(net.as_ptr())?;
    // SAFETY: The slot's reference is dropped a grace period after `live` became null.
    unsafe { slot.live.load(Ordering::Acquire).as_ref() }
}

/// A counted reference to the instance of `T` in `net`. Any context.
pub(crate) fn instance_arc<T: PerNet>(net: &Net) -> Option<Arc<T>> {
    let guard = kernel::sync::rcu::read_lock();
    let this: *const T = instance::<T>(net, &guard)?;
    // SAFETY: `live` holds a pointer from `Arc::into_raw` whose count cannot reach zero within the read lock; the borrowed
    // `Arc` is forgotten, its clone kept.
    let borrowed = mem::ManuallyDrop::new(unsafe { Arc::from_raw(this) });
    Some((*borrowed).clone())
}

/// The registration of the operations; dropping it takes the instances of all namespaces down.
pub(crate) struct Registration<T: PerNet>(PhantomData<fn() -> T>);

impl<T: PerNet> Registration<T> {
    /// Makes an instance in every namespace, present and future. Process context.
    pub(crate) fn new() -> Result<Self> {
        let this = T::operations();
        // SAFETY: Not registered yet, and module initialisation runs once, so nobody else looks at it. The `const`
        // members of the C structure are written through a raw pointer before the kernel sees them.
        unsafe {
            let ops = this.ops.get();
            (*ops).init = Some(Operations::<T>::init);
            (*ops).pre_exit = Some(Operations::<T>::pre_exit);
            (*ops).exit_rtnl = Some(Operations::<T>::exit_rtnl);
            (*ops).exit = Some(Operations::<T>::exit);
            ptr::addr_of!((*ops).id)
                .cast_mut()
                .cast::<*mut u32>()
                .write(this.id.as_ptr());
            ptr::addr_of!((*ops).size)
                .cast_mut()
                .write(mem::size_of::<Slot<T>>());
        }
        // SAFETY: The operations are static and complete.
        super::to_result(unsafe { raw::register_pernet_device(this.ops.get()) })?;
        Ok(Self(PhantomData))
    }
}

impl<T: PerNet> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::unregister_pernet_device(T::operations().ops.get()) };
    }
}
