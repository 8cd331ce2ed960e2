// SPDX-License-Identifier: GPL-2.0-only

//! The one error type of the tools: what to say, where, and with which exit status to end.

use crate::output;

/// The exit status of nearly every failure.
pub(crate) const FAILURE: u8 = 1;

/// Why a tool ends before it has done its work.
///
/// The texts are complete lines. `--help` and `--version` are errors in this sense too where the tools have always
/// left with a status other than 0 after them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    stderr: String,
    stdout: String,
    status: u8,
}

impl Error {
    /// `text` (a whole line or several) on standard error, exit status 1.
    pub(crate) fn told(text: impl Into<String>) -> Self {
        Self {
            stderr: text.into(),
            stdout: String::new(),
            status: FAILURE,
        }
    }

    /// `text` on standard output, exit status 1: how `--help` and `--version` end.
    pub(crate) fn shown(text: impl Into<String>) -> Self {
        Self {
            stderr: String::new(),
            stdout: text.into(),
            status: FAILURE,
        }
    }

    /// Nothing but an exit status.
    pub(crate) const fn silent(status: u8) -> Self {
        Self {
            stderr: String::new(),
            stdout: String::new(),
            status,
        }
    }

    /// The same with another exit status.
    #[must_use]
    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The same with `text` on standard output after it.
    #[must_use]
    pub(crate) fn then_shown(mut self, text: &str) -> Self {
        self.stdout.push_str(text);
        self
    }

    /// The same with `text` on standard error after it.
    #[must_use]
    pub(crate) fn then_told(mut self, text: &str) -> Self {
        self.stderr.push_str(text);
        self
    }

    /// The exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        self.status
    }

    /// What goes to standard error.
    #[must_use]
    pub fn stderr(&self) -> &str {
        &self.stderr
    }

    /// What goes to standard output.
    #[must_use]
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// Prints both texts.
    pub(crate) fn print(&self) {
        output::err(&self.stderr);
        output::out(&self.stdout);
    }
}
