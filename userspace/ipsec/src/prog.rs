// SPDX-License-Identifier: GPL-2.0-only

//! The name under which a tool speaks: what its messages start with.

use std::fmt;

use crate::error::Error;

/// The prefix of a tool's messages.
///
/// It is `ipsec eroute` when the tool was started as a word of the `ipsec` command, and the program path as given when
/// it was started through a symbolic link. `--label X` adds ` --label X`, so that scripts can mark their calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prog {
    name: String,
}

impl Prog {
    /// A tool that goes by `name`.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Takes `--label text` into the name.
    pub(crate) fn label(&mut self, text: &str) {
        self.name.push_str(" --label ");
        self.name.push_str(text);
    }

    /// An error whose message is `text` behind the name, on standard error, with exit status 1.
    pub(crate) fn error(&self, text: impl fmt::Display) -> Error {
        Error::told(self.line(text))
    }

    /// `text` behind the name, as a line.
    pub(crate) fn line(&self, text: impl fmt::Display) -> String {
        format!("{self}: {text}\n")
    }
}

impl fmt::Display for Prog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
