// SPDX-License-Identifier: GPL-2.0-only

//! Vectors of zeros, cleared by the allocator: large tables of atomics are made so while somebody waits.

use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicU8};
use kernel::{alloc::flags::__GFP_ZERO, prelude::*};

/// What may be made of zero bytes.
///
/// # Safety
///
/// All bits zero is a valid value.
pub(crate) unsafe trait Zeroed {}

// SAFETY: An integer.
unsafe impl Zeroed for AtomicU8 {}
// SAFETY: An integer.
unsafe impl Zeroed for AtomicU64 {}
// SAFETY: A null pointer.
unsafe impl<T> Zeroed for AtomicPtr<T> {}

/// A vector of `count` zeros. Process context; fails with `ENOMEM`.
pub(crate) fn zeroed<T: Zeroed>(count: usize) -> Result<KVVec<T>> {
    let mut zeros = KVVec::with_capacity(count, GFP_KERNEL | __GFP_ZERO)?;
    // SAFETY: There is room for `count`, and all of it is zero, which `T` may be.
    unsafe { zeros.inc_len(count) };
    Ok(zeros)
}
