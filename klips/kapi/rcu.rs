// SPDX-License-Identifier: GPL-2.0-only

//! Publishing data to readers that hold nothing but the RCU read lock.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)
//!
//! * [`Graveyard`]: frees what was unpublished, in process context, after a grace period.
//! * [`Rcu`]: one pointer, replaced as a whole.
//! * [`Memo`]: one pointer to what was worked out from published data, and can be again.
//! * [`Loan`]: a counted reference that packets may give up, although it may be the last one.
//!
//! The kernel crate has the read side only (`rcu::Guard`).

use super::work::{Run, Worker};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};
use kernel::{
    alloc::Flags,
    bindings,
    prelude::*,
    sync::{rcu::Guard, Arc},
};

/// What every published object begins with: its place in the graveyard once it is unpublished.
#[repr(C)]
pub(super) struct Header {
    next: *mut Header,
    free: unsafe fn(*mut Header),
}

/// A published object. `repr(C)` so that a pointer to the header is a pointer to the whole.
#[repr(C)]
pub(super) struct Node<T> {
    header: Header,
    pub(super) value: T,
}

// SAFETY: The header's pointer is the graveyard's, and null before; what moves with a node that nobody sees is its value.
unsafe impl<T: Send> Send for Node<T> {}

impl<T> Node<T> {
    /// Allocates a node. Process context.
    pub(super) fn new(value: T) -> Result<KBox<Self>> {
        Self::with_flags(value, GFP_KERNEL)
    }

    fn with_flags(value: T, flags: Flags) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                header: Header {
                    next: ptr::null_mut(),
                    free: Self::free,
                },
                value,
            },
            flags,
        )?)
    }

    /// # Safety
    ///
    /// `header` must be that of a `Node<T>` made by [`Node::new`], given up by everybody.
    unsafe fn free(header: *mut Header) {
        // CAST: The header is the first field of the `repr(C)` node.
        // SAFETY: By the function's requirement the box is ours again.
        drop(unsafe { KBox::from_raw(header.cast::<Self>()) });
    }
}

/// Evidence that the caller of a callback holds the read lock for as long as that runs.
pub(super) struct Held(ManuallyDrop<Guard>);

impl Held {
    /// # Safety
    ///
    /// The read lock must be held until the value is dropped.
    #[inline]
    pub(super) unsafe fn assume() -> Self {
        const { assert!(core::mem::size_of::<Guard>() == 0) };
        // SAFETY: A guard has no contents; it stands for the lock, which is held by the function's requirement and is not
        // released by this value.
        Self(ManuallyDrop::new(unsafe {
            NonNull::<Guard>::dangling().as_ptr().read()
        }))
    }
}

impl Deref for Held {
    type Target = Guard;

    #[inline]
    fn deref(&self) -> &Guard {
        &self.0
    }
}

struct Yard {
    buried: AtomicPtr<Header>,
    /// Counts changes to what is published.
    epoch: AtomicU64,
}

impl Yard {
    fn take(&self) -> *mut Header {
        self.buried.swap(ptr::null_mut(), Ordering::Acquire)
    }

    fn free_list(mut head: *mut Header) {
        while let Some(header) = NonNull::new(head) {
            // SAFETY: The list holds live headers that only this function can reach any more.
            let (next, free) = unsafe { (header.as_ref().next, header.as_ref().free) };
            // SAFETY: A grace period has passed since the object was unpublished, so no reader is left.
            unsafe { free(header.as_ptr()) };
            head = next;
        }
    }
}

impl Run for Yard {
    fn run(&self) -> Option<u32> {
        let head = self.take();
        if !head.is_null() {
            synchronize();
            Self::free_list(head);
        }
        None
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        self.run();
    }
}

/// Where unpublished objects wait until no reader can see them any more.
///
/// Objects are dropped in process context, so that they may own things whose release sleeps (transforms, devices).
pub(crate) struct Graveyard(Worker<Yard>);

