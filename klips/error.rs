// SPDX-License-Identifier: GPL-2.0-only

//! Where the errors of the rings meet: a discard reason on the packet path, an errno on the control path.

use kernel::prelude::*;
use klips_core::pfkey::errno::Errno;
pub(crate) use klips_core::reason::Discard;

/// The errno of a kernel error, as PF_KEY carries it in one byte.
pub(crate) fn errno_of(error: Error) -> Errno {
    u8::try_from(error.to_errno().unsigned_abs())
        .ok()
        .and_then(Errno::from_code)
        .unwrap_or(Errno::Einval)
}

/// The kernel error of a PF_KEY errno.
pub(crate) fn error_of(errno: Errno) -> Error {
    Error::from_errno(i32::from(errno.code()).wrapping_neg())
}
