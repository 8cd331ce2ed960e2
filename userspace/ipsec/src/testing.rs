// SPDX-License-Identifier: GPL-2.0-only

//! What the tests of several tools need.

use std::ffi::OsString;

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::{Request, MAX_REPLY};

use crate::kernel;

/// Words as a process gets them.
pub(crate) fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// The message for a request as hexadecimal digits.
pub(crate) fn message(request: &Request<'_>, seq: u32, pid: u32) -> String {
    let mut buf = [0; MAX_REPLY];
    let message =
        kernel::encode(&mut buf, Origin { seq, pid }, request).expect("a message that fits");
    let mut digits = String::new();
    for byte in message {
        digits.push_str(&format!("{byte:02x}"));
    }
    digits
}

/// Hexadecimal digits without the white space that makes them readable.
pub(crate) fn hex(text: &str) -> String {
    text.split_whitespace().collect()
}
