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

mod exempt;
mod flows;
mod groups;
mod plumb;
mod register;
mod sas;
mod socket;

pub(crate) use exempt::Exempt;
pub(crate) use socket::{Listeners, PfKey};

use crate::sysctl::{klips_debug, Debug};
use crate::{
    eroute::Idents,
    error::{errno_of, error_of},
    events::{Event, Moved},
    hold::Pair,
    instance::{Control, Instance, Tables},
    kapi::net::{netns, sock::Socket, Net},
    sadb::sa::{Ident, Limit, Sa},
};
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    pfkey::{
        self,
        build::NoRoom,
        envelope::{self, Envelope},
        errno::Errno,
        ext::{self, DebugMasks, Lifetime, SaInfo},
        reply,
        request::Request,
        types::state,
    },
    sa::Lifetimes,
    said::SaProto,
};
use socket::Audience;

/// What a handler works with.
struct Context<'a> {
    net: &'a Net,
    ns: &'a Instance,
    env: Envelope<'a>,
    control: &'a mut Control,
    /// Packets to send again once no lock is held.
    released: Pair,
    /// Packets that a hold lost.
    lost: usize,
    /// Something has a deadline now.
    timed: bool,
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
    let mut done = Aftermath::default();
    let request = pfkey::parse(&env);
    let errno = match &request {
        // Devices come and go under RTNL, which comes before the mutex.
        Ok(Request::PlumbIf(interface)) => Some(plumb::plumb(&ns, sock.net(), *interface)),
        Ok(Request::UnplumbIf(interface)) => Some(plumb::unplumb(&ns, *interface)),
        _ => None,
    };
    let registration = match &request {
        Ok(Request::Register { satype }) => Some(register::prepare(*satype)),
        _ => None,
    };
    let work = match (errno, &registration) {
        (Some(errno), _) => Ok(Work::Echo(errno.err())),
        (None, Some(registration)) => Ok(Work::Register(registration)),
        (None, None) => request.as_ref().map(Work::Tables).map_err(|e| *e),
    };
    let result = answer(&ns, sock, env, work, &mut done);
    ns.evict(done.lost);
    if done.timed {
        ns.wake();
    }
    done.released.resend(&ns);
    result
}

/// What a request is to the tables.
enum Work<'a> {
    /// It is about them.
    Tables(&'a Request<'a>),
    /// It is done, and echoed with its outcome.
    Echo(Option<Errno>),
    /// A socket subscribes.
    Register(&'a register::Registration),
}

/// What is left to do when no lock is held any more.
#[derive(Default)]
struct Aftermath {
    released: Pair,
    lost: usize,
    timed: bool,
}

