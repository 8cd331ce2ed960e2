// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's cryptography: authenticated encryption, keyed hashes, compression and random numbers.
//!
//! C header: [`include/crypto/aead.h`](srctree/include/crypto/aead.h)

mod compress;
mod job;
mod mac;

pub(crate) use compress::Compressor;
pub(crate) use job::{Operation, Resume, Span, Submitted};
pub(crate) use mac::{Mac, MAX_MAC};

use super::{net::to_result, raw};
use core::ptr::NonNull;
use kernel::{error::from_err_ptr, prelude::*};

/// Largest IV of any transform here, bytes.
pub(crate) const MAX_IV: usize = 16;

/// Overwrites `bytes` with zeros in a way that is not optimised away.
pub(crate) fn wipe(bytes: &mut [u8]) {
    // SAFETY: The slice is valid for writes.
    unsafe { raw::klips_memzero_explicit(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// Fills `bytes` from the kernel's generator. Any context.
pub(crate) fn random(bytes: &mut [u8]) {
    // SAFETY: The slice is valid for writes.
    unsafe { raw::klips_random_bytes(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// A random number. Any context.
pub(crate) fn random_u32() -> u32 {
    // SAFETY: No requirement.
    unsafe { raw::klips_random_u32() }
}

/// Whether the kernel has an AEAD of this name. Process context; may load modules.
pub(crate) fn has_aead(name: &CStr) -> bool {
    // SAFETY: The name is NUL-terminated.
    unsafe { raw::crypto_has_aead(name.as_char_ptr(), 0, 0) != 0 }
}

/// Whether the kernel has a hash of this name, and a synchronous one. Process context; may load modules.
pub(crate) fn has_hash(name: &CStr) -> bool {
    // SAFETY: The name is NUL-terminated.
    unsafe { raw::crypto_has_ahash(name.as_char_ptr(), 0, raw::KLIPS_CRYPTO_ALG_ASYNC) != 0 }
}

/// Whether the kernel has a compressor of this name. Process context; may load modules.
pub(crate) fn has_compressor(name: &CStr) -> bool {
    let (kind, mask) = (
        raw::CRYPTO_ALG_TYPE_ACOMPRESS,
        raw::CRYPTO_ALG_TYPE_ACOMPRESS_MASK,
    );
    // SAFETY: The name is NUL-terminated.
    unsafe { raw::crypto_has_alg(name.as_char_ptr(), kind, mask) != 0 }
}

/// Key material that is wiped when it goes.
pub(crate) struct Secret(KVec<u8>);

impl Secret {
    /// An empty secret with room for `n` bytes.
    pub(crate) fn with_capacity(n: usize) -> Result<Self> {
        Ok(Self(KVec::with_capacity(n, GFP_KERNEL)?))
    }

    /// Whether both are the same secret. Not for comparing with what somebody else can choose: it takes varying time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0[..] == other.0[..]
    }

    /// The secret itself, for those who may know it.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Appends bytes; fails rather than grow, which would leave a copy behind.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result {
        if bytes.len() > self.0.capacity().saturating_sub(self.0.len()) {
            return Err(EINVAL);
        }
        Ok(self.0.extend_from_slice(bytes, GFP_KERNEL)?)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// An AEAD transform with its key.
///
/// # Invariants
///
/// Points at a live transform that only this value frees.
pub(crate) struct Aead {
    tfm: NonNull<raw::crypto_aead>,
    icv_len: usize,
    waits: bool,
}

// SAFETY: A transform with its key set may be used by any number of CPUs at once; each request has its own state.
unsafe impl Send for Aead {}
// SAFETY: As above.
unsafe impl Sync for Aead {}

impl Aead {
    fn allocate(driver: &CStr, mask: u32) -> Result<Self> {
        // SAFETY: The name is NUL-terminated.
        let tfm = from_err_ptr(unsafe { raw::crypto_alloc_aead(driver.as_char_ptr(), 0, mask) })?;
        let tfm = NonNull::new(tfm).ok_or(ENOMEM)?;
        // SAFETY: The transform is live.
        let waits = unsafe { raw::klips_aead_is_async(tfm.as_ptr()) };
        // INVARIANT: A fresh transform.
        Ok(Self {
            tfm,
            icv_len: 0,
            waits,
        })
    }

    /// A transform for `driver` with a plain key. Process context.
    ///
    /// It is a synchronous one if the kernel has any; `best`: the one that the kernel ranks highest.
    ///
    /// `ENOENT`: the kernel has no such algorithm; `EINVAL`: it does not like the key or the ICV length (bytes).
    pub(crate) fn new(driver: &CStr, key: &Secret, icv_len: usize, best: bool) -> Result<Self> {
        let mut this = if best {
            Self::allocate(driver, 0)
        } else {
            Self::allocate(driver, raw::KLIPS_CRYPTO_ALG_ASYNC)
                .or_else(|_| Self::allocate(driver, 0))
        }?;
        // SAFETY: By the type invariant; the key is read only.
        to_result(unsafe {
            raw::crypto_aead_setkey(this.tfm.as_ptr(), key.0.as_ptr(), key.0.len() as u32)
        })?;
        // SAFETY: By the type invariant.
        to_result(unsafe { raw::crypto_aead_setauthsize(this.tfm.as_ptr(), icv_len as u32) })?;
        this.icv_len = icv_len;
        Ok(this)
    }

    /// Whether operations may be over later than they return: then they go through [`Aead::submit`] only.
    #[inline]
    pub(crate) fn is_async(&self) -> bool {
        self.waits
    }

    /// Encrypts `buf[assoc..assoc + text]` in place and writes the ICV behind it. Softirq; no sleep.
    ///
    /// `EINVAL`: the buffer is too short, or the transform is asynchronous.
    pub(crate) fn encrypt(
        &self,
        buf: &mut [u8],
        assoc: usize,
        text: usize,
        iv: &mut [u8; MAX_IV],
    ) -> Result {
        let end = assoc
            .checked_add(text)
            .and_then(|n| n.checked_add(self.icv_len));
        if end.is_none_or(|end| end > buf.len()) {
            return Err(EINVAL);
        }
        self.run(buf, assoc, text, iv, true)
    }

    /// Checks the ICV over `buf` and decrypts `buf[assoc..assoc + text]` in place; `text` counts ciphertext and ICV. Softirq; no sleep.
    ///
    /// `EBADMSG`: the ICV is wrong. The comparison takes constant time.
    pub(crate) fn decrypt(
        &self,
        buf: &mut [u8],
        assoc: usize,
        text: usize,
        iv: &mut [u8; MAX_IV],
    ) -> Result {
        if text < self.icv_len || assoc.checked_add(text).is_none_or(|end| end > buf.len()) {
            return Err(EINVAL);
        }
        self.run(buf, assoc, text, iv, false)
    }

    fn run(
        &self,
        buf: &mut [u8],
        assoc: usize,
        text: usize,
        iv: &mut [u8; MAX_IV],
        encrypt: bool,
    ) -> Result {
        if self.waits {
            return Err(EINVAL);
        }
        let len = u32::try_from(buf.len()).map_err(|_| EINVAL)?;
        // SAFETY: `buf` is the linear part of a packet, hence lowmem memory that a scatterlist may describe; buffer and IV
        // live until the operation is over, which it is on return as the transform is synchronous. That the lengths lie
        // within the buffer was checked.
        let ret = unsafe {
            raw::klips_aead_run(
                self.tfm.as_ptr(),
                encrypt,
                buf.as_mut_ptr().cast(),
                len,
                assoc as u32,
                text as u32,
                iv.as_mut_ptr(),
            )
        };
        match ret {
            0 => Ok(()),
            error => to_result(error),
        }
    }
}

impl Drop for Aead {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The crypto layer wipes the key schedule.
        unsafe { raw::klips_free_aead(self.tfm.as_ptr()) };
    }
}

/// The state of one operation.
///
/// # Invariants
///
/// Points at a live request that only this value frees.
struct Request(NonNull<raw::aead_request>);

// SAFETY: A request may be freed by any CPU.
unsafe impl Send for Request {}

impl Request {
    fn new(tfm: &Aead) -> Result<Self> {
        // SAFETY: The transform is live.
        NonNull::new(unsafe { raw::klips_aead_request_alloc(tfm.tfm.as_ptr()) })
            .map(Self)
            .ok_or(ENOMEM)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: Allocated in `new`. Its memory is wiped by the crypto layer.
        unsafe { raw::klips_aead_request_free(self.0.as_ptr()) };
    }
}
