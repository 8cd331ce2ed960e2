// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec pf_key`: shows the PF_KEY messages that the kernel sends.

mod classic;
mod decode;
mod json;
mod message;
mod options;
mod words;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use klips_core::pfkey::Request;
use klips_pfkey::{background, Side, Stop, Woken};

use crate::error::Error;
use crate::kernel::{Kernel, Refused};
use crate::output;
use crate::prog::Prog;
use crate::refusal;
use message::Message;
use options::Wanted;

pub(crate) use options::command;

/// Larger than any message that the kernel makes; what is longer is told from its header.
const ROOM: usize = 16384;
/// Bytes in the header of a message.
const HEADER_LEN: usize = 16;
/// Bytes in a word, in which messages are measured.
const WORD: usize = 8;

/// How messages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Style {
    /// Two lines of numbers per message.
    #[default]
    Classic,
    /// Names, a line per extension.
    Decode,
    /// A JSON object per message.
    Json,
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, or what keeps it from listening; a signal ends it this way too, with exit status 0.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let wanted = options::read(&prog, args)?;
    match &wanted.file {
        Some(path) => from_file(&prog, path, wanted.style),
        None => listen(&prog, &wanted),
    }
}

/// Shows the messages in a file.
fn from_file(prog: &Prog, path: &str, style: Style) -> Result<(), Error> {
    let failed = |error: &io::Error| prog.error(format_args!("{path}: {error}"));
    let mut source: Box<dyn Read> = match path {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(|error| failed(&error))?),
    };
    while let Some(bytes) = next_in_file(&mut source).map_err(|error| failed(&error))? {
        show(&Message::new(&bytes), style)?;
    }
    output::err("pf_key: exited normally\n");
    Ok(())
}

