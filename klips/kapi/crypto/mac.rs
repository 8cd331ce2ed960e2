// SPDX-License-Identifier: GPL-2.0-only

//! Keyed hashes.
//!
//! C header: [`include/crypto/hash.h`](srctree/include/crypto/hash.h)

use super::{to_result, Secret};
use crate::kapi::raw;
use core::ptr::NonNull;
use kernel::{error::from_err_ptr, prelude::*};

/// The longest result of any hash here, bytes.
pub(crate) const MAX_MAC: usize = 64;

/// A keyed hash with its key.
///
/// # Invariants
///
/// Points at a live transform that only this value frees, whose results are at most [`MAX_MAC`] bytes long.
pub(crate) struct Mac(NonNull<raw::crypto_shash>);

// SAFETY: A transform with its key set may be used by any number of CPUs at once; the state of a computation is the caller's.
unsafe impl Send for Mac {}
// SAFETY: As above.
unsafe impl Sync for Mac {}

impl Mac {
    /// A transform for `driver`. Process context.
    ///
    /// `ENOENT`: the kernel has no such algorithm; `EINVAL`: it does not like the key.
    pub(crate) fn new(driver: &CStr, key: &Secret) -> Result<Self> {
        // SAFETY: The name is NUL-terminated.
        let tfm = from_err_ptr(unsafe { raw::crypto_alloc_shash(driver.as_char_ptr(), 0, 0) })?;
        let tfm = NonNull::new(tfm).ok_or(ENOMEM)?;
        // SAFETY: The transform is live.
        if unsafe { raw::klips_shash_digestsize(tfm.as_ptr()) } as usize > MAX_MAC {
            // SAFETY: It is nobody else's.
            unsafe { raw::klips_free_shash(tfm.as_ptr()) };
            return Err(EINVAL);
        }
        // INVARIANT: A fresh transform; the length of its results was just checked.
        let this = Self(tfm);
        // SAFETY: By the type invariant; the key is read only.
        to_result(unsafe {
            raw::crypto_shash_setkey(this.0.as_ptr(), key.0.as_ptr(), key.0.len() as u32)
        })?;
        Ok(this)
    }

    /// The keyed hash of `bytes`; what it does not fill of the result is zero. Softirq; no sleep.
    pub(crate) fn digest(&self, bytes: &[u8]) -> Result<[u8; MAX_MAC]> {
        let mut out = [0u8; MAX_MAC];
        let len = u32::try_from(bytes.len()).map_err(|_| EINVAL)?;
        // SAFETY: By the type invariant the result fits into `out`; `bytes` is valid for `len` bytes. The state is on the
        // callee's stack.
        to_result(unsafe {
            raw::crypto_shash_tfm_digest(self.0.as_ptr(), bytes.as_ptr(), len, out.as_mut_ptr())
        })?;
        Ok(out)
    }

    /// Whether `a` and `b` are the same, found out in a time that depends on their length only.
    pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        // SAFETY: Both are valid for that length.
        unsafe { raw::klips_same(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) }
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The crypto layer wipes the key.
        unsafe { raw::klips_free_shash(self.0.as_ptr()) };
    }
}
