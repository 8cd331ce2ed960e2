// SPDX-License-Identifier: GPL-2.0-only

//! Printing that does not panic: the one place that writes to standard output and standard error.
//!
//! A reader that has gone away (`ipsec eroute | head -1`) is no error worth a message, so failures are either ignored
//! or handed back to the caller as what they are.

use std::fmt;
use std::io::{self, BufWriter, Write};

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
    unless_gone(io::copy(source, &mut stdout).and_then(|_| stdout.flush()))
}

/// Standard output for much text. A reader that has gone away ends it without a word.
#[derive(Debug)]
pub(crate) struct Writer {
    out: BufWriter<io::StdoutLock<'static>>,
}

impl Writer {
    /// Takes standard output.
    pub(crate) fn new() -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
        }
    }

    /// Writes `text`.
    ///
    /// # Errors
    ///
    /// What writing failed with; a vanished reader is [`io::ErrorKind::BrokenPipe`].
    pub(crate) fn write(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_fmt(text)
    }

    /// Writes out what is still waiting.
    ///
    /// # Errors
    ///
    /// As for [`Writer::write`].
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The same result, but that a vanished reader counts as success.
///
/// # Errors
///
/// Those of `written`.
pub(crate) fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
