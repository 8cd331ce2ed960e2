// SPDX-License-Identifier: GPL-2.0-only

//! What command lines and scripts come to, up to the messages that would be sent; and how messages are shown.
//!
//! For the fuzzer: it takes no privilege, opens no socket, prints nothing, and reads no file that a word names.

use std::ffi::OsString;

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::{Request, MAX_REPLY};

use crate::catalogue;
use crate::cmd;
use crate::error::Error;
use crate::kernel;
use crate::prog::Prog;

/// Messages, in the order in which they would be sent.
pub type Messages = Result<Vec<Vec<u8>>, Error>;

/// The tools whose command lines can be rehearsed.
pub const TOOLS: [&str; 7] = [
    "eroute",
    "klipsdebug",
    "ranbits",
    "spi",
    "spigrp",
    "tncfg",
    "trace",
];

/// The messages that a tool would send for the words behind its name: none if it would only show something.
///
/// # Errors
///
/// What the tool would end with.
pub fn command_line(tool: &str, words: Vec<OsString>) -> Messages {
    let prog = Prog::new(format!("ipsec {tool}"));
    match tool {
        "eroute" => cmd::eroute::rehearse(prog, words),
        "klipsdebug" => cmd::klipsdebug::rehearse(prog, words),
        "ranbits" => cmd::ranbits::rehearse(&prog, words),
        "spi" => cmd::spi::rehearse(prog, words),
        "spigrp" => cmd::spigrp::rehearse(prog, words),
        "tncfg" => cmd::tncfg::rehearse(prog, words),
        "trace" => cmd::trace::rehearse(&prog, words),
        _ => Err(Error::silent(crate::error::FAILURE)),
    }
}

/// The messages of a script of `ipsec setkey`, as far as they do not depend on answers.
///
/// # Errors
///
/// What is wrong with it.
pub fn script(text: &[u8]) -> Messages {
    cmd::setkey::rehearse(&Prog::new("ipsec setkey"), text)
}

/// A message in all the ways in which `ipsec pf_key` and `ipsec setkey` show messages, SAs and policies.
#[must_use]
pub fn shown(message: &[u8]) -> Vec<String> {
    let mut texts = cmd::pf_key::texts(message);
    texts.extend(cmd::setkey::texts(message));
    texts
}

/// The names of the options of all tools, with their dashes.
#[must_use]
pub fn options() -> Vec<String> {
    let commands = catalogue::TOOLS.iter().map(|tool| (tool.command)());
    let mut names: Vec<String> = commands
        .flat_map(|command| {
            let long = |arg: &clap::Arg| arg.get_long().map(|name| format!("--{name}"));
            command.get_arguments().filter_map(long).collect::<Vec<_>>()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The messages for some requests.
pub(crate) fn messages<'a>(
    prog: &Prog,
    requests: impl IntoIterator<Item = Request<'a>>,
) -> Messages {
    let origin = Origin { seq: 1, pid: 77 };
    let message = |request: Request<'_>| {
        let mut buf = [0; MAX_REPLY];
        let message = kernel::encode(&mut buf, origin, &request);
        let message = message.map_err(|_| prog.error("Message too long"))?;
        Ok(message.to_vec())
    };
    requests.into_iter().map(message).collect()
}
