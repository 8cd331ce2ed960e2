// SPDX-License-Identifier: GPL-2.0-only

//! The dialect of Linux's af_key: SAs that stand alone, and policies that say which of them packets need.
//!
//! | message | handler | who hears the answer |
//! |---|---|---|
//! | ADD, UPDATE, DELETE | [`sas`] | every socket |
//! | GETSPI, GET | [`sas`] | the requester |
//! | FLUSH | [`sas`] | the requester, and every socket if anything was removed |
//! | SPDADD, SPDSETIDX, SPDUPDATE, SPDDELETE, SPDDELETE2 | [`policies`] | every socket |
//! | MIGRATE | [`migrate`] | every socket |
//! | SPDGET | [`policies`] | the requester |
//! | SPDFLUSH | [`policies`] | as FLUSH |
//! | DUMP, SPDDUMP | [`dump`](super::dump) | the requester |
//! | REGISTER | [`register`](super::register) | sockets registered for the satype, and the requester |
//! | PROMISC | here | the requester |
//! | ACQUIRE, that there will be no SA | here | nobody |
//!
//! Errors are answered in-band, to the requester alone.

pub(super) mod form;
mod migrate;
pub(super) mod policies;
mod sas;

use super::{
    answer,
    dump::{self, What},
    register, Aftermath, Answer, Audience, Context, Outcome, PfKey,
};
use crate::{instance::Instance, kapi::net::sock::Socket};
use kernel::prelude::*;
use klips_core::pfkey::{
    build::Origin,
    envelope::Envelope,
    errno::Errno,
    linux::{self, compose, MsgType, Request},
    Speech,
};

/// Handles a request of this dialect. Process context.
pub(super) fn message(
    ns: &Instance,
    sock: &Socket<PfKey>,
    env: Envelope<'_>,
    done: &mut Aftermath,
) -> Result {
    let request = linux::request(&env);
    // The kernel may load modules for it: not under the mutex.
    let algorithms = match &request {
        Ok(Request::Register { .. }) => Some(register::announced()),
        _ => None,
    };
    answer(ns, sock, env, Speech::Linux, done, |context, buf| {
        match (&request, &algorithms) {
            (Err(errno), _) => Err(*errno),
            (Ok(Request::Register { satype }), Some(algorithms)) => {
                register::register_linux(context, *satype, algorithms, buf)
            }
            (Ok(request), _) => handle(context, request, buf),
        }
    })
}

fn handle(context: &mut Context<'_>, request: &Request<'_>, buf: &mut [u8]) -> Outcome {
    match request {
        Request::GetSpi { sa, range, .. } => sas::get_spi(context, sa, *range, buf),
        Request::Add(sa) => sas::add(context, sa, buf),
        Request::Update(sa) => sas::update(context, sa, buf),
        Request::Delete(sa) => sas::delete(context, sa, buf),
        Request::Get(sa) => sas::get(context, sa, buf),
        Request::Flush(satype) => sas::flush(context, *satype, buf),
        Request::Dump { satype, filter } => {
            let what = What::Sas {
                satype: *satype,
                filter: *filter,
                last: None,
            };
            dump::begin(context, what, buf)
        }
        Request::Promisc(on) => {
            context.sock.data().set_promiscuous(*on);
            let origin = Origin::of(context.env.header());
            let message = compose::bare(buf, MsgType::Promisc, u8::from(*on), origin);
            Answer::new(Audience::Sender, message)
        }
        Request::SpdUpdate(entry) => policies::update(context, entry, buf),
        Request::SpdAdd(entry) => policies::add(context, entry, buf),
        Request::SpdDelete(entry) => policies::delete(context, entry, buf),
        Request::SpdGet(id) => policies::get(context, *id, buf),
        Request::SpdDelete2(id) => policies::delete_by_id(context, *id, buf),
        Request::SpdDump => dump::begin(context, What::Policies { last: None }, buf),
        Request::SpdFlush => policies::flush(context, buf),
        Request::Migrate(request) => migrate::migrate(context, request, buf),
        Request::Failed { seq, .. } => {
            context.lost += context.ns.asks.refuse(*seq).len();
            Ok(Answer {
                audience: Audience::Nobody,
                len: 0,
            })
        }
        Request::Register { .. } => Err(Errno::Eopnotsupp),
    }
}
