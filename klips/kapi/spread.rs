// SPDX-License-Identifier: GPL-2.0-only

//! Work that is spread over processors, and comes back in the order in which it was given away.
//!
//! C header: [`include/linux/padata.h`](srctree/include/linux/padata.h)
//!
//! To wake another processor takes longer than most of what there is to do. So each processor collects what it has to give away
//! for as long as it is busy with what came in, and gives away chunks.

use super::{lock::BhLock, net::to_result, raw, rcu};
use core::{
    mem::MaybeUninit,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};
use heapless::Vec;
use kernel::{prelude::*, sync::rcu::Guard, types::Opaque};

/// The most pieces of work in a chunk.
const CHUNK: usize = 16;

/// The most that may be under way. Some CPUs may exceed it by one each.
const MOST: usize = 4096;

/// A piece of work.
pub(crate) trait Job: Sized + Send + 'static {
    /// Where those of this kind are given away.
    fn place() -> &'static Place<Self>;
    /// Does it. On any CPU, bottom halves disabled.
    fn work(&mut self);
    /// Goes on with what came of it; it may not have been done. On the CPU that gave it away, bottom halves disabled, after all
    /// that was given away there before.
    fn finish(self);
}

/// What the kernel does it with.
struct Engine {
    instance: NonNull<raw::padata_instance>,
    shell: NonNull<raw::padata_shell>,
    /// How much was given away and is not finished.
    under_way: AtomicUsize,
}

impl Engine {
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

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: Both were made in `new`, and nothing is under way (`Registration::drop`). Freeing the instance waits for the
        // last of its workers to return.
        unsafe {
            raw::klips_padata_free_shell(self.shell.as_ptr());
            raw::klips_padata_free(self.instance.as_ptr());
        }
    }
}

/// Pieces of work under way. `repr(C)`, so that a pointer to what the kernel knows of it is a pointer to the whole.
#[repr(C)]
struct Chunk<J> {
    padata: raw::padata_priv,
    engine: *const Engine,
    jobs: Vec<KBox<J>, CHUNK>,
}

// SAFETY: The engine is shared by nature, and lives as long as anything is under way; the rest is the kernel's or `Send`.
unsafe impl<J: Send> Send for Chunk<J> {}

impl<J: Job> Chunk<J> {
    fn new(engine: *const Engine) -> Result<KBox<Self>> {
        // SAFETY: All-zero is a valid `padata_priv`.
        let mut padata: raw::padata_priv = unsafe { MaybeUninit::zeroed().assume_init() };
        padata.parallel = Some(Self::work);
        padata.serial = Some(Self::finish);
        Ok(KBox::new(
            Self {
                padata,
                engine,
                jobs: Vec::new(),
            },
            GFP_ATOMIC,
        )?)
    }

    /// Has it done. Softirq, or process context with bottom halves disabled.
    fn start(this: KBox<Self>) {
        // SAFETY: The engine lives as long as the chunk's jobs are counted.
        let shell = unsafe { (*this.engine).shell };
        let chunk = KBox::into_raw(this);
        // CAST: To the first field, by way of which the callbacks get the whole.
        // SAFETY: The shell is live, as above. The chunk is a leaked box, which the kernel has to itself until it calls `finish`.
        let ret = unsafe { raw::klips_padata_do_parallel(shell.as_ptr(), chunk.cast()) };
        if to_result(ret).is_err() {
            // SAFETY: It was refused, and will not be called for it.
            unsafe { Self::finish(chunk.cast()) };
        }
    }

    /// # Safety
    ///
    /// `padata` must be that of a leaked chunk that nobody else looks into; called once, with bottom halves disabled.
    unsafe extern "C" fn work(padata: *mut raw::padata_priv) {
        // CAST: The first field of the `repr(C)` chunk.
        // SAFETY: By the function's requirement.
        let jobs = unsafe { &mut (*padata.cast::<Self>()).jobs };
        jobs.iter_mut().for_each(|job| job.work());
        // SAFETY: The chunk was given to `padata_do_parallel`, and this once. It is not ours from here on.
        unsafe { raw::klips_padata_do_serial(padata) };
    }

