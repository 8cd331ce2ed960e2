// SPDX-License-Identifier: GPL-2.0-only

//! The conversation with the kernel: requests out, the verdict of `write()` back, and replies where they are wanted.
//!
//! This is the one place where requests become bytes.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use klips_core::pfkey::build::{NoRoom, Origin};
use klips_core::pfkey::ext::DebugMasks;
use klips_core::pfkey::request::FlushScope;
use klips_core::pfkey::{compose, envelope, Envelope, Ext, Request, MAX_REPLY};
use klips_pfkey::{Errno, PfkeySocket};
use nix::unistd;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::prog::Prog;
use crate::refusal;

/// How long a reply may take. The kernel queues it before `write()` returns, so this is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes the message for a request into `buf`. Requests that no tool makes have no message here.
pub(crate) fn encode<'b>(
    buf: &'b mut [u8],
    origin: Origin,
    request: &Request<'_>,
) -> Result<&'b [u8], NoRoom> {
    match request {
        Request::Add(sa) => compose::add(buf, origin, sa),
        Request::Delete(sa) => compose::delete(buf, origin, sa),
        Request::Flush(FlushScope::All) => compose::flush(buf, origin, 0),
        Request::Flush(FlushScope::Proto(proto)) => compose::flush(buf, origin, proto.satype()),
        Request::Grpsa(group) => compose::grpsa(buf, origin, group),
        Request::AddFlow(flow) => compose::add_flow(buf, origin, flow),
        Request::DelFlow(flow) => compose::del_flow(buf, origin, flow),
        Request::Register { satype } => compose::register(buf, origin, *satype),
        Request::Debug(masks) => compose::debug(buf, origin, masks),
        Request::PlumbIf(interface) => compose::plumbif(buf, origin, *interface),
        Request::UnplumbIf(interface) => compose::unplumbif(buf, origin, *interface),
        _ => Err(NoRoom),
    }
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `write()` failed.
    Errno(Errno),
    /// `write()` took only so many bytes.
    Truncated(usize),
}

/// An open conversation.
#[derive(Debug)]
pub(crate) struct Kernel {
    socket: PfkeySocket,
    origin: Origin,
}

impl Kernel {
    /// Opens the PF_KEY socket.
    ///
    /// # Errors
    ///
    /// The text of why it cannot be had.
    pub(crate) fn open(prog: &Prog) -> Result<Self, Error> {
        let socket = PfkeySocket::open().map_err(|errno| no_socket(prog, errno))?;
        let pid = unistd::getpid().as_raw().unsigned_abs();
        Ok(Self {
            socket,
            origin: Origin { seq: 0, pid },
        })
    }

    /// The socket, to read whatever comes.
    pub(crate) const fn socket(&self) -> &PfkeySocket {
        &self.socket
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// The kernel's verdict if it is not yes.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        if matches!(request, Request::Flush(_) | Request::Register { .. }) {
            self.introduce()?;
        }
        self.send(request)
    }

    /// Shows which dialect this is, by a request that changes nothing and that only this one has: what subscribes, or
    /// removes all SAs, is the same in each.
    fn introduce(&mut self) -> Result<(), Refused> {
        self.send(&Request::Debug(DebugMasks {
            netlink: DebugMasks::SET,
            ..DebugMasks::default()
        }))
    }

    fn send(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        // A message may hold keys, so the buffer is overwritten when it goes.
        let mut buf = Zeroizing::new([0; MAX_REPLY]);
        self.origin.seq = self.origin.seq.wrapping_add(1);
        let message = encode(buf.as_mut_slice(), self.origin, request)
            .map_err(|_| Refused::Errno(Errno::EMSGSIZE))?;
        match self.socket.send(message) {
            Ok(taken) if taken == message.len() => Ok(()),
            Ok(taken) => Err(Refused::Truncated(taken)),
            Err(errno) => Err(Refused::Errno(errno)),
        }
    }

    /// Waits for the reply to the last request and hands it to `read`. `None` if there was none in time.
    ///
    /// # Errors
    ///
    /// Whatever reading fails with.
    pub(crate) fn reply<T>(
        &self,
        read: impl FnOnce(&Envelope<'_>) -> T,
    ) -> Result<Option<T>, Errno> {
        let deadline = Instant::now() + PATIENCE;
        let mut buf = [0; MAX_REPLY];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(len) = self.socket.receive(&mut buf, left)? else {
                return Ok(None);
            };
            // Other programs' messages pass by here too, and what cannot be read cannot be ours.
            let message = buf.get(..len).and_then(|bytes| envelope::check(bytes).ok());
            if let Some(message) =
                message.filter(|message| Origin::of(message.header()) == self.origin)
            {
                return Ok(Some(read(&message)));
            }
        }
    }
}

/// The references in a reply to ADD, if it has any.
pub(crate) fn saref(reply: &Envelope<'_>) -> Option<(u32, u32)> {
    reply
        .extensions()
        .flatten()
        .find_map(|ext| match ext.decode() {
            Ok(Ext::Saref(pair)) => Some((pair.me, pair.him)),
            _ => None,
        })
}

/// Why there is no PF_KEY socket, and what to do about it.
fn no_socket(prog: &Prog, errno: Errno) -> Error {
    let text = refusal::socket(errno, is_root());
    let error = prog.error(format_args!(
        "Trouble opening PF_KEY family socket with error: {text}"
    ));
    let advice = match errno {
        Errno::EAFNOSUPPORT | Errno::ENODEV | Errno::EPROTONOSUPPORT if af_key_is_there() => {
            "the kernel's own PF_KEY (af_key) is loaded; unload it with 'rmmod af_key', then 'modprobe klips'"
        }
        Errno::EAFNOSUPPORT | Errno::ENODEV => "the klips module is not loaded; 'modprobe klips' loads it",
        Errno::EACCES | Errno::EPERM => NEEDS_CAPABILITY,
        _ => return error,
    };
    error.then_told(&prog.line(advice))
}

/// What is missing when the kernel says EACCES or EPERM.
pub(crate) const NEEDS_CAPABILITY: &str =
    "this needs root, or CAP_NET_ADMIN in this network namespace";

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    unistd::geteuid().is_root()
}

/// Whether Linux's own PF_KEY implementation is loaded, with which KLIPS cannot share the address family.
pub(crate) fn af_key_is_there() -> bool {
    Path::new("/proc/net/pfkey").exists()
}

/// An errno as the system describes it.
pub(crate) fn reason(errno: Errno) -> impl fmt::Display {
    match errno {
        Errno::EACCES | Errno::EPERM => NEEDS_CAPABILITY,
        errno => errno.desc(),
    }
}
