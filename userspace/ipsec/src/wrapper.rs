// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec` itself: finds the tool that its first word names.

use std::ffi::OsString;

use crate::cmd;
use crate::error::Error;
use crate::output;
use crate::prog::Prog;
use crate::version;

/// A tool: its name, what it does in a few words, and its entry.
struct Entry {
    name: &'static str,
    summary: &'static str,
    run: fn(Prog, Vec<OsString>) -> Result<(), Error>,
}

/// The tools.
const TOOLS: &[Entry] = &[
    Entry {
        name: "eroute",
        summary: "show and change which packets go through which SA",
        run: cmd::eroute::run,
    },
    Entry {
        name: "spi",
        summary: "show, make and delete SAs by hand",
        run: cmd::spi::run,
    },
    Entry {
        name: "spigrp",
        summary: "show, make and dissolve groups of SAs",
        run: cmd::spigrp::run,
    },
    Entry {
        name: "tncfg",
        summary: "attach ipsecN devices to physical ones",
        run: cmd::tncfg::run,
    },
    Entry {
        name: "version",
        summary: "show the versions of tools and module",
        run: |_, _| {
            cmd::version::run();
            Ok(())
        },
    },
];

/// Where programs that belong to `ipsec` are.
const DIRECTORY: &str = "/usr/libexec/ipsec";
/// Where the configuration is.
const CONFDIR: &str = "/etc";

/// What `--copyright` shows.
const COPYRIGHT: &str = "This program is free software: you may share and change it under the terms of the GNU General\n\
                         Public License, version 2. It comes without any warranty. Who wrote what is in the history\n\
                         of its source repository.\n";

/// The tool that is started by this name, which is the last part of a program path.
fn entry(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Runs what the command line asks for. `program` is its first word, `args` are the others.
///
/// A program path that ends in a tool's name runs that tool; this is what the symbolic links are for.
///
/// # Errors
///
/// Whatever the tool ends with, or that there is no such tool.
pub(crate) fn run(program: &str, args: Vec<OsString>) -> Result<(), Error> {
    let last = program.rsplit('/').next().unwrap_or(program);
    if let Some(tool) = entry(last) {
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
        Some("--directory") => output::out(&format!("{DIRECTORY}\n")),
        Some("--confdir") => output::out(&format!("{CONFDIR}\n")),
        Some(option) if option.starts_with('-') => {
            return Err(Error::told(format!(
                "{program}: unknown option `{option}' (perhaps command name was omitted?)\n"
            )));
        }
        Some(name) => {
            let tool = entry(name).ok_or_else(|| {
                Error::told(format!(
                    "{program}: unknown IPsec command `{name}' (`ipsec --help' for list)\n"
                ))
            })?;
            return (tool.run)(Prog::new(format!("ipsec {name}")), args.collect());
        }
    }
    Ok(())
}

/// What is shown when nothing was asked for.
fn usage(program: &str) -> String {
    format!(
        "Usage: {program} COMMAND [ARGUMENT]...\n\
         `{program} --help' lists the commands.\n\
         `{program} COMMAND --help' explains one of them, as does `man ipsec_COMMAND'.\n\
         `{program} --version' shows the versions of tools and kernel module.\n\
         Without arguments, eroute, spi, spigrp and tncfg show what the kernel has.\n"
    )
}

/// The commands, and the options of `ipsec` itself.
fn help() -> String {
    let mut text = "Usage: ipsec COMMAND [ARGUMENT]...\nwhere COMMAND is one of:\n".to_owned();
    for tool in TOOLS {
        text.push_str(&format!("\t{:10}{}\n", tool.name, tool.summary));
    }
    text.push_str(
        "or an option:\n\
         \t--help         show this text\n\
         \t--version      show the versions of tools and kernel module\n\
         \t--versioncode  show just the version\n\
         \t--copyright    show the licence\n\
         \t--directory    show where helper programs are\n\
         \t--confdir      show where the configuration is\n",
    );
    text
}
