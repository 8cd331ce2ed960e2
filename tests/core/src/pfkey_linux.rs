// SPDX-License-Identifier: GPL-2.0-only

//! As [`pfkey`](crate::pfkey), in the dialect of Linux.

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::linux::*;
use klips_core::pfkey::{envelope, Errno, SendError};

#[path = "../../../klips/core/src/pfkey/linux/tests/survive.rs"]
mod implementation;

/// Reads a damaged message, both ways, and checks everything that holds of any message.
pub fn survive(bytes: &[u8]) {
    implementation::survive(bytes);
}