/// Handles and answers under the mutex.
fn answer(
    ns: &Instance,
    sock: &Socket<PfKey>,
    env: Envelope<'_>,
    work: core::result::Result<Work<'_>, Errno>,
    done: &mut Aftermath,
) -> Result {
    let mut control = ns.control.lock();
    let mut buf = core::mem::take(&mut control.reply);
    let outcome = work.and_then(|work| match work {
        Work::Echo(errno) => Answer::new(Audience::Sender, reply::echo(&mut buf, &env, errno)),
        Work::Register(request) => register::register(sock, &env, request, &mut buf),
        Work::Tables(request) => {
            let mut context = Context {
                net: sock.net(),
                ns,
                env,
                control: &mut control,
                released: Pair::default(),
                lost: 0,
                timed: false,
            };
            let outcome = handle(&mut context, request, &mut buf);
            *done = Aftermath {
                released: context.released,
                lost: context.lost,
                timed: context.timed,
            };
            outcome
        }
    });
    klips_debug!(
        ns,
        Pfkey,
        "pfkey: type {} seq {} pid {}: errno {}",
        env.header().kind,
        env.header().seq.get(),
        env.header().pid.get(),
        outcome.as_ref().err().map_or(0, |e| e.code())
    );
    let sockets = ns.sockets.lock();
    let result = match outcome {
        Ok(answer) => {
            if let Some(message) = buf.get(..answer.len) {
                sockets.send(message, &answer.audience, Some(sock));
            }
            Ok(())
        }
        Err(errno) => {
            if let Ok(message) = reply::error(&mut buf, env.header(), errno) {
                sockets.send(message, &Audience::All, None);
            }
            Err(error_of(errno))
        }
    };
    ns.traps
        .set_listeners(sockets.listeners(SaProto::Esp.satype()));
    drop(sockets);
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

/// A copy of an identity that outlives its message.
fn own_ident(ident: Option<&ext::Ident<'_>>) -> Result<Option<Ident>> {
    let Some(ident) = ident else { return Ok(None) };
    let mut data = KVec::with_capacity(ident.data.len(), GFP_KERNEL)?;
    data.extend_from_slice(ident.data, GFP_KERNEL)?;
    Ok(Some(Ident {
        kind: ident.kind,
        id: ident.id,
        data,
    }))
}

/// An identity for a reply.
fn lent_ident(ident: Option<&Ident>) -> Option<ext::Ident<'_>> {
    ident.map(|i| ext::Ident {
        kind: i.kind,
        id: i.id,
        data: &i.data,
    })
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
    .with_window(sa.fixed.window)
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
    let sa = &event.sa;
    let there = control.sadb.get(&sa.said());
    if !there.is_some_and(|there| Arc::ptr_eq(&there, sa)) {
        // Replaced or deleted meanwhile.
        return;
    }
    let mut buf = core::mem::take(&mut control.reply);
    let life = sa.hot(|hot| hot.life);
    let limit = match event.limit {
        Limit::Soft => reply::Limit::Soft(limits(&life, Limit::Soft)),
        Limit::Hard => reply::Limit::Hard(limits(&life, Limit::Hard)),
    };
    // By now the SA may be further than what is reported.
    let told = SaInfo {
        state: match event.limit {
            Limit::Soft => state::DYING,
            Limit::Hard => state::DEAD,
        },
        ..info(sa)
    };
    let message = reply::expire(
        &mut buf,
        tables.next_seq(),
        &sa.said(),
        sa.fixed.src,
        &told,
        &current(&life),
        &limit,
    );
    if let Ok(message) = message {
        tables.sockets.lock().send(message, &Audience::All, None);
    }
    control.reply = buf;
    if event.limit == Limit::Hard {
        control.sadb.remove_group(&sa.said());
    }
}

/// Tells key daemons that the peer of an SA was heard from another port.
pub(crate) fn new_mapping(tables: &Tables, control: &mut Control, moved: &Moved) {
    let sa = &moved.sa;
    let there = control.sadb.get(&sa.said());
    if !there.is_some_and(|there| Arc::ptr_eq(&there, sa)) {
        return;
    }
    let mut buf = core::mem::take(&mut control.reply);
    let end = |port| ext::Endpoint {
        addr: sa.fixed.src,
        port,
        proto: 0,
    };
    let (old, new) = (end(sa.nat_ports().0), end(moved.port));
    let message = reply::new_mapping(&mut buf, tables.next_seq(), sa.said().spi, &old, &new);
    if let Ok(message) = message {
        let audience = Audience::Registered(SaProto::Esp.satype());
        tables.sockets.lock().send(message, &audience, None);
    }
    control.reply = buf;
}

/// Asks key daemons for SAs, as the packet that sprang a trap wants them. Returns how many heard it.
pub(crate) fn acquire(
    tables: &Tables,
    control: &mut Control,
    src: &ext::Endpoint,
    dst: &ext::Endpoint,
    idents: Option<&Idents>,
) -> usize {
    let mut buf = core::mem::take(&mut control.reply);
    let ident_src = lent_ident(idents.and_then(|i| i.src.as_ref()));
    let ident_dst = lent_ident(idents.and_then(|i| i.dst.as_ref()));
    let message = reply::acquire(
        &mut buf,
        tables.next_seq(),
        src,
        dst,
        ident_src.as_ref(),
        ident_dst.as_ref(),
    );
    let audience = Audience::Registered(SaProto::Esp.satype());
    let heard = message.map_or(0, |message| {
        tables.sockets.lock().send(message, &audience, None)
    });
    control.reply = buf;
    heard
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
