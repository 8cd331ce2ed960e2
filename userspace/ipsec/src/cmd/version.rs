// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec version`: the versions of tools and kernel module.

use std::ffi::OsString;

use crate::error::Error;
use crate::prog::Prog;
use crate::{output, version};

/// Runs the tool with the words behind its name, of which only `--json` means something.
///
/// # Errors
///
/// A word that means nothing.
pub(crate) fn run(prog: &Prog, args: &[OsString]) -> Result<(), Error> {
    match args {
        [] => output::out(&version::package()),
        [word] if word == "--json" => output::out(&format!("{}\n", version::json())),
        [word, ..] => {
            let word = word.to_string_lossy();
            return Err(prog.error(format_args!("unexpected argument '{word}'")));
        }
    }
    Ok(())
}

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    let json = clap::Arg::new("json")
        .long("json")
        .help("Show them as JSON");
    clap::Command::new("version")
        .disable_help_flag(true)
        .override_usage("ipsec version [--json]")
        .arg(json.action(clap::ArgAction::SetTrue))
}
