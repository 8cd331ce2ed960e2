// SPDX-License-Identifier: GPL-2.0-only

//! Compression.
//!
//! C header: [`include/crypto/acompress.h`](srctree/include/crypto/acompress.h)

use super::to_result;
use crate::kapi::raw;
use core::ptr::NonNull;
use kernel::{error::from_err_ptr, prelude::*};

/// A compression transform.
///
/// # Invariants
///
/// Points at a live transform that only this value frees.
pub(crate) struct Compressor(NonNull<raw::crypto_acomp>);

// SAFETY: A transform may be used by any number of CPUs at once; each request has its own state.
unsafe impl Send for Compressor {}
// SAFETY: As above.
unsafe impl Sync for Compressor {}

impl Compressor {
    /// A transform for `driver`. Process context. `ENOENT`: the kernel has no such algorithm.
    pub(crate) fn new(driver: &CStr) -> Result<Self> {
        // SAFETY: The name is NUL-terminated. Asynchronous implementations are masked out.
        let tfm = from_err_ptr(unsafe {
            raw::crypto_alloc_acomp(driver.as_char_ptr(), 0, raw::KLIPS_CRYPTO_ALG_ASYNC)
        })?;
        // INVARIANT: A fresh transform.
        NonNull::new(tfm).map(Self).ok_or(ENOMEM)
    }

    /// Compresses `from` into `to`; the length of the result. Softirq; no sleep.
    ///
    /// `ENOSPC` or `EINVAL`: it does not fit; `ENOMEM`.
    pub(crate) fn compress(&self, from: &[u8], to: &mut [u8]) -> Result<usize> {
        self.run(true, from, to)
    }

    /// As [`Compressor::compress`], the other way. `ENOSPC`: it does not fit; `EINVAL`: data that is not of this algorithm;
    /// `ENOMEM`.
    pub(crate) fn decompress(&self, from: &[u8], to: &mut [u8]) -> Result<usize> {
        self.run(false, from, to)
    }

    fn run(&self, compress: bool, from: &[u8], to: &mut [u8]) -> Result<usize> {
        let from_len = u32::try_from(from.len()).map_err(|_| EINVAL)?;
        let mut to_len = u32::try_from(to.len()).map_err(|_| EINVAL)?;
        // SAFETY: By the type invariant; both slices are valid for their lengths until the operation is over, which it is
        // on return as asynchronous transforms were masked out.
        to_result(unsafe {
            raw::klips_acomp_run(
                self.0.as_ptr(),
                compress,
                from.as_ptr(),
                from_len,
                to.as_mut_ptr(),
                &mut to_len,
            )
        })?;
        let len = to_len as usize;
        if len > to.len() {
            return Err(EINVAL);
        }
        Ok(len)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_free_acomp(self.0.as_ptr()) };
    }
}
