// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel says of itself: EXPIRE, SPDEXPIRE, NAT_T_NEW_MAPPING and ACQUIRE.

use super::{
    form::{current, info, lent_ident, limits},
    linux::{
        form::{form, in_packets, satype_of, Keys},
        policies,
    },
    socket::{Audience, Post},
};
use crate::{
    asks::Question,
    eroute::Idents,
    events::{Event, Moved},
    instance::{Control, Tables},
    sadb::sa::{Limit, Sa},
    spd::Policy,
};
use core::mem;
use kernel::sync::Arc;
use klips_core::{
    pfkey::{
        build::Origin,
        ext::{self, SaInfo},
        linux::{
            self, compose,
            wanted::{self, Wanted},
            Endpoint, MsgType,
        },
        reply,
        types::state,
        Speech,
    },
    said::SaProto,
};

fn post(tables: &Tables, speech: Speech, message: &[u8], audience: Audience) -> usize {
    tables.post(&Post {
        speech,
        message,
        audience,
        sender: None,
    })
}

/// Whether the SA is still the one of its name.
fn is_there(control: &Control, sa: &Arc<Sa>) -> bool {
    let there = control.sadb.get(&sa.said());
    there.is_some_and(|there| Arc::ptr_eq(&there, sa))
}

/// Tells every socket that an SA exceeded a limit; one that exceeded a hard one is removed with its group.
pub(crate) fn expire(tables: &Tables, control: &mut Control, event: &Event) {
    if !is_there(control, &event.sa) {
        return;
    }
    let mut buf = mem::take(&mut control.reply);
    expire_in_klips(tables, event, &mut buf);
    expire_in_linux(tables, event, &mut buf);
    control.reply = buf;
    if event.limit == Limit::Hard {
        control.sadb.remove_group(&event.sa.said());
    }
}

/// By now the SA may be further than what is reported.
fn state_of(limit: Limit) -> u8 {
    match limit {
        Limit::Soft => state::DYING,
        Limit::Hard => state::DEAD,
    }
}

fn expire_in_klips(tables: &Tables, event: &Event, buf: &mut [u8]) {
    let sa = &event.sa;
    let life = sa.life();
    let limit = match event.limit {
        Limit::Soft => reply::Limit::Soft(limits(&life, Limit::Soft)),
        Limit::Hard => reply::Limit::Hard(limits(&life, Limit::Hard)),
    };
    let told = SaInfo {
        state: state_of(event.limit),
        ..info(sa)
    };
    let message = reply::expire(
        buf,
        tables.next_seq(),
        &sa.said(),
        sa.fixed.src,
        &told,
        &current(&life),
        &limit,
    );
    if let Ok(message) = message {
        post(tables, Speech::Klips, message, Audience::All);
    }
}

fn expire_in_linux(tables: &Tables, event: &Event, buf: &mut [u8]) {
    let Some(mut one) = form(&event.sa, Keys::Kept) else {
        return;
    };
    let life = event.sa.life();
    let limit = Some(in_packets(limits(&life, event.limit)));
    (one.hard, one.soft) = match event.limit {
        Limit::Hard => (limit, None),
        Limit::Soft => (None, limit),
    };
    one.info.state = state_of(event.limit);
    if let Ok(message) = compose::sa(buf, MsgType::Expire, Origin::kernel(0), &one) {
        post(tables, Speech::Linux, message, Audience::RegisteredAny);
    }
}

/// Tells every socket that a policy exceeded a limit of time; one that exceeded a hard one is removed.
pub(crate) fn expire_policy(tables: &Tables, control: &mut Control, policy: &Policy, limit: Limit) {
    if limit == Limit::Hard {
        control.spd.remove(policy);
    }
    let mut buf = mem::take(&mut control.reply);
    let message = policies::expired(policy, limit, &mut buf);
    if let Ok(message) = message {
        post(tables, Speech::Linux, message, Audience::All);
    }
    control.reply = buf;
}

/// Tells key daemons that the peer of an SA was heard from another port.
pub(crate) fn new_mapping(tables: &Tables, control: &mut Control, moved: &Moved) {
    let sa = &moved.sa;
    if !is_there(control, sa) {
        return;
    }
    let mut buf = mem::take(&mut control.reply);
    let end = |port| ext::Endpoint {
        addr: sa.fixed.src,
        port,
        proto: 0,
    };
    let (old, new) = (end(sa.nat_ports().0), end(moved.port));
    let message = reply::new_mapping(&mut buf, tables.next_seq(), sa.said().spi, &old, &new);
    if let Ok(message) = message {
        let audience = Audience::Registered(SaProto::Esp.satype());
        post(tables, Speech::Klips, message, audience);
    }
    if let Some(one) = form(sa, Keys::Kept) {
        let origin = Origin::kernel(tables.next_seq());
        if let Ok(message) = mapping_in_linux(&mut buf, origin, &one, moved.port) {
            post(tables, Speech::Linux, message, Audience::RegisteredAny);
        }
    }
    control.reply = buf;
}

/// In this dialect the addresses are the old and the new one of the peer.
fn mapping_in_linux<'b>(
    buf: &'b mut [u8],
    origin: Origin,
    sa: &linux::Sa<'_>,
    port: u16,
) -> compose::Message<'b> {
    let told = linux::Sa {
        sa2: sa.sa2,
        nat_t_sport: sa.nat_t_sport,
        nat_t_dport: Some(port),
        info: linux::SaInfo {
            spi: sa.info.spi,
            ..linux::SaInfo::default()
        },
        ..linux::Sa::named(sa.satype, sa.info.spi, sa.src, Endpoint::whole(sa.src.addr))
    };
    compose::sa(buf, MsgType::NatTNewMapping, origin, &told)
}

/// Asks key daemons that speak KLIPS's dialect for SAs, as the packet that sprang a trap wants them. Returns how many
/// heard it.
pub(crate) fn acquire(
    tables: &Tables,
    control: &mut Control,
    src: &ext::Endpoint,
    dst: &ext::Endpoint,
    idents: Option<&Idents>,
) -> usize {
    let mut buf = mem::take(&mut control.reply);
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
    let heard = message.map_or(0, |message| post(tables, Speech::Klips, message, audience));
    control.reply = buf;
    heard
}

/// Asks key daemons that speak the Linux dialect for an SA, to be answered under `seq`. Returns how many heard it.
pub(crate) fn acquire_for_policy(
    tables: &Tables,
    control: &mut Control,
    question: &Question,
    seq: u32,
) -> usize {
    let Some(satype) = satype_of(question.need.proto) else {
        return 0;
    };
    let wanted = Wanted {
        satype,
        src: question.need.src,
        dst: question.need.dst,
        policy: question.policy,
        priority: question.priority,
    };
    let mut buf = mem::take(&mut control.reply);
    let there = &control.announced;
    let message = wanted::acquire(&mut buf, seq, &wanted, &there.auth, &there.encrypt);
    let heard = message.map_or(0, |message| {
        post(tables, Speech::Linux, message, Audience::RegisteredAny)
    });
    control.reply = buf;
    heard
}
