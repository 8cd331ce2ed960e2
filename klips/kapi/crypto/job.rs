// SPDX-License-Identifier: GPL-2.0-only

//! Operations that may be over later than they return: those of asynchronous implementations.
//!
//! C header: [`include/linux/crypto.h`](srctree/include/linux/crypto.h)
//!
//! Such an operation owns the packet that it works on. When it is over, a callback gives the packet to whoever goes on with
//! it. An implementation with a full queue refuses: nothing is put off any further (`CRYPTO_TFM_REQ_MAY_BACKLOG` is not
//! set), as a sender that is not slowed down would fill any queue.

use super::{to_result, Aead, Request, MAX_IV};
use crate::kapi::{net::skbuff::Packet, raw};
use core::mem::MaybeUninit;
use kernel::{
    ffi::{c_int, c_void},
    prelude::*,
};

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Encrypt the text, and write the ICV behind it.
    Encrypt,
    /// Check the ICV, which ends the text, and decrypt.
    Decrypt,
}

/// The part of a packet that is worked on, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Where the associated data begins.
    pub(crate) start: usize,
    /// Length of the associated data; the text follows.
    pub(crate) assoc: usize,
    /// Length of the text; when decrypting, with the ICV.
    pub(crate) text: usize,
}

/// Goes on with a packet.
pub(crate) trait Resume: Send + 'static {
    /// Takes the packet back, and how it went. Bottom halves disabled; any CPU.
    fn resume(self, packet: Packet, result: Result);
}

/// What became of an operation.
pub(crate) enum Submitted {
    /// It is over, this way; whoever was to go on is dropped.
    Over(Packet, Result),
    /// It is under way.
    Pending,
}

/// All that an operation needs until it is over.
struct Job<R> {
    iv: [u8; MAX_IV],
    sg: MaybeUninit<raw::scatterlist>,
    request: Request,
    packet: Packet,
    then: R,
}

impl Aead {
    /// Starts an operation in place; `then` goes on with the packet if it is not over on return. Softirq; no sleep.
    ///
    /// The transform must live until then. Errors: `EINVAL`: the span is not within the packet; `ENOMEM`; `EBUSY` or
    /// `ENOSPC`: the queue is full; when decrypting, `EBADMSG`: the ICV is wrong.
    pub(crate) fn submit<R: Resume>(
        &self,
        operation: Operation,
        packet: Packet,
        span: Span,
        iv: [u8; MAX_IV],
        then: R,
    ) -> Submitted {
        if let Err(e) = self.check(operation, &packet, span) {
            return Submitted::Over(packet, Err(e));
        }
        let (Ok(place), Ok(request)) = (KBox::<Job<R>>::new_uninit(GFP_ATOMIC), Request::new(self))
        else {
            return Submitted::Over(packet, Err(ENOMEM));
        };
        let job = KBox::into_raw(place.write(Job {
            iv,
            sg: MaybeUninit::uninit(),
            request,
            packet,
            then,
        }));
        // SAFETY: Nobody else has the job yet, and its span was just checked.
        let ret = unsafe { Self::start(job, operation, span) };
        if ret == in_progress() {
            return Submitted::Pending;
        }
        // SAFETY: The operation is over, and the callback is not called then: the job is ours again.
        let job = KBox::into_inner(unsafe { KBox::from_raw(job) });
        Submitted::Over(job.packet, to_result(ret))
    }

    /// Whether the span, with room for the ICV, lies within the packet.
    fn check(&self, operation: Operation, packet: &Packet, span: Span) -> Result {
        let icv_len = match operation {
            Operation::Encrypt => self.icv_len,
            Operation::Decrypt if span.text < self.icv_len => return Err(EINVAL),
            Operation::Decrypt => 0,
        };
        let parts = [span.assoc, span.text, icv_len];
        let end = parts
            .iter()
            .try_fold(span.start, |end, part| end.checked_add(*part));
        if end.is_none_or(|end| end > packet.len()) {
            return Err(EINVAL);
        }
        u32::try_from(packet.len())?;
        Ok(())
    }

    /// Gives the job to the crypto layer, and says what that returned.
    ///
    /// # Safety
    ///
    /// `job` must be a leaked box that the caller does not touch while the operation is under way; the span must lie within
    /// its packet, which is shorter than 4 GiB.
    unsafe fn start<R: Resume>(job: *mut Job<R>, operation: Operation, span: Span) -> c_int {
        // SAFETY: By the function's requirement.
        let this = unsafe { &mut *job };
        let bytes = this.packet.bytes_mut().get_mut(span.start..);
        let bytes = bytes.unwrap_or(&mut []);
        let request = this.request.0.as_ptr();
        // SAFETY: The bytes are the linear part of a packet, hence lowmem memory that a scatterlist may describe; they, the
        // list and the IV live as long as the job, which the callback frees. What is described was checked to be there.
        unsafe {
            raw::klips_sg_init_one(
                this.sg.as_mut_ptr(),
                bytes.as_mut_ptr().cast(),
                bytes.len() as u32,
            );
            raw::klips_aead_request_set(
                request,
                this.sg.as_mut_ptr(),
                span.assoc as u32,
                span.text as u32,
                this.iv.as_mut_ptr(),
                Some(done::<R>),
                job.cast(),
            );
            match operation {
                Operation::Encrypt => raw::crypto_aead_encrypt(request),
                Operation::Decrypt => raw::crypto_aead_decrypt(request),
            }
        }
    }
}

/// What says that an operation is under way.
fn in_progress() -> c_int {
    (raw::EINPROGRESS as c_int).wrapping_neg()
}

/// An operation is over.
///
/// # Safety
///
/// `data` must be the leaked box of a `Job<R>` whose operation was under way; called once with anything but
/// `-EINPROGRESS`, with bottom halves disabled.
unsafe extern "C" fn done<R: Resume>(data: *mut c_void, err: c_int) {
    if err == in_progress() {
        // A request left a backlog, which is not where ours are.
        return;
    }
    // CAST: The callback was set up with a job of this type.
    // SAFETY: By the function's requirement; the crypto layer does not look at the request any more.
    let job = KBox::into_inner(unsafe { KBox::from_raw(data.cast::<Job<R>>()) });
    drop(job.request);
    job.then.resume(job.packet, to_result(err));
}
