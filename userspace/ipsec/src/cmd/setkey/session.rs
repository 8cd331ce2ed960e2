// SPDX-License-Identifier: GPL-2.0-only

//! The conversation with the kernel: requests out, answers back, and both shown where that is wanted.

use std::time::{Duration, Instant};

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::envelope::{self, Envelope};
use klips_core::pfkey::linux::{compose, message, Message, MsgType, Request};
use klips_pfkey::{Errno, PfkeySocket};
use nix::unistd;
use zeroize::Zeroizing;

use super::options::Manner;
use super::show::Printer;
use crate::error::Error;
use crate::kernel::{af_key_is_there, NEEDS_CAPABILITY};
use crate::prog::Prog;

/// How long an answer may take. It is there when sending returns, so this is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// Larger than any message: its length in words has 16 bits, but no SA or policy comes near that.
const ROOM: usize = 1 << 16;

/// A number that no policy comes to have: they are counted from 1, and this one would be the last.
const NO_POLICY: u32 = 0xffff_fff8;

/// Who the requests are from. They have no number: in this dialect, an SA keeps that of the request that made it.
pub(super) fn origin() -> Origin {
    Origin {
        seq: 0,
        pid: unistd::getpid().as_raw().unsigned_abs(),
    }
}

/// An open conversation.
pub(super) struct Session<'p> {
    prog: &'p Prog,
    socket: PfkeySocket,
    origin: Origin,
    manner: Manner,
    /// Room for messages, which may have keys.
    out: Zeroizing<Vec<u8>>,
    back: Zeroizing<Vec<u8>>,
}

/// How a request ended.
pub(super) type Verdict = Result<(), Errno>;

impl<'p> Session<'p> {
    /// Opens a socket, and finds out whether the other side speaks this dialect.
    ///
    /// # Errors
    ///
    /// Why there is nobody to speak to.
    pub(super) fn open(prog: &'p Prog, manner: Manner) -> Result<Self, Error> {
        let socket = PfkeySocket::open().map_err(|errno| no_socket(prog, errno))?;
        let mut session = Self {
            prog,
            socket,
            origin: origin(),
            manner: Manner::default(),
            out: Zeroizing::new(vec![0; ROOM]),
            back: Zeroizing::new(vec![0; ROOM]),
        };
        session.probe()?;
        session.manner = manner;
        Ok(session)
    }

    /// Asks for a policy that cannot be there, by a message that no other dialect has the like of. A kernel that speaks
    /// this one takes it, and says in its answer that there is none; one that speaks that of KLIPS alone refuses to take
    /// it. REGISTER would not do: af_key then looks for every algorithm, and loads modules.
    fn probe(&mut self) -> Result<(), Error> {
        let message = compose::request(&mut self.out, self.origin, &Request::SpdGet(NO_POLICY));
        let message = message.map_err(|_| self.prog.error("no room for a message"))?;
        match self.socket.send(message) {
            Ok(_) => Ok(()),
            Err(errno) => Err(self.prog.error(format_args!(
                "the PF_KEY of this kernel does not speak the dialect of setkey ({})",
                errno.desc()
            )).then_told(&self.prog.line(
                "a klips.ko that is older than these tools speaks that of KLIPS alone: 'ipsec spi' and 'ipsec eroute' work with it",
            ))),
        }
    }

    /// The socket, to read whatever comes.
    pub(super) const fn socket(&self) -> &PfkeySocket {
        &self.socket
    }

    /// Sends a request and waits for what answers it, which `read` is given message by message.
    ///
    /// # Errors
    ///
    /// What makes it useless to go on; how the kernel decided about the request is in the verdict.
    pub(super) fn ask(
        &mut self,
        printer: &mut Printer,
        request: &Request<'_>,
        mut read: impl FnMut(&mut Printer, &Envelope<'_>, &Message<'_>) -> Result<(), Error>,
    ) -> Result<Verdict, Error> {
        let kind = self.send(printer, request)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let len = self.socket.receive(&mut self.back, left);
            let len = len.map_err(|errno| failed(self.prog, "read", errno))?;
            let len = len.ok_or_else(|| self.prog.error("the kernel does not answer"))?;
            let bytes = self.back.get(..len).unwrap_or_default();
            // Those of other programs pass by here too.
            let Some(envelope) = envelope::open(bytes).ok().filter(|envelope| {
                envelope.header().kind == kind.number()
                    && envelope.header().pid.get() == self.origin.pid
            }) else {
                continue;
            };
            if self.manner.verbose {
                printer.message(bytes)?;
            }
            let answer = message(&envelope)
                .map_err(|_| self.prog.error("the kernel's answer cannot be understood"))?;
            if let Message::Refused { errno } = answer {
                return Ok(Err(Errno::from_raw(errno.into())));
            }
            read(printer, &envelope, &answer)?;
            let more = matches!(kind, MsgType::Dump | MsgType::SpdDump);
            if !more || envelope.header().seq.get() == 0 {
                return Ok(Ok(()));
            }
        }
    }

    /// Sends a request whose answer is of no interest but for its verdict.
    ///
    /// # Errors
    ///
    /// As for [`Session::ask`].
    pub(super) fn order(
        &mut self,
        printer: &mut Printer,
        request: &Request<'_>,
    ) -> Result<Verdict, Error> {
        self.ask(printer, request, |_, _, _| Ok(()))
    }

    /// Sends a request. What has come before is no answer to it, and is thrown away.
    pub(super) fn send(
        &mut self,
        printer: &mut Printer,
        request: &Request<'_>,
    ) -> Result<MsgType, Error> {
        while let Ok(Some(_)) = self.socket.receive(&mut self.back, Duration::ZERO) {}
        let message = compose::request(&mut self.out, self.origin, request);
        let message =
            message.map_err(|_| self.prog.error("the request is too long for a message"))?;
        if self.manner.verbose {
            printer.message(message)?;
        }
        let kind = message.get(1).copied().and_then(MsgType::from_number);
        match self.socket.send(message) {
            Ok(taken) if taken == message.len() => {}
            Ok(_) => return Err(self.prog.error("the kernel took a part of a message")),
            Err(errno) => return Err(failed(self.prog, "write", errno)),
        }
        kind.ok_or_else(|| self.prog.error("no such message"))
    }
}

fn failed(prog: &Prog, what: &str, errno: Errno) -> Error {
    prog.error(format_args!("pfkey {what}: {}", errno.desc()))
}

/// Why there is no PF_KEY socket, and what to do about it.
fn no_socket(prog: &Prog, errno: Errno) -> Error {
    let error = prog.error(format_args!(
        "cannot open a PF_KEY socket: {}",
        errno.desc()
    ));
    let advice = match errno {
        Errno::EPERM | Errno::EACCES => NEEDS_CAPABILITY,
        _ if !af_key_is_there() => {
            "'modprobe klips' loads what setkey speaks with, or 'modprobe af_key'"
        }
        _ => return error,
    };
    error.then_told(&prog.line(advice))
}
