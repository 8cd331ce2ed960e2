// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEYv2 (RFC 2367): how key daemons and tools change the tables.
//!
//! One socket family speaks two dialects, that of KLIPS and that of Linux ([`linux`]); each request is told apart by what
//! it contains, and each listener hears its own.
//!
//! A message is checked, parsed, handled and answered before `write` returns, under the namespace's mutex: what a
//! listener hears is the order in which things happened.
//!
//! In the dialect of KLIPS:
//!
//! | message | handler | who hears the answer |
//! |---|---|---|
//! | GETSPI, ADD, UPDATE, DELETE, FLUSH | [`sas`] | every socket |
//! | GET | [`sas`] | the requester |
//! | GRPSA | [`groups`] | every socket |
//! | ADDFLOW, DELFLOW | [`flows`] | every socket |
//! | REGISTER | [`register`] | sockets registered for the satype |
//! | EXPIRE | here | every socket |
//!
//! "Every socket" is every one that speaks the dialect.

mod dump;
mod exempt;
mod flows;
mod form;
mod groups;
mod kernel_says;
mod linux;
mod plumb;
mod register;
mod sas;
mod socket;
mod told;

pub(crate) use exempt::Exempt;
pub(crate) use kernel_says::{acquire, acquire_for_policy, expire, expire_policy, new_mapping};
pub(crate) use register::Announced;
pub(crate) use socket::{Listeners, PfKey};

use crate::sysctl::{klips_debug, Debug};
use crate::{
    error::{errno_of, error_of},
    hold::Pair,
    instance::{Control, Instance},
    kapi::{
        crypto,
        net::{netns, sock::Socket},
    },
};
use kernel::{prelude::*, sync::Arc};
use klips_core::pfkey::{
    self,
    build::{NoRoom, Origin},
    envelope::{self, Envelope},
    errno::Errno,
    ext::DebugMasks,
    linux::compose,
    reply,
    request::Request,
    tell::tell,
    Speech,
};
use socket::{Audience, Post};
use told::Change;

/// What a handler works with.
struct Context<'a> {
    sock: &'a Socket<PfKey>,
    ns: &'a Instance,
    env: Envelope<'a>,
    control: &'a mut Control,
    /// Packets to send again once no lock is held.
    released: Pair,
    /// Packets that a hold lost.
    lost: usize,
    /// Something has a deadline before all others.
    timed: bool,
    /// A policy has changed.
    answered: bool,
    /// What those who speak the other dialect should hear too.
    change: Option<Change>,
    /// The requester is known to speak the dialect in which its request was taken.
    is_known: bool,
}

/// The answer to a request: who hears it, and how long it is in the reply buffer.
struct Answer {
    audience: Audience,
    len: usize,
}

type Outcome = core::result::Result<Answer, Errno>;

impl Answer {
    fn new(audience: Audience, message: core::result::Result<&[u8], NoRoom>) -> Outcome {
        message
            .map(|m| Self {
                audience,
                len: m.len(),
            })
            .map_err(|_| Errno::Enobufs)
    }
}

/// Handles a message that was written to `sock`. Process context.
///
/// A message that is not even well-formed ends in an errno alone.
fn message(sock: &Socket<PfKey>, bytes: &[u8]) -> Result {
    let env = envelope::check(bytes).map_err(|e| error_of(e.0))?;
    let ns = netns::instance_arc::<Instance>(sock.net()).ok_or(ENODEV)?;
    let speech = {
        let sockets = ns.sockets.lock();
        sockets.show(bytes);
        sockets.listen(sock, || tell(&env), ns.sysctl.pfkey_dialect())
    };
    let mut done = Aftermath::default();
    let result = match speech {
        Speech::Klips => klips_message(&ns, sock, env, &mut done),
        Speech::Linux => linux::message(&ns, sock, env, &mut done),
    };
    ns.evict(done.lost);
    if done.timed {
        ns.wake();
    }
    done.released.resend(&ns);
    if done.answered {
        ns.asks.release(&ns);
    }
    result
}

/// Handles a request in the dialect of KLIPS. One that fails is answered in-band, and by the errno of `write` too.
fn klips_message(
    ns: &Arc<Instance>,
    sock: &Socket<PfKey>,
    env: Envelope<'_>,
    done: &mut Aftermath,
) -> Result {
    let request = pfkey::parse(&env);
    let errno = match &request {
        // Devices come and go under RTNL, which comes before the mutex.
        Ok(Request::PlumbIf(interface)) => Some(plumb::plumb(ns, sock.net(), *interface)),
        Ok(Request::UnplumbIf(interface)) => Some(plumb::unplumb(ns, *interface)),
        _ => None,
    };
    let registration = match &request {
        Ok(Request::Register { satype }) => Some(register::prepare(*satype)),
        _ => None,
    };
    answer(ns, sock, env, Speech::Klips, done, |context, buf| {
        match (errno, &registration, &request) {
            (Some(errno), _, _) => {
                Answer::new(Audience::Sender, reply::echo(buf, &env, errno.err()))
            }
            (_, Some(registration), _) => register::register(context, registration, buf),
            (_, _, Ok(request)) => handle(context, request, buf),
            (_, _, Err(errno)) => Err(*errno),
        }
    })
}

