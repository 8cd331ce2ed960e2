// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec setkey`: SAs and policies by scripts in the language of KAME's setkey, over the PF_KEY dialect of Linux.

mod algorithms;
mod execute;
mod options;
mod parse;
mod session;
mod show;
mod source;
mod statement;
mod token;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::ToSocketAddrs;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use klips_core::pfkey::linux::Request;
use klips_pfkey::{Errno, Stop, Woken};

use crate::error::Error;
use crate::prog::Prog;
use options::{Manner, Task};
use session::Session;
use show::Printer;
use statement::Statement;
use token::Wrong;
use zeroize::Zeroizing;

pub(crate) use options::command;

/// The exit status when a script cannot be read, of which nothing has been carried out then.
const UNREADABLE: u8 = 2;
/// How long a listing that is repeated waits.
const PERIOD: Duration = Duration::from_secs(1);
/// Room for a message that is listened to.
const ROOM: usize = 1 << 16;

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, a bad script, no kernel to speak to, or that it refused something.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let (task, manner) = options::read(&prog, args)?;
    match task {
        Task::Scripts(paths) => {
            let mut scripts = Vec::new();
            for path in &paths {
                scripts.push(read_script(&prog, path)?);
            }
            match manner.dry_run {
                true => execute::rehearse(&prog, manner, &scripts),
                false => execute::scripts(&prog, manner, &scripts),
            }
        }
        Task::Dump { policies, again } => dump(&prog, manner, policies, again),
        Task::Flush { policies } => {
            let mut session = Session::open(&prog, manner)?;
            let request = match policies {
                true => Request::SpdFlush,
                false => Request::Flush(None),
            };
            let mut printer = Printer::new(manner);
            let verdict = session.order(&mut printer, &request)?;
            printer.flush()?;
            verdict.map_err(|errno| prog.error(errno.desc()))
        }
        Task::Promiscuous => listen(&prog, manner),
    }
}

/// A script, its name in messages, and where it came from.
struct Script {
    title: String,
    statements: Vec<Statement>,
}

/// Reads a script, all of it.
fn read_script(prog: &Prog, path: &str) -> Result<Script, Error> {
    let title = source::title(path).to_owned();
    let bytes = source::read(path).map_err(|error| {
        prog.error(format_args!("{title}: {error}"))
            .with_status(UNREADABLE)
    })?;
    script_of(prog, title, bytes)
}

/// The script of these bytes.
fn script_of(prog: &Prog, title: String, bytes: Zeroizing<Vec<u8>>) -> Result<Script, Error> {
    let told = |mistakes: &[Wrong]| {
        let line =
            |wrong: &Wrong| prog.line(format_args!("{title}:{}: {}", wrong.place, wrong.why));
        let lines: String = mistakes.iter().map(line).collect();
        Error::told(lines).with_status(UNREADABLE)
    };
    let text = source::text(bytes).map_err(|wrong| told(&[wrong]))?;
    let statements = parse::script(&text, &addresses).map_err(|mistakes| told(&mistakes))?;
    Ok(Script { title, statements })
}

/// The messages that [`run`] would send for a script.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: &Prog, text: &[u8]) -> crate::rehearse::Messages {
    let bytes = Zeroizing::new(text.to_vec());
    let script = script_of(prog, "script".to_owned(), bytes)?;
    let mut messages = Vec::new();
    execute::each_message(prog, Manner::default(), &[script], &mut |message| {
        messages.push(message.to_vec());
        Ok(())
    })?;
    Ok(messages)
}

/// A message in every form.
#[cfg(feature = "rehearse")]
pub(crate) fn texts(bytes: &[u8]) -> Vec<String> {
    show::texts(bytes)
}

/// The addresses that the system's resolver knows for a name.
fn addresses(name: &str) -> Vec<std::net::IpAddr> {
    if !crate::ASKS_OTHERS {
        return Vec::new();
    }
    let found = (name, 0).to_socket_addrs();
    found.map_or(Vec::new(), |found| {
        found.map(|socket| socket.ip()).collect()
    })
}

/// Lists SAs or policies, once or again and again.
fn dump(prog: &Prog, manner: Manner, policies: bool, again: bool) -> Result<(), Error> {
    let mut session = Session::open(prog, manner)?;
    let mut printer = Printer::new(manner);
    loop {
        let verdict = match policies {
            true => execute::list(&mut session, &mut printer, &Request::SpdDump),
            false => {
                let (satype, filter) = (None, None);
                execute::list(
                    &mut session,
                    &mut printer,
                    &Request::Dump { satype, filter },
                )
            }
        }?;
        printer.flush()?;
        verdict.map_err(|errno| prog.error(errno.desc()))?;
        if !again {
            return Ok(());
        }
        thread::sleep(PERIOD);
    }
}

/// Shows every message until a signal comes.
fn listen(prog: &Prog, manner: Manner) -> Result<(), Error> {
    let mut session = Session::open(
        prog,
        Manner {
            verbose: false,
            ..manner
        },
    )?;
    let mut printer = Printer::new(manner);
    let failed = |errno: Errno| prog.error(format_args!("pfkey read: {}", errno.desc()));
    let stop = Stop::watch().map_err(failed)?;
    session.send(&mut printer, &Request::Promisc(true))?;
    let mut room = Zeroizing::new(vec![0; ROOM]);
    loop {
        match stop.wait(session.socket().as_fd()).map_err(failed)? {
            Woken::Signal(_) => return Ok(()),
            Woken::Readable => {}
        }
        let received = session.socket().receive(&mut room, Duration::ZERO);
        if let Some(len) = received.map_err(failed)? {
            printer.message(room.get(..len).unwrap_or_default())?;
            printer.flush()?;
        }
    }
}