impl Graveyard {
    /// Makes an empty graveyard. Process context; fails with `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Worker::new(Yard {
            buried: AtomicPtr::new(ptr::null_mut()),
            epoch: AtomicU64::new(1),
        })?))
    }

    /// The time between two changes to what is published. What is read after this belongs to this epoch or to a later one;
    /// while it lasts, what was worked out from it holds. Any context.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.0.data().epoch.load(Ordering::Acquire)
    }

    /// Begins a new epoch: something changed that is not published here. Whoever publishes need not. Any context.
    pub(crate) fn advance(&self) {
        self.0.data().epoch.fetch_add(1, Ordering::Release);
    }

    /// Frees `node` after a grace period. Any context.
    ///
    /// # Safety
    ///
    /// `node` must come from `KBox::into_raw` of a [`Node::new`], must no longer be reachable for new readers, and must not
    /// be used by the caller again.
    pub(super) unsafe fn bury<T: Send>(&self, node: NonNull<Node<T>>) {
        // CAST: The header is the first field of the `repr(C)` node.
        let header = node.cast::<Header>();
        let list = &self.0.data().buried;
        let mut head = list.load(Ordering::Relaxed);
        loop {
            // SAFETY: The caller gave the node to us; readers look at `value` only, never at the header.
            unsafe { (*header.as_ptr()).next = head };
            match list.compare_exchange_weak(
                head,
                header.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        self.0.schedule();
    }

    /// Waits until everything buried so far is freed. Process context.
    pub(crate) fn flush(&self) {
        self.0.flush();
    }
}

/// Waits for a grace period. Process context.
pub(crate) fn synchronize() {
    // SAFETY: No requirement but process context, which the callers state.
    unsafe { bindings::synchronize_rcu() };
}

/// The time until all who are reading now have stopped.
pub(crate) struct GracePeriod(kernel::ffi::c_ulong);

impl GracePeriod {
    /// It begins now. Any context.
    pub(crate) fn begin() -> Self {
        // SAFETY: No requirement.
        Self(unsafe { bindings::start_poll_synchronize_rcu() })
    }

    /// Whether it is over. Any context.
    pub(crate) fn is_over(&self) -> bool {
        // SAFETY: No requirement.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }
}

/// A pointer that readers follow under RCU and writers replace as a whole.
///
/// # Invariants
///
/// The pointer is null or a leaked box of [`Node::new`] that this cell owns.
pub(crate) struct Rcu<T: Send + Sync>(AtomicPtr<Node<T>>);

impl<T: Send + Sync> Rcu<T> {
    /// A cell with nothing in it.
    pub(crate) const fn empty() -> Self {
        // INVARIANT: Null.
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// A cell that holds `value`. Process context; fails with `ENOMEM`.
    pub(crate) fn new(value: T) -> Result<Self> {
        // INVARIANT: Just leaked.
        Ok(Self(AtomicPtr::new(KBox::into_raw(Node::new(value)?))))
    }

    /// What is published now. The reference lasts as long as the read lock.
    #[inline]
    pub(crate) fn read<'g>(&'g self, _guard: &'g Guard) -> Option<&'g T> {
        // SAFETY: By the type invariant the pointer is null or a live node; it is freed a grace period after it was
        // replaced at the earliest, which the guard holds off. `Acquire` makes the node's contents visible.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }.map(|node| &node.value)
    }

    /// Allocates what [`Rcu::publish`] will publish. Process context.
    pub(crate) fn prepare(value: T) -> Result<Prepared<T>> {
        Ok(Prepared(Node::new(value)?))
    }

    /// Publishes `new` in place of the old value, which is freed through `yard`. Cannot fail. Any context.
    pub(crate) fn publish(&self, new: Option<Prepared<T>>, yard: &Graveyard) {
        let raw = new.map_or(ptr::null_mut(), |p| KBox::into_raw(p.0));
        // SAFETY: Null or just leaked.
        unsafe { self.exchange(raw, yard) };
        yard.advance();
    }

    /// # Safety
    ///
    /// `raw` must be null or a leaked box of [`Node::new`] that the caller gives up.
    unsafe fn exchange(&self, raw: *mut Node<T>, yard: &Graveyard) {
        // INVARIANT: By the function's requirement.
        if let Some(old) = NonNull::new(self.0.swap(raw, Ordering::AcqRel)) {
            // SAFETY: By the type invariant the old node was ours; the swap made it unreachable for new readers.
            unsafe { yard.bury(old) };
        }
    }

    /// Whether something is published.
    pub(crate) fn is_some(&self) -> bool {
        !self.0.load(Ordering::Relaxed).is_null()
    }
}

impl<T: Send + Sync> Drop for Rcu<T> {
    fn drop(&mut self) {
        if let Some(node) = NonNull::new(*self.0.get_mut()) {
            // SAFETY: By the type invariant the node is ours, and `&mut self` means that no reader is left.
            drop(unsafe { KBox::from_raw(node.as_ptr()) });
        }
    }
}

/// A pointer to something that was worked out from published data: anybody may put a newer one in its place or take it away,
/// and nothing else changes by that.
pub(crate) struct Memo<T: Send + Sync>(Rcu<T>);

impl<T: Send + Sync> Memo<T> {
    /// Remembers nothing.
    pub(crate) const fn empty() -> Self {
        Self(Rcu::empty())
    }

    /// What is remembered. The reference lasts as long as the read lock.
    #[inline]
    pub(crate) fn read<'g>(&'g self, guard: &'g Guard) -> Option<&'g T> {
        self.0.read(guard)
    }

    /// Remembers `value` instead. Without memory, what was remembered stays. Any context.
    pub(crate) fn put(&self, value: T, yard: &Graveyard) {
        if let Ok(node) = Node::with_flags(value, GFP_ATOMIC) {
            // SAFETY: Just leaked.
            unsafe { self.0.exchange(KBox::into_raw(node), yard) };
        }
    }

    /// Forgets. Any context.
    pub(crate) fn forget(&self, yard: &Graveyard) {
        if self.0.is_some() {
            // SAFETY: Null.
            unsafe { self.0.exchange(ptr::null_mut(), yard) };
        }
    }
}

/// A value with its allocation done, ready to be published without failing.
pub(crate) struct Prepared<T>(KBox<Node<T>>);

impl<T> Deref for Prepared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// A counted reference for a time in which no read lock is held. The object that it turns out to be the last reference to is
/// dropped in process context.
pub(crate) struct Loan<T: Send + Sync>(KBox<Node<Option<Arc<T>>>>);

impl<T: Send + Sync> Loan<T> {
    /// Another reference to `arc`. Any context; fails with `ENOMEM`.
    pub(crate) fn new(arc: &Arc<T>) -> Result<Self> {
        Ok(Self(Node::with_flags(Some(arc.clone()), GFP_ATOMIC)?))
    }

    /// The object.
    pub(crate) fn get(&self) -> Option<&Arc<T>> {
        self.0.value.as_ref()
    }

    /// Gives the reference up. Any context.
    pub(crate) fn give_back(mut self, yard: &Graveyard) {
        let last = self.0.value.take().and_then(Arc::into_unique_or_drop);
        if let Some(last) = last {
            self.0.value = Some(last.into());
            if let Some(node) = NonNull::new(KBox::into_raw(self.0)) {
                // SAFETY: The node was made by `Node::with_flags`, nobody else has it, and it is given up.
                unsafe { yard.bury(node) };
            }
        }
    }
}