/// What is left to do when no lock is held any more.
#[derive(Default)]
struct Aftermath {
    released: Pair,
    lost: usize,
    timed: bool,
    /// An SA has come that packets may wait for, or a policy has changed that they wait for.
    answered: bool,
}

/// Has a request handled under the mutex, and answers it in its own dialect.
fn answer(
    ns: &Instance,
    sock: &Socket<PfKey>,
    env: Envelope<'_>,
    speech: Speech,
    done: &mut Aftermath,
    handle: impl FnOnce(&mut Context<'_>, &mut [u8]) -> Outcome,
) -> Result {
    let mut control = ns.control.lock();
    let mut buf = core::mem::take(&mut control.reply);
    let mut context = Context {
        sock,
        ns,
        env,
        control: &mut control,
        released: Pair::default(),
        lost: 0,
        timed: false,
        answered: false,
        change: None,
        is_known: sock.data().is_known() || ns.sysctl.decided_dialect().is_some(),
    };
    let outcome = handle(&mut context, &mut buf);
    let change = context.change.take();
    *done = Aftermath {
        released: context.released,
        lost: context.lost,
        timed: context.timed,
        answered: context.answered || matches!(change, Some(Change::Added(_) | Change::Updated(_))),
    };
    klips_debug!(
        ns,
        Pfkey,
        "pfkey: type {} seq {} pid {}: errno {}",
        env.header().kind,
        env.header().seq.get(),
        env.header().pid.get(),
        outcome.as_ref().err().map_or(0, |e| e.code())
    );
    let result = reply_to(ns, sock, &env, speech, outcome, &mut buf);
    if let Some(change) = change {
        change.tell(ns, speech.other(), Origin::of(env.header()), &mut buf);
    }
    ns.count_listeners(&ns.sockets.lock());
    control.reply = buf;
    if ns.flows.are_stale() || control.sadb.is_behind() || control.spd.is_behind() {
        ns.wake();
    }
    result
}

/// Sends the answer; the result is that of `write`.
fn reply_to(
    ns: &Instance,
    sock: &Socket<PfKey>,
    env: &Envelope<'_>,
    speech: Speech,
    outcome: Outcome,
    buf: &mut [u8],
) -> Result {
    let (message, audience, result) = match (outcome, speech) {
        (Ok(answer), _) => (buf.get_mut(..answer.len), answer.audience, Ok(())),
        (Err(errno), Speech::Klips) => {
            let len = reply::error(buf, env.header(), errno).map_or(0, <[u8]>::len);
            (buf.get_mut(..len), Audience::All, Err(error_of(errno)))
        }
        (Err(errno), Speech::Linux) => {
            let len = compose::error(buf, env.header(), errno).map_or(0, <[u8]>::len);
            (buf.get_mut(..len), Audience::Sender, Ok(()))
        }
    };
    if let Some(message) = message {
        ns.post(&Post {
            speech,
            message,
            audience,
            sender: Some(sock),
        });
        // It may have held keys.
        crypto::wipe(message);
    }
    result
}

fn handle(context: &mut Context<'_>, request: &Request<'_>, buf: &mut [u8]) -> Outcome {
    match request {
        Request::GetSpi(request) => sas::get_spi(context, request, buf),
        Request::Add(params) => sas::add(context, params, buf),
        Request::Update(params) => sas::update(context, params, buf),
        Request::Delete(which) => sas::delete(context, which, buf),
        Request::Get(which) => sas::get(context, which, buf),
        Request::Flush(scope) => sas::flush(context, scope, buf),
        Request::Grpsa(request) => groups::group(context, request, buf),
        Request::AddFlow(request) => flows::add(context, request, buf),
        Request::DelFlow(request) => flows::delete(context, request, buf),
        Request::Expire { .. } => Answer::new(Audience::All, reply::echo(buf, &context.env, None)),
        Request::Debug(masks) => Ok(debug(context, masks)),
        // Done, or prepared, before the tables were locked.
        Request::PlumbIf(_) | Request::UnplumbIf(_) | Request::Register { .. } => {
            Err(Errno::Einval)
        }
    }
}

/// DEBUG: sets or clears bits of the masks. Nobody hears an answer.
fn debug(context: &Context<'_>, masks: &DebugMasks) -> Answer {
    let set = masks.netlink & DebugMasks::SET != 0;
    let list = [
        (Debug::Tunnel, masks.tunnel),
        (Debug::Netlink, masks.netlink & !DebugMasks::SET),
        (Debug::Xform, masks.xform),
        (Debug::Eroute, masks.eroute),
        (Debug::Spi, masks.spi),
        (Debug::Radij, masks.radij),
        (Debug::Esp, masks.esp),
        (Debug::Ah, masks.ah),
        (Debug::Rcv, masks.rcv),
        (Debug::Pfkey, masks.pfkey),
        (Debug::Ipcomp, masks.ipcomp),
        (Debug::Verbose, masks.verbose),
    ];
    context.ns.sysctl.change_debug(set, list);
    Answer {
        audience: Audience::Nobody,
        len: 0,
    }
}

/// `?` for kernel errors in handlers.
trait InBand<T> {
    fn in_band(self) -> core::result::Result<T, Errno>;
}

impl<T> InBand<T> for Result<T> {
    fn in_band(self) -> core::result::Result<T, Errno> {
        self.map_err(errno_of)
    }
}
