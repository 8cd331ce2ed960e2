// SPDX-License-Identifier: GPL-2.0-only

//! Work that is spread over processors, and comes back in the order in which it was given away.
//!
//! C header: [`include/linux/padata.h`](srctree/include/linux/padata.h)
//!
//! There is one place for all of it: what is done elsewhere is short, so that nobody waits long for somebody else's.

use super::{net::to_result, raw, rcu};
use core::{
    mem::MaybeUninit,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};
use kernel::{prelude::*, sync::rcu::Guard};

/// A piece of work.
pub(crate) trait Job: Send + 'static {
    /// Does it. On any CPU, bottom halves disabled.
    fn work(&mut self);
    /// Goes on with what came of it. On the CPU that gave it away, bottom halves disabled, after all that was given away there
    /// before.
    fn finish(self);
}

/// Where work is spread from.
struct Spreader {
    instance: NonNull<raw::padata_instance>,
    shell: NonNull<raw::padata_shell>,
    /// How much was given away and is not finished.
    under_way: AtomicUsize,
}

impl Spreader {
    fn new() -> Result<Self> {
        // SAFETY: The name is NUL-terminated.
        let instance = unsafe { raw::klips_padata_alloc(c"klips".as_char_ptr()) };
        let instance = NonNull::new(instance).ok_or(ENOMEM)?;
        // SAFETY: The instance is live.
        let shell = NonNull::new(unsafe { raw::klips_padata_alloc_shell(instance.as_ptr()) });
        let Some(shell) = shell else {
            // SAFETY: As above; nobody else knows it.
            unsafe { raw::klips_padata_free(instance.as_ptr()) };
            return Err(ENOMEM);
        };
        Ok(Self {
            instance,
            shell,
            under_way: AtomicUsize::new(0),
        })
    }
}

impl Drop for Spreader {
    fn drop(&mut self) {
        // SAFETY: Both were made in `new`, and nothing is under way (`Registration::drop`). Freeing the instance waits for the
        // last of its workers to return.
        unsafe {
            raw::klips_padata_free_shell(self.shell.as_ptr());
            raw::klips_padata_free(self.instance.as_ptr());
        }
    }
}

/// The one that there is; null: none. Freed after a grace period, and when nothing is under way any more.
static SPREADER: AtomicPtr<Spreader> = AtomicPtr::new(ptr::null_mut());

/// Work can be spread as long as this lives.
pub(crate) struct Registration(());

impl Registration {
    /// Prepares for it, if the kernel can do it. Process context, when the module is loaded; fails with `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No requirement.
        if unsafe { raw::klips_has_padata() } {
            let spreader = KBox::new(Spreader::new()?, GFP_KERNEL)?;
            let old = SPREADER.swap(KBox::into_raw(spreader), Ordering::Release);
            debug_assert!(old.is_null());
        }
        Ok(Self(()))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let spreader = SPREADER.swap(ptr::null_mut(), Ordering::AcqRel);
        if spreader.is_null() {
            return;
        }
        // Whoever found it has given work away, or has not, by then.
        rcu::synchronize();
        // SAFETY: Only this function frees it, below.
        let under_way = unsafe { &(*spreader).under_way };
        while under_way.load(Ordering::Acquire) != 0 {
            rcu::synchronize();
        }
        // SAFETY: The box leaked in `new`; nobody can find it any more, and nothing that knows it is under way.
        drop(unsafe { KBox::from_raw(spreader) });
    }
}

/// Whether there are processors to spread work over. Any context.
pub(crate) fn is_possible() -> bool {
    // SAFETY: No requirement.
    !SPREADER.load(Ordering::Relaxed).is_null() && unsafe { raw::klips_has_processors() }
}

/// A job under way. `repr(C)`, so that a pointer to what the kernel knows of it is a pointer to the whole.
#[repr(C)]
struct Task<J> {
    padata: raw::padata_priv,
    spreader: *const Spreader,
    job: J,
}

/// Has `job` done by some processor, this one included. Softirq, or process context with bottom halves disabled.
///
/// `Err` hands the job back: `ENOMEM`; `EBUSY` or `EINVAL`: it cannot be spread now.
pub(crate) fn give_away<J: Job>(job: J, _guard: &Guard) -> core::result::Result<(), (J, Error)> {
    let spreader = SPREADER.load(Ordering::Acquire);
    if spreader.is_null() {
        return Err((job, EBUSY));
    }
    let Ok(place) = KBox::<Task<J>>::new_uninit(GFP_ATOMIC) else {
        return Err((job, ENOMEM));
    };
    // SAFETY: All-zero is a valid `padata_priv`.
    let mut padata: raw::padata_priv = unsafe { MaybeUninit::zeroed().assume_init() };
    padata.parallel = Some(work::<J>);
    padata.serial = Some(finish::<J>);
    let task = KBox::into_raw(place.write(Task {
        padata,
        spreader,
        job,
    }));
    // SAFETY: The spreader is not freed under the read lock, of which the guard is the evidence; after that not as long as this
    // is counted.
    let (under_way, shell) = unsafe { (&(*spreader).under_way, (*spreader).shell) };
    under_way.fetch_add(1, Ordering::Relaxed);
    // CAST: To the first field, by way of which the callbacks get the whole.
    // SAFETY: The shell is live, as above. The task is a leaked box, which the kernel has to itself until it calls `finish`.
    let ret = unsafe { raw::klips_padata_do_parallel(shell.as_ptr(), task.cast()) };
    let Err(why) = to_result(ret) else {
        return Ok(());
    };
    under_way.fetch_sub(1, Ordering::Release);
    // SAFETY: It was refused: the box is ours again.
    let task = KBox::into_inner(unsafe { KBox::from_raw(task) });
    Err((task.job, why))
}

/// # Safety
///
/// `padata` must be that of a leaked `Task<J>` that nobody else looks into; called once, with bottom halves disabled.
unsafe extern "C" fn work<J: Job>(padata: *mut raw::padata_priv) {
    // CAST: The first field of the `repr(C)` task.
    // SAFETY: By the function's requirement.
    let job = unsafe { &mut (*padata.cast::<Task<J>>()).job };
    job.work();
    // SAFETY: The task was given to `padata_do_parallel`, and this once. It is not ours from here on.
    unsafe { raw::klips_padata_do_serial(padata) };
}

/// # Safety
///
/// `padata` must be that of a leaked `Task<J>` that nobody else knows any more; called once, with bottom halves disabled.
unsafe extern "C" fn finish<J: Job>(padata: *mut raw::padata_priv) {
    // CAST: The first field of the `repr(C)` task.
    // SAFETY: By the function's requirement the box is ours again.
    let task = KBox::into_inner(unsafe { KBox::from_raw(padata.cast::<Task<J>>()) });
    task.job.finish();
    // SAFETY: The spreader lives as long as this is counted, and is not looked at after that.
    unsafe { (*task.spreader).under_way.fetch_sub(1, Ordering::Release) };
}
