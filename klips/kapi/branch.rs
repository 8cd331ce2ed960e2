// SPDX-License-Identifier: GPL-2.0-only

//! A branch that costs nothing while nobody wants it: the kernel patches a no-op into a jump, and back.
//!
//! C header: [`include/linux/jump_label.h`](srctree/include/linux/jump_label.h)
//!
//! There is one, for what is said in the kernel log about packets and requests.

use super::raw;
use kernel::{bindings, jump_label::static_branch_unlikely};

/// `struct klips_key` of `helpers.h`.
#[repr(C)]
struct Key {
    key: bindings::static_key_false,
}

extern "C" {
    static klips_talking: Key;
}

/// Whether anybody has voted for it. Any context.
#[inline(always)]
pub(crate) fn is_taken() -> bool {
    // SAFETY: The key is a real one, defined by C in `helpers/branch.c`; only its address is used.
    unsafe { static_branch_unlikely!(klips_talking, Key, key) }
}

/// A vote for the branch. It is taken while there are any.
///
/// # Invariants
///
/// While the value is true, the key's count has one for it.
pub(crate) struct Vote(bool);

impl Vote {
    /// No vote yet.
    pub(crate) const fn none() -> Self {
        Self(false)
    }

    /// Votes for the branch or against it; the same again changes nothing. Process context; may sleep.
    pub(crate) fn set(&mut self, wanted: bool) {
        if wanted == self.0 {
            return;
        }
        // INVARIANT: The count follows the value.
        self.0 = wanted;
        // SAFETY: Process context. By the type invariant no more is taken away than was added.
        unsafe {
            if wanted {
                raw::klips_talking_inc();
            } else {
                raw::klips_talking_dec();
            }
        }
    }
}

impl Drop for Vote {
    fn drop(&mut self) {
        self.set(false);
    }
}