    /// # Safety
    ///
    /// `padata` must be that of a leaked chunk that nobody else knows any more; called once, with bottom halves disabled.
    unsafe extern "C" fn finish(padata: *mut raw::padata_priv) {
        // CAST: The first field of the `repr(C)` chunk.
        // SAFETY: By the function's requirement the box is ours again.
        let chunk = KBox::into_inner(unsafe { KBox::from_raw(padata.cast::<Self>()) });
        let count = chunk.jobs.len();
        for job in chunk.jobs {
            KBox::into_inner(job).finish();
        }
        // SAFETY: The engine lives as long as these are counted, and is not looked at after that.
        unsafe {
            (*chunk.engine)
                .under_way
                .fetch_sub(count, Ordering::Release)
        };
    }
}

/// What one CPU has collected.
#[pin_data]
#[repr(C)]
struct Corner<J: Job> {
    // First, so that both have one address.
    #[pin]
    flush: Opaque<raw::work_struct>,
    #[pin]
    chunk: BhLock<Option<KBox<Chunk<J>>>>,
}

// SAFETY: The work item may be queued from any thread; what it works on is under a lock.
unsafe impl<J: Job> Send for Corner<J> {}
// SAFETY: As above.
unsafe impl<J: Job> Sync for Corner<J> {}

impl<J: Job> Corner<J> {
    fn new() -> Result<Pin<KBox<Self>>> {
        KBox::pin_init(
            pin_init!(Self {
                // SAFETY: The slot is valid for writes and stays where it is; the callback fits the type.
                flush <- unsafe {
                    pin_init::pin_init_from_closure(|slot: *mut Opaque<raw::work_struct>| {
                        raw::klips_init_work(Opaque::cast_into(slot), Some(Self::flush));
                        Ok::<(), core::convert::Infallible>(())
                    })
                },
                chunk <- BhLock::new(None),
            }),
            GFP_KERNEL,
        )
    }

    /// Puts `job` to the others, which go when the CPU is done with what came in, or there are enough. `Err` hands it back: there
    /// is no memory.
    fn put(&self, job: KBox<J>, engine: *const Engine) -> core::result::Result<(), KBox<J>> {
        // Not under the lock. The corner is this CPU's, where nothing comes in between.
        let fresh = match self.chunk.with(|slot| slot.is_some()) {
            true => None,
            false => Chunk::new(engine).ok(),
        };
        let (full, first) = self.chunk.with(|slot| {
            if slot.is_none() {
                *slot = fresh;
            }
            let Some(chunk) = slot else {
                return Err(job);
            };
            // There is room: full ones are taken out.
            chunk.jobs.push(job)?;
            let (first, full) = (chunk.jobs.len() == 1, chunk.jobs.is_full());
            Ok((slot.take_if(|_| full), first))
        })?;
        if let Some(chunk) = full {
            Chunk::start(chunk);
        } else if first {
            // SAFETY: The work item is initialised, and flushed before it goes.
            unsafe { raw::klips_queue_bh(self.flush.get()) };
        }
        Ok(())
    }

    /// # Safety
    ///
    /// `work` must be the work item of a live corner.
    unsafe extern "C" fn flush(work: *mut raw::work_struct) {
        // CAST: The first field of the `repr(C)` corner.
        // SAFETY: By the function's requirement.
        let corner = unsafe { &*work.cast::<Self>() };
        if let Some(chunk) = corner.chunk.with(Option::take) {
            Chunk::start(chunk);
        }
    }
}

/// Where work is spread from. In the order in which it is taken down.
struct Spreader<J: Job> {
    /// One for each CPU.
    corners: KVec<Pin<KBox<Corner<J>>>>,
    engine: Engine,
}

