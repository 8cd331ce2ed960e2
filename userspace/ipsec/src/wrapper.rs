// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec` itself: finds the tool that its first word names.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::{access, AccessFlags};

use crate::catalogue::{self, OPTIONS, TOOLS};
use crate::error::Error;
use crate::output;
use crate::prog::Prog;
use crate::version;

/// A directory that an environment variable may name.
struct Place {
    variable: &'static str,
    default: &'static str,
}

/// Programs that are commands of `ipsec`, though not built into it.
const EXECDIR: Place = Place {
    variable: "IPSEC_EXECDIR",
    default: "/usr/libexec/ipsec",
};

/// More of them; looked into second.
const LIBDIR: Place = Place {
    variable: "IPSEC_LIBDIR",
    default: "/usr/lib/ipsec",
};

/// The configuration.
const CONFDIR: Place = Place {
    variable: "IPSEC_CONFS",
    default: "/etc",
};

impl Place {
    fn path(&self) -> PathBuf {
        env::var_os(self.variable)
            .filter(|value| !value.is_empty())
            .map_or_else(|| self.default.into(), PathBuf::from)
    }
}

/// What `--copyright` shows.
const COPYRIGHT: &str = "This program is free software: you may share and change it under the terms of the GNU General\n\
                         Public License, version 2. It comes without any warranty. Who wrote what is in the history\n\
                         of its source repository.\n";

/// Runs what the command line asks for. `program` is its first word, `args` are the others.
///
/// A program path that ends in a tool's name runs that tool; this is what the symbolic links are for.
///
/// # Errors
///
/// Whatever the tool ends with, or that there is no such tool.
pub(crate) fn run(program: &str, args: Vec<OsString>) -> Result<(), Error> {
    let last = program.rsplit('/').next().unwrap_or(program);
    if let Some(tool) = catalogue::find(last) {
        return (tool.run)(Prog::new(program), args);
    }
    let mut args = args.into_iter();
    let first = args.next().map(|word| word.to_string_lossy().into_owned());
    match first.as_deref() {
        None | Some("") => output::out(&usage(program)),
        Some("--help") => output::out(&help()),
        Some("--version") => output::out(&version::package()),
        Some("--versioncode") => output::out(&(version::code() + "\n")),
        Some("--copyright") => output::out(COPYRIGHT),
        Some("--directory") => output::out(&format!("{}\n", EXECDIR.path().display())),
        Some("--confdir") => output::out(&format!("{}\n", CONFDIR.path().display())),
        Some(option) if option.starts_with('-') => {
            return Err(Error::told(format!(
                "{program}: unknown option `{option}' (perhaps command name was omitted?)\n"
            )));
        }
        Some(name) => {
            if let Some(tool) = catalogue::find(name) {
                return (tool.run)(Prog::new(format!("ipsec {name}")), args.collect());
            }
            return Err(run_other(program, name, args));
        }
    }
    Ok(())
}

/// Becomes a program that is a command of `ipsec`, though not built into it; returns only if there is none.
fn run_other(program: &str, name: &str, args: impl Iterator<Item = OsString>) -> Error {
    let unknown = || {
        Error::told(format!(
            "{program}: unknown IPsec command `{name}' (`ipsec --help' for list)\n"
        ))
    };
    // A name leads to nowhere but the two directories.
    if name.contains('/') || name.starts_with('.') {
        return unknown();
    }
    let candidates = [EXECDIR, LIBDIR].map(|place| place.path().join(name));
    let found = candidates
        .iter()
        .find(|path| path.is_file() && access(*path, AccessFlags::X_OK).is_ok());
    let Some(path) = found else {
        return unknown();
    };
    let failed = Command::new(path)
        .args(args)
        .envs([EXECDIR, LIBDIR, CONFDIR].map(|place| (place.variable, place.path())))
        .exec();
    Error::told(format!("{program}: {}: {failed}\n", path.display()))
}

/// What is shown when nothing was asked for.
fn usage(program: &str) -> String {
    format!(
        "Usage: {program} COMMAND [ARGUMENT]...\n\
         `{program} --help' lists the commands.\n\
         `{program} COMMAND --help' explains one of them, as does `man ipsec_COMMAND'.\n\
         `{program} --version' shows the versions of tools and kernel module.\n\
         Without arguments, eroute, spi, spigrp, tncfg and klipsdebug show what the kernel has.\n"
    )
}

/// The commands, and the options of `ipsec` itself.
fn help() -> String {
    let mut text = "Usage: ipsec COMMAND [ARGUMENT]...\nwhere COMMAND is one of:\n".to_owned();
    for tool in TOOLS {
        text.push_str(&format!("\t{:12} {}\n", tool.name, tool.summary));
    }
    text.push_str("or an option:\n");
    for (name, summary) in OPTIONS {
        text.push_str(&format!("\t{:14} {summary}\n", format!("--{name}")));
    }
    text
}
