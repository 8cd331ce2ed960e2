// SPDX-License-Identifier: GPL-2.0-only

//! Showing the kernel's tables: what every tool does when it is given nothing to do.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::error::Error;
use crate::json::Value;
use crate::kernel;
use crate::output;
use crate::prog::Prog;

/// How a listing is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// As the kernel has it.
    #[default]
    Classic,
    /// As one JSON value.
    Json,
}

/// One table of the kernel.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its file.
    pub(crate) path: &'static str,
    /// What is missing when the file is.
    pub(crate) name: &'static str,
    /// What the tool says when Linux's af_key has taken the place of KLIPS, if it asks.
    pub(crate) netkey: Option<&'static str>,
}

impl Table {
    /// Fails if af_key is loaded, with which KLIPS cannot work.
    ///
    /// # Errors
    ///
    /// The tool's sentence about it.
    pub(crate) fn refuse_netkey(&self, prog: &Prog) -> Result<(), Error> {
        match self.netkey {
            Some(sentence) if kernel::af_key_is_there() => {
                Err(prog.error(format_args!("NETKEY {sentence}")))
            }
            _ => Ok(()),
        }
    }

    /// Shows the table; `row` makes a JSON value of a line.
    ///
    /// # Errors
    ///
    /// The reason why there is nothing to show, or reading failed.
    pub(crate) fn show_as(
        &self,
        prog: &Prog,
        format: Format,
        row: impl FnMut(&str) -> Option<Value>,
    ) -> Result<(), Error> {
        match format {
            Format::Classic => self.show(prog),
            Format::Json => {
                let file = self.open(prog)?;
                output::unless_gone(list(BufReader::new(file), row))
                    .map_err(|error| self.unreadable(prog, &error))
            }
        }
    }

    /// Copies the table to standard output.
    ///
    /// # Errors
    ///
    /// As for [`Table::show_as`].
    pub(crate) fn show(&self, prog: &Prog) -> Result<(), Error> {
        let mut file = self.open(prog)?;
        output::copy(&mut file).map_err(|error| self.unreadable(prog, &error))
    }

    /// The whole table as text.
    ///
    /// # Errors
    ///
    /// As for [`Table::show_as`].
    pub(crate) fn text(&self, prog: &Prog) -> Result<String, Error> {
        let mut text = String::new();
        self.open(prog)?
            .read_to_string(&mut text)
            .map_err(|error| self.unreadable(prog, &error))?;
        Ok(text)
    }

    fn open(&self, prog: &Prog) -> Result<File, Error> {
        self.refuse_netkey(prog)?;
        if !Path::new(self.path).exists() {
            let name = self.name;
            let text = format!("No {name} - no IPsec support in kernel (are the modules loaded?)");
            return Err(prog.error(text));
        }
        File::open(self.path).map_err(|error| self.unreadable(prog, &error))
    }

    fn unreadable(&self, prog: &Prog, error: &io::Error) -> Error {
        prog.error(format_args!("{}: {error}", self.path))
    }
}

/// Prints the lines of a table as a JSON list, an element per line. A table may be long, so none of it is kept.
fn list(source: impl BufRead, mut row: impl FnMut(&str) -> Option<Value>) -> io::Result<()> {
    let mut lead = "[\n";
    let mut out = output::Writer::new();
    for line in source.lines() {
        let line = line?;
        let value = row(&line).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a line of another form: {line}"),
            )
        })?;
        out.write(format_args!("{lead}{value}"))?;
        lead = ",\n";
    }
    out.write(format_args!(
        "{}",
        if lead == ",\n" { "\n]\n" } else { "[]\n" }
    ))?;
    out.finish()
}
