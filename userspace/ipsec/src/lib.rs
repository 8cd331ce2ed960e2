// SPDX-License-Identifier: GPL-2.0-only

//! The KLIPS command-line tools, all in one program.
//!
//! `ipsec eroute`, `ipsec spi`, `ipsec spigrp`, `ipsec tncfg` and `ipsec klipsdebug` ask the kernel module for things
//! over PF_KEY and private ioctls, and show its tables; others explain what they find there. Started through a symbolic
//! link of its name, the program is that tool directly.
//! Each tool reads its command line into a validated action before anything is opened or sent, and every failure
//! travels up to [`main`] as one [`Error`], which is printed there and nowhere else.
//!
//! * `options`: the command line, by way of clap, in the order it was given.
//! * `cmd`: the tools. `catalogue`: the list of them. `wrapper`: how one of them is chosen.
//! * `tables`: the kernel's tables, line by line. `listing`: how they are shown. `json`: the form for programs.
//! * `counters`, `routes`, `firewall`: what else the kernel has that is of interest.
//! * `resolve`, `names`, `keytext`, `life`: text to values.
//! * `kernel`: the conversation; the only place where requests become bytes. `refusal`: sentences for errnos.
//! * `output`: the only place that prints.
//! * `rehearse`: what the fuzzer calls.
//! * `manual`: the manual pages and the shells' completions, which are made of the same tables of options.

#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod catalogue;
mod clock;
mod cmd;
mod counters;
mod error;
mod firewall;
mod json;
mod kernel;
mod keytext;
mod life;
mod listing;
mod manual;
#[cfg(test)]
mod mutants;
mod names;
mod options;
mod optionsfrom;
mod output;
mod prog;
mod refusal;
#[cfg(feature = "rehearse")]
pub mod rehearse;
mod resolve;
mod routes;
mod tables;
#[cfg(test)]
mod testing;
mod units;
mod version;
mod wrapper;

use std::env;
use std::path::Path;
use std::process::ExitCode;

pub use error::Error;

/// Whether files and name servers may be asked. Rehearsals are made of words at random, and keep to themselves.
const ASKS_OTHERS: bool = !cfg!(feature = "rehearse");

/// Runs the program with the arguments of this process, and prints what it ends with.
#[must_use]
pub fn main() -> ExitCode {
    let mut args = env::args_os();
    let program = args.next().map_or_else(
        || "ipsec".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    match wrapper::run(&program, args.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            ExitCode::from(error.status())
        }
    }
}

/// Writes the manual pages and the shells' completions: from the sources in the directory of the first argument, into
/// that of the second one.
#[must_use]
pub fn document() -> ExitCode {
    let args: Vec<_> = env::args_os().skip(1).collect();
    let written = match args.as_slice() {
        [sources, share] => manual::write_all(Path::new(sources), Path::new(share)),
        _ => Err("usage: ipsec-docs SOURCES SHARE".to_owned()),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            output::err(&format!("{}\n", why.trim_end()));
            ExitCode::FAILURE
        }
    }
}
