// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEYv2 (RFC 2367), the KLIPS dialect: how key daemons and tools change the tables.
//!
//! A message is checked, parsed, handled and answered before `write` returns, under the namespace's mutex: what a
//! listener hears is the order in which things happened.
//!
//! | message | handler | who hears the answer |
//! |---|---|---|
//! | GETSPI, ADD, UPDATE, DELETE, FLUSH | [`sas`] | every socket |
//! | GET | [`sas`] | the requester |
//! | GRPSA | [`groups`] | every socket |
//! | ADDFLOW, DELFLOW | [`flows`] | every socket |
//! | REGISTER | [`register`] | sockets registered for the satype |
//! | EXPIRE | here | every socket |

mod flows;
mod groups;
mod register;
mod sas;
mod socket;

pub(crate) use socket::{Listeners, PfKey};

use crate::{
    error::{errno_of, error_of},
    events::Event,
    instance::{Control, Instance, Tables},
    kapi::net::{netns, sock::Socket, Net},
    sadb::sa::{Limit, Sa},
};
use kernel::prelude::*;
use klips_core::{
    pfkey::{
        self,
        build::NoRoom,
        envelope::{self, Envelope},
        errno::Errno,
        ext::{Lifetime, SaInfo},
        reply,
        request::Request,
    },
    sa::Lifetimes,
};
use socket::Audience;

/// What a handler works with.
struct Context<'a> {
    net: &'a Net,
    sock: &'a Socket<PfKey>,
    env: Envelope<'a>,
    control: &'a mut Control,
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
/// A message that is not even well-formed ends in an errno alone; one that fails later is also answered in-band.
fn message(sock: &Socket<PfKey>, bytes: &[u8]) -> Result {
    let env = envelope::check(bytes).map_err(|e| error_of(e.0))?;
    let ns = netns::instance_arc::<Instance>(sock.net()).ok_or(ENODEV)?;
    let mut control = ns.tables.control.lock();
    let mut buf = core::mem::take(&mut control.reply);
    let outcome = pfkey::parse(&env).and_then(|request| {
        let mut context = Context {
            net: sock.net(),
            sock,
            env,
            control: &mut control,
        };
        handle(&mut context, &request, &mut buf)
    });
    let result = match outcome {
        Ok(answer) => {
            if let Some(message) = buf.get(..answer.len) {
                ns.tables
                    .sockets
                    .lock()
                    .send(message, &answer.audience, sock);
            }
            Ok(())
        }
        Err(errno) => {
            if let Ok(message) = reply::error(&mut buf, env.header(), errno) {
                ns.tables.sockets.lock().send(message, &Audience::All, sock);
            }
            Err(error_of(errno))
        }
    };
    control.reply = buf;
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
        Request::Register { satype } => register::register(context, *satype, buf),
        Request::Grpsa(request) => groups::group(context, request, buf),
        Request::AddFlow(request) => flows::add(context, request, buf),
        Request::DelFlow(request) => flows::delete(context, request, buf),
        Request::Expire { .. } => Answer::new(Audience::All, reply::echo(buf, &context.env, None)),
        Request::Debug(_) => Err(Errno::Eopnotsupp),
        Request::PlumbIf(_) | Request::UnplumbIf(_) => Answer::new(
            Audience::Sender,
            reply::echo(buf, &context.env, Some(Errno::Eopnotsupp)),
        ),
    }
}

/// The SA extension that describes `sa`.
fn info(sa: &Sa) -> SaInfo {
    SaInfo {
        spi: sa.said().spi,
        state: sa.state().number(),
        auth: sa.fixed.auth,
        encrypt: sa.fixed.encrypt,
        flags: sa.flags(),
        reference: sa.fixed.saref,
        ..SaInfo::default()
    }
    .with_window(sa.fixed.window.size())
}

fn clamp(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The counters as PF_KEY shows them.
fn current(life: &Lifetimes) -> Lifetime {
    Lifetime {
        allocations: clamp(life.alloc.count),
        bytes: life.bytes.count,
        addtime: life.addtime.count,
        usetime: life.usetime.count,
        packets: clamp(life.packets.count),
    }
}

/// One kind of limit as PF_KEY shows it.
fn limits(life: &Lifetimes, limit: Limit) -> Lifetime {
    let pick = |l: &klips_core::sa::Lifetime| match limit {
        Limit::Soft => l.soft,
        Limit::Hard => l.hard,
    };
    Lifetime {
        allocations: clamp(pick(&life.alloc)),
        bytes: pick(&life.bytes),
        addtime: pick(&life.addtime),
        usetime: pick(&life.usetime),
        packets: clamp(pick(&life.packets)),
    }
}

/// Tells every socket that an SA exceeded a limit; one that exceeded a hard one is removed with its group.
pub(crate) fn expire(tables: &Tables, control: &mut Control, event: &Event) {
    let Some(sa) = control.sadb.get(&event.said) else {
        return;
    };
    let mut buf = core::mem::take(&mut control.reply);
    let life = sa.hot(|hot| hot.life);
    let limit = match event.limit {
        Limit::Soft => reply::Limit::Soft(limits(&life, Limit::Soft)),
        Limit::Hard => reply::Limit::Hard(limits(&life, Limit::Hard)),
    };
    let message = reply::expire(
        &mut buf,
        tables.next_seq(),
        &sa.said(),
        sa.fixed.src,
        &info(&sa),
        &current(&life),
        &limit,
    );
    if let Ok(message) = message {
        tables.sockets.lock().broadcast(message);
    }
    control.reply = buf;
    if event.limit == Limit::Hard {
        control.sadb.remove_group(&event.said);
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
