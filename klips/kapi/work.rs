// SPDX-License-Identifier: GPL-2.0-only

//! Work items that are certain to be over before what they work on goes away.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)
//!
//! The kernel crate's `Work` keeps its object alive by a reference count, which does not keep the *module* alive: nothing
//! waits for the function to return. [`Worker`] cancels synchronously on drop, so unloading is safe.

use super::raw;
use kernel::{prelude::*, types::Opaque};

/// What a [`Worker`] does.
pub(crate) trait Run: Send + Sync {
    /// Runs in process context on a kernel worker; may sleep. Never runs twice at the same time for one worker.
    ///
    /// Returns in how many seconds to run again; `None`: when asked.
    fn run(&self) -> Option<u32>;
}

#[pin_data]
#[repr(C)]
struct Inner<T> {
    // First, as the work is first in the delayed work, so that all three have one address.
    #[pin]
    work: Opaque<raw::delayed_work>,
    data: T,
}

/// An object with one work item.
///
/// # Invariants
///
/// The work item is initialised with [`callback`] and never moves.
pub(crate) struct Worker<T: Run>(Pin<KBox<Inner<T>>>);

// SAFETY: A work item may be queued and cancelled from any thread, and `T` is `Send + Sync` by `Run`.
unsafe impl<T: Run> Send for Worker<T> {}
// SAFETY: As above.
unsafe impl<T: Run> Sync for Worker<T> {}

/// # Safety
///
/// `work` must be the work item of a live `Inner<T>`.
unsafe extern "C" fn callback<T: Run>(work: *mut raw::work_struct) {
    // CAST: `work` is the first field of the first field of `Inner<T>`, which is `repr(C)`.
    // SAFETY: By the function's requirement; `Worker::drop` waits for this function before the object is freed.
    let inner = unsafe { &*work.cast::<Inner<T>>() };
    if let Some(secs) = inner.data.run() {
        // What was asked for since the beginning of this run stays as it is: queueing does nothing then.
        // SAFETY: As above.
        unsafe { raw::klips_schedule_in(inner.work.get(), secs) };
    }
}

impl<T: Run> Worker<T> {
    /// Makes a worker around `data`. Process context; fails with `ENOMEM`.
    pub(crate) fn new(data: T) -> Result<Self> {
        let inner = KBox::pin_init(
            pin_init!(Inner {
                // SAFETY: The slot is valid for writes and stays where it is; the callback fits the type.
                work <- unsafe {
                    pin_init::pin_init_from_closure(|slot: *mut Opaque<raw::delayed_work>| {
                        raw::klips_init_delayed_work(Opaque::cast_into(slot), Some(callback::<T>));
                        Ok::<(), core::convert::Infallible>(())
                    })
                },
                data,
            }),
            GFP_KERNEL,
        )?;
        // INVARIANT: Initialised above, pinned by the box.
        Ok(Self(inner))
    }

    /// The object.
    pub(crate) fn data(&self) -> &T {
        &self.0.data
    }

    /// Makes the worker run once more, soon. Any context. A run that has not begun yet serves several calls.
    pub(crate) fn schedule(&self) {
        // SAFETY: By the type invariant the work item is initialised.
        unsafe { raw::klips_schedule_now(self.0.work.get()) };
    }

    /// Waits until every run asked for so far is over; one that was asked for later runs now. Process context.
    pub(crate) fn flush(&self) {
        // SAFETY: By the type invariant the work item is initialised.
        unsafe { raw::flush_delayed_work(self.0.work.get()) };
    }
}

impl<T: Run> Drop for Worker<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the work item is initialised. After this no run is pending or under way.
        unsafe { raw::cancel_delayed_work_sync(self.0.work.get()) };
    }
}
