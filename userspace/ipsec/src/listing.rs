// SPDX-License-Identifier: GPL-2.0-only

//! Showing the kernel's tables: what every tool does when it is given nothing to do.

use std::fs::File;
use std::path::Path;

use crate::error::Error;
use crate::kernel;
use crate::output;
use crate::prog::Prog;

/// One table of the kernel.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its file.
    pub(crate) path: &'static str,
    /// What is missing when the file is.
    pub(crate) name: &'static str,
    /// What the tool says when Linux's af_key has taken the place of KLIPS.
    pub(crate) netkey: &'static str,
}

impl Table {
    /// Fails if af_key is loaded, with which KLIPS cannot work.
    ///
    /// # Errors
    ///
    /// The tool's sentence about it.
    pub(crate) fn refuse_netkey(&self, prog: &Prog) -> Result<(), Error> {
        if kernel::af_key_is_there() {
            return Err(prog.error(format_args!("NETKEY {}", self.netkey)));
        }
        Ok(())
    }

    /// Copies the table to standard output.
    ///
    /// # Errors
    ///
    /// The reason why there is nothing to show, or reading failed.
    pub(crate) fn show(&self, prog: &Prog) -> Result<(), Error> {
        self.refuse_netkey(prog)?;
        if !Path::new(self.path).exists() {
            let name = self.name;
            let text = format!("No {name} - no IPsec support in kernel (are the modules loaded?)");
            return Err(prog.error(text));
        }
        let copied = File::open(self.path).and_then(|mut file| output::copy(&mut file));
        copied.map_err(|error| prog.error(format_args!("{}: {error}", self.path)))
    }
}
