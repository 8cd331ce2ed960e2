// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec trace`: what would become of a packet, by the kernel's own tables.

mod options;
mod path;
mod report;
mod world;

use std::ffi::OsString;

use crate::error::Error;
use crate::listing::Format;
use crate::output;
use crate::prog::Prog;
use path::Path;
use world::World;

pub(crate) use options::command;

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, or that KLIPS is not there; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let (packet, format) = options::read(&prog, args)?;
    let world = World::read(&prog, &packet)?;
    let path = Path::of(&packet, &world);
    output::out(&match format {
        Format::Classic => report::text(&packet, &path),
        Format::Json => format!("{}\n", report::json(&packet, &path)),
    });
    Ok(())
}

/// No message: whether [`run`] would take the command line.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: &Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    options::read(prog, args).map(|_| Vec::new())
}
