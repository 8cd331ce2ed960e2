// SPDX-License-Identifier: GPL-2.0-only

//! The tools: what `ipsec --help` lists, the wrapper runs, and shells complete.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use crate::cmd;
use crate::error::Error;
use crate::prog::Prog;

/// A tool.
pub(crate) struct Entry {
    /// The word for it on the command line.
    pub(crate) name: &'static str,
    /// What it does in a few words.
    pub(crate) summary: &'static str,
    /// Its entry.
    pub(crate) run: fn(Prog, Vec<OsString>) -> Result<(), Error>,
    /// What shells complete behind its name.
    pub(crate) command: fn() -> Command,
}

/// The tools in alphabetical order.
pub(crate) const TOOLS: &[Entry] = &[
    Entry {
        name: "completions",
        summary: "print what a shell needs to complete command lines",
        run: |prog, args| cmd::completions::run(&prog, &args),
        command: cmd::completions::command,
    },
    Entry {
        name: "eroute",
        summary: "show and change which packets go through which SA",
        run: cmd::eroute::run,
        command: cmd::eroute::command,
    },
    Entry {
        name: "klipsdebug",
        summary: "choose what the module says in the kernel log",
        run: cmd::klipsdebug::run,
        command: cmd::klipsdebug::command,
    },
    Entry {
        name: "look",
        summary: "show all that the kernel has for IPsec at a glance",
        run: cmd::look::run,
        command: cmd::look::command,
    },
    Entry {
        name: "monitor",
        summary: "follow discarded packets by reason",
        run: cmd::monitor::run,
        command: cmd::monitor::command,
    },
    Entry {
        name: "pf_key",
        summary: "show the messages of the kernel to key daemons",
        run: cmd::pf_key::run,
        command: cmd::pf_key::command,
    },
    Entry {
        name: "ranbits",
        summary: "print random bits for keys",
        run: cmd::ranbits::run,
        command: cmd::ranbits::command,
    },
    Entry {
        name: "setkey",
        summary: "make SAs and policies by scripts in KAME's language",
        run: cmd::setkey::run,
        command: cmd::setkey::command,
    },
    Entry {
        name: "spi",
        summary: "show, make and delete SAs by hand",
        run: cmd::spi::run,
        command: cmd::spi::command,
    },
    Entry {
        name: "spigrp",
        summary: "show, make and dissolve groups of SAs",
        run: cmd::spigrp::run,
        command: cmd::spigrp::command,
    },
    Entry {
        name: "tncfg",
        summary: "attach ipsecN devices to physical ones",
        run: cmd::tncfg::run,
        command: cmd::tncfg::command,
    },
    Entry {
        name: "trace",
        summary: "say what would become of a packet, and why",
        run: cmd::trace::run,
        command: cmd::trace::command,
    },
    Entry {
        name: "version",
        summary: "show the versions of tools and module",
        run: |prog, args| cmd::version::run(&prog, &args),
        command: cmd::version::command,
    },
];

/// The options of `ipsec` itself and what they do.
pub(crate) const OPTIONS: [(&str, &str); 6] = [
    ("help", "show this text"),
    ("version", "show the versions of tools and kernel module"),
    ("versioncode", "show just the version"),
    ("copyright", "show the licence"),
    ("directory", "show where helper programs are"),
    ("confdir", "show where the configuration is"),
];

/// The tool of this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// All of it as clap has it.
pub(crate) fn command() -> Command {
    let options = OPTIONS.map(|(name, help)| {
        let option = Arg::new(name).long(name).help(help);
        option.action(ArgAction::SetTrue)
    });
    let tools = TOOLS
        .iter()
        .map(|tool| (tool.command)().about(tool.summary));
    Command::new("ipsec")
        .about("run one of the KLIPS tools")
        .override_usage(
            "ipsec COMMAND [ARGUMENT]...\n       \
             ipsec --help | --version | --versioncode | --copyright | --directory | --confdir",
        )
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(options)
        .subcommands(tools)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_in_order_and_well_formed() {
        assert!(TOOLS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for tool in TOOLS {
            assert_eq!((tool.command)().get_name(), tool.name);
        }
        command().debug_assert();
    }
}
