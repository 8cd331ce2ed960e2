// SPDX-License-Identifier: GPL-2.0-only

//! Listings that may be longer than their reader's queue.
//!
//! A DUMP puts into the queue what fits, and goes on whenever the reader has made room. The number of a message counts
//! up from 1; that of the last is 0, so each waits until it is known whether another follows.

use super::{
    linux::{
        form::{form, Keys},
        policies,
    },
    Answer, Audience, Context, InBand, Outcome, PfKey,
};
use crate::{
    error::errno_of,
    instance::{Control, Instance},
    kapi::{
        crypto::wipe,
        net::{netns, sock::Socket},
    },
    sadb::Place,
    spd::Cursor,
};
use core::mem;
use kernel::prelude::*;
use klips_core::pfkey::{
    build::Origin,
    errno::Errno,
    layout::Header,
    linux::{compose, Filter, MsgType, SaType},
};

/// From this many thirds of the reader's queue on no more is put into it.
const FULL: u32 = 2;

/// What is listed, and how far that has come.
pub(crate) enum What {
    /// SAs.
    Sas {
        /// Those of this type.
        satype: Option<SaType>,
        /// Those between these networks.
        filter: Option<Filter>,
        /// The last one.
        last: Option<Place>,
    },
    /// Policies.
    Policies {
        /// The last one.
        last: Option<Cursor>,
    },
}

/// A listing that is being read.
pub(crate) struct Dump {
    what: What,
    /// The request.
    header: Header,
    /// The number of the message that waits.
    seq: u32,
    /// The message that waits.
    held: Held,
}

/// A message that may hold keys.
#[derive(Default)]
struct Held(KVec<u8>);

impl Drop for Held {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl Held {
    fn copy(message: &[u8]) -> Result<Self> {
        let mut copy = KVec::with_capacity(message.len(), GFP_KERNEL)?;
        copy.extend_from_slice(message, GFP_KERNEL)?;
        Ok(Self(copy))
    }
}

impl Dump {
    fn new(what: What, header: Header) -> Self {
        Self {
            what,
            header,
            seq: 0,
            held: Held::default(),
        }
    }

    /// Puts the next item into `buf` as a message, whose length it returns. `None`: there is none.
    fn next(&mut self, control: &Control, buf: &mut [u8], seq: u32) -> Option<usize> {
        let origin = Origin {
            seq,
            ..Origin::of(&self.header)
        };
        match &mut self.what {
            What::Sas {
                satype,
                filter,
                last,
            } => loop {
                let place = control.sadb.next_place(last.as_ref())?;
                *last = Some(place);
                let sa = control.sadb.at(&place);
                let Some(sa) = sa else { continue };
                let Some(one) = form(&sa, Keys::Told) else {
                    continue;
                };
                let wanted = satype.is_none_or(|satype| satype == one.satype)
                    && filter.is_none_or(|filter| filter.has(&one.src.addr, &one.dst.addr));
                if wanted {
                    return compose::sa(buf, MsgType::Dump, origin, &one)
                        .map(<[u8]>::len)
                        .ok();
                }
            },
            What::Policies { last } => {
                let place = control.spd.next(last.as_ref())?;
                *last = Some(place);
                let policy = control.spd.at(&place)?;
                policies::describe(&policy, MsgType::SpdDump, origin, buf)
                    .map(<[u8]>::len)
                    .ok()
            }
        }
    }

    /// Queues what fits. `true`: that was all. A message that cannot be queued is an error: nobody is to take what is left
    /// for all.
    fn pump(&mut self, control: &Control, sock: &Socket<PfKey>, buf: &mut [u8]) -> Result<bool> {
        while sock.thirds_full() < FULL {
            let seq = self.seq.wrapping_add(1);
            let Some(len) = self.next(control, buf, seq) else {
                if self.seq == 0 {
                    return Err(ENOENT);
                }
                let mut last = mem::take(&mut self.held);
                if let Some(seq) = last.0.get_mut(SEQ_AT) {
                    seq.fill(0);
                }
                sock.queue(&last.0)?;
                return Ok(true);
            };
            let message = buf.get_mut(..len).unwrap_or(&mut []);
            let held = Held::copy(message);
            wipe(message);
            let held = held?;
            let ready = mem::replace(&mut self.held, held);
            if self.seq != 0 {
                sock.queue(&ready.0)?;
            }
            self.seq = seq;
        }
        Ok(false)
    }
}

/// Where the number of a message stands.
const SEQ_AT: core::ops::Range<usize> = 8..12;

/// Begins a listing for the requester. `ENOENT`: there is nothing to list; `EBUSY`: it has not read another one yet.
pub(super) fn begin(context: &mut Context<'_>, what: What, buf: &mut [u8]) -> Outcome {
    let number = context.sock.data().number();
    let busy = |dumps: &KVec<(u64, Dump)>| dumps.iter().any(|(of, _)| *of == number);
    if busy(&context.ns.sockets.lock().dumps) {
        return Err(Errno::Ebusy);
    }
    let mut dump = Dump::new(what, *context.env.header());
    let done = dump.pump(context.control, context.sock, buf).in_band()?;
    if !done {
        let mut sockets = context.ns.sockets.lock();
        let kept = sockets.dumps.push((number, dump), GFP_KERNEL);
        kept.map_err(Error::from).in_band()?;
    }
    Ok(Answer {
        audience: Audience::Nobody,
        len: 0,
    })
}

/// Goes on with the listing that a socket reads, if there is one and room for more. Process context.
pub(super) fn go_on(sock: &Socket<PfKey>) {
    let number = sock.data().number();
    let Some(ns) = netns::instance_arc::<Instance>(sock.net()) else {
        return;
    };
    if sock.thirds_full() > 0 || !ns.sockets.lock().dumps.iter().any(|(of, _)| *of == number) {
        return;
    }
    let mut control = ns.control.lock();
    let Some(mut dump) = take(&ns, number) else {
        return;
    };
    let mut buf = mem::take(&mut control.reply);
    match dump.pump(&control, sock, &mut buf) {
        Ok(true) => {}
        // There was room for it a moment ago.
        Ok(false) => drop(ns.sockets.lock().dumps.push((number, dump), GFP_KERNEL)),
        // The reader waits for more.
        Err(e) => {
            if let Ok(message) = compose::error(&mut buf, &dump.header, errno_of(e)) {
                let _ = sock.queue(message);
            }
        }
    }
    control.reply = buf;
}

fn take(ns: &Instance, number: u64) -> Option<Dump> {
    let mut sockets = ns.sockets.lock();
    let at = sockets.dumps.iter().position(|(of, _)| *of == number)?;
    sockets.dumps.remove(at).ok().map(|(_, dump)| dump)
}
