// SPDX-License-Identifier: GPL-2.0-only

//! What must be true of any bytes that somebody writes to a PF_KEY socket, as the core's own tests have it.

use klips_core::pfkey::*;

#[path = "../../../klips/core/src/pfkey/tests/survive.rs"]
mod implementation;

/// Reads a damaged message and checks everything that holds of any message.
pub fn survive(bytes: &[u8]) {
    implementation::survive(bytes);
}