/// The next message in a file; `None` at its end. What ends too early is handed out as it is.
fn next_in_file(source: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let header_len = u64::try_from(HEADER_LEN).unwrap_or(u64::MAX);
    source.by_ref().take(header_len).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let rest = Message::new(&bytes).said_len().saturating_sub(HEADER_LEN);
    let rest = u64::try_from(rest).unwrap_or(0);
    source.by_ref().take(rest).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Registers with the kernel and shows what it sends.
fn listen(prog: &Prog, wanted: &Wanted) -> Result<(), Error> {
    let mut kernel = Kernel::open(prog)?;
    for satype in wanted.satypes() {
        kernel
            .ask(&Request::Register { satype })
            .map_err(|refused| not_registered(prog, satype, refused))?;
    }
    if let Some(path) = &wanted.daemon {
        go_to_background(prog, path)?;
    }
    let stop = Stop::watch()
        .map_err(|errno| prog.error(format_args!("cannot wait for signals: {}", errno.desc())))?;
    let unreadable =
        |errno: klips_pfkey::Errno| prog.error(format_args!("pfkey read: {}", errno.desc()));
    let mut room = vec![0; ROOM];
    loop {
        match stop.wait(kernel.socket().as_fd()).map_err(unreadable)? {
            Woken::Signal(signal) => {
                let text = format!("pf_key: Exiting on signal {signal}\n");
                return Err(Error::told(text).with_status(0));
            }
            Woken::Readable => {}
        }
        let received = kernel.socket().receive(&mut room, Duration::ZERO);
        if let Some(len) = received.map_err(unreadable)? {
            show(
                &Message::new(room.get(..len).unwrap_or_default()),
                wanted.style,
            )?;
        }
    }
}

/// Leaves the caller, who finds the number of the process that goes on in the file.
fn go_to_background(prog: &Prog, path: &str) -> Result<(), Error> {
    let failed = |error: &io::Error| prog.error(format_args!("{path}: {error}"));
    let mut file = File::create(path).map_err(|error| failed(&error))?;
    let side =
        background().map_err(|errno| prog.error(format_args!("cannot fork: {}", errno.desc())))?;
    match side {
        Side::Background => Ok(()),
        Side::Started(pid) => {
            // Written by this process, so that whoever waits for it to end finds the number there.
            write!(file, "{pid}").map_err(|error| failed(&error))?;
            Err(Error::silent(0))
        }
    }
}

/// A message in every style.
#[cfg(feature = "rehearse")]
pub(crate) fn texts(bytes: &[u8]) -> Vec<String> {
    let message = Message::new(bytes);
    vec![
        classic::text(&message),
        decode::text(&message),
        json::text(&message),
    ]
}

/// Prints a message. A reader that has gone away ends the program.
fn show(message: &Message<'_>, style: Style) -> Result<(), Error> {
    let text = match style {
        Style::Classic => classic::text(message),
        Style::Decode => decode::text(message),
        Style::Json => json::text(message),
    };
    let mut out = output::Writer::new();
    out.write(format_args!("{text}"))
        .and_then(|()| out.finish())
        .map_err(|_| Error::silent(0))
}

fn not_registered(prog: &Prog, satype: u8, refused: Refused) -> Error {
    let why = match refused {
        Refused::Errno(errno) => format!("errno={}: {}", refusal::number(errno), errno.desc()),
        Refused::Truncated(len) => format!("pfkey write truncated to {len} bytes"),
    };
    let name = message::satype_name(satype);
    prog.error(format_args!("cannot register for {name} messages: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, Random};

    #[test]
    fn a_file_is_cut_into_its_messages() {
        let mut one = vec![2, 9, 0, 3, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let mut file = one.clone();
        file.extend([0; 16]);
        file.extend([2, 9, 0]);
        let mut source = file.as_slice();
        assert_eq!(next_in_file(&mut source).unwrap(), Some(one.clone()));
        // A length of zero words does not hold anything up.
        assert_eq!(next_in_file(&mut source).unwrap(), Some(vec![0; 16]));
        one.truncate(3);
        one[1] = 9;
        assert_eq!(next_in_file(&mut source).unwrap(), Some(one));
        assert_eq!(next_in_file(&mut source).unwrap(), None);
    }

    #[test]
    fn damaged_messages_are_shown_as_well_as_can_be() {
        let samples = [
            "02030003 22000000 01000000 07000000
             0300 0100 00001234 00 01 03 0c 00000000 00000000 00000000
             0500 0300 00000000 0010000000000000 0000000000000000 0000000000000000 00000000 00000000
             0500 0400 00000000 0000000000000000 0000000000000000 0000000000000000 03000000 00000000
             0300 0500 00000000 0200 0000 00000000 0000000000000000
             0300 0600 00000000 0200 0000 0a000002 0000000000000000
             0400 0800 a000 0000 000102030405060708090a0b0c0d0e0f 10111213 00000000
             0300 0900 8000 0000 000102030405060708090a0b0c0d0e0f
             0100 1b00 02 000000 0100 1c00 9411 0000 0100 1d00 9511 0000 0100 1f00 0300 0000
             0200 2000 05000000 06000000 00000000",
            "02070002 05000000 01000000 540d0000 0300 0e00 00000000 0300a000a0000000 0200800080000000",
            "02100000 09000000 01000000 bb000000 0700 1900 00000000 00000080 00000000 00000000 00000000
             00000000 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000",
        ];
        for (seed, sample) in (1..).zip(samples) {
            let digits = hex(sample);
            let bytes: Vec<u8> = (0..digits.len() / 2)
                .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            let mut random = Random::new(seed);
            for _ in 0..4000 {
                let damaged = random.damaged(&bytes, &[0, 1, 2, 3, 8, 9, 0x7f, 0x80, 0xff]);
                let message = Message::new(&damaged);
                for text in [
                    classic::text(&message),
                    decode::text(&message),
                    json::text(&message),
                ] {
                    assert!(text.ends_with('\n'), "{damaged:02x?}: {text}");
                }
            }
        }
    }
}