impl<J: Job> Spreader<J> {
    fn new() -> Result<Self> {
        // SAFETY: No requirement.
        let count = unsafe { raw::klips_processors_possible() };
        let mut corners = KVec::new();
        for _ in 0..count {
            corners.push(Corner::new()?, GFP_KERNEL)?;
        }
        Ok(Self {
            corners,
            engine: Engine::new()?,
        })
    }

    /// Waits until nothing is under way. Process context; nobody gives anything away any more.
    fn drain(&self) {
        for corner in &self.corners {
            // SAFETY: The work item is initialised.
            unsafe { raw::klips_flush_work(corner.flush.get()) };
        }
        while self.engine.under_way.load(Ordering::Acquire) != 0 {
            rcu::synchronize();
        }
    }
}

/// Where work of one kind is given away; there is one static for each.
///
/// # Invariants
///
/// Null, or a live box that is freed after a grace period.
pub(crate) struct Place<J: Job>(AtomicPtr<Spreader<J>>);

impl<J: Job> Place<J> {
    /// One where nothing can be given away, for a static.
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Whether there are processors to spread work over. Any context.
    pub(crate) fn is_useful(&self) -> bool {
        // SAFETY: No requirement.
        !self.0.load(Ordering::Relaxed).is_null() && unsafe { raw::klips_has_processors() }
    }

    /// Has `job` done by some processor, this one included. Softirq, or process context with bottom halves disabled.
    ///
    /// `Err` hands the job back: `ENOMEM`; `EBUSY`: nothing can be given away, or too much is under way.
    pub(crate) fn give_away(&self, job: J, _guard: &Guard) -> core::result::Result<(), (J, Error)> {
        // SAFETY: By the type invariant: the guard is the evidence that no grace period ends meanwhile.
        let Some(spreader) = (unsafe { self.0.load(Ordering::Acquire).as_ref() }) else {
            return Err((job, EBUSY));
        };
        if spreader.engine.under_way.load(Ordering::Relaxed) >= MOST {
            return Err((job, EBUSY));
        }
        let Ok(place) = KBox::<J>::new_uninit(GFP_ATOMIC) else {
            return Err((job, ENOMEM));
        };
        // SAFETY: No requirement; bottom halves are disabled, so that it stays this one.
        let cpu = unsafe { raw::klips_processor() };
        let corner = usize::try_from(cpu)
            .ok()
            .and_then(|cpu| spreader.corners.get(cpu));
        let Some(corner) = corner else {
            return Err((job, EBUSY));
        };
        let engine = &spreader.engine;
        engine.under_way.fetch_add(1, Ordering::Relaxed);
        corner.put(place.write(job), engine).map_err(|job| {
            engine.under_way.fetch_sub(1, Ordering::Release);
            (KBox::into_inner(job), ENOMEM)
        })
    }
}

/// Work can be given away as long as this lives.
pub(crate) struct Registration<J: Job>(&'static Place<J>);

impl<J: Job> Registration<J> {
    /// Prepares for it, if the kernel can do it. Process context, when the module is loaded; fails with `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let place = J::place();
        // SAFETY: No requirement.
        if unsafe { raw::klips_has_padata() } {
            let spreader = KBox::new(Spreader::new()?, GFP_KERNEL)?;
            // INVARIANT: A box that only `drop` frees.
            place.0.store(KBox::into_raw(spreader), Ordering::Release);
        }
        Ok(Self(place))
    }
}

impl<J: Job> Drop for Registration<J> {
    fn drop(&mut self) {
        let spreader = self.0 .0.swap(ptr::null_mut(), Ordering::AcqRel);
        if spreader.is_null() {
            return;
        }
        // Whoever found it has given work away, or has not, by then.
        rcu::synchronize();
        // SAFETY: The box leaked in `new`; nobody can find it any more.
        let spreader = unsafe { KBox::from_raw(spreader) };
        spreader.drain();
    }
}
