// SPDX-License-Identifier: GPL-2.0-only

//! Printing that does not panic: the one place that writes to standard output and standard error.
//!
//! A reader that has gone away (`ipsec eroute | head -1`) is no error worth a message, so failures are either ignored
//! or handed back to the caller as what they are.

use std::io::{self, Write};

/// Writes `text` to standard output; a failure is nobody's business any more.
pub(crate) fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Writes `text` to standard error.
pub(crate) fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Copies everything that `source` has to standard output, as cat(1) does.
///
/// # Errors
///
/// What reading or writing failed with, except that a vanished reader counts as success.
pub(crate) fn copy(source: &mut impl io::Read) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let copied = io::copy(source, &mut stdout).and_then(|_| stdout.flush());
    match copied {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
