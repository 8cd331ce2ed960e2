// SPDX-License-Identifier: GPL-2.0-only

//! GETSPI, ADD, UPDATE, DELETE, GET and FLUSH.

use super::{
    form::{info, own_ident, report},
    told::Change,
    Answer, Audience, Context, InBand, Outcome,
};
use crate::{
    algorithms,
    kapi::{crypto, net::route, time},
    sadb::sa::{Blueprint, Sa},
    sysctl::klips_debug,
    xform::{ah::Ah, comp::Comp, esp::Esp, Xform},
};
use core::net::IpAddr;
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    pfkey::{
        errno::Errno,
        ext::{self, SarefPair, SpiRange},
        reply,
        request::{FlushScope, GetSpi, SaParams, SaRef},
        types::flags,
    },
    sa::{
        alg::{ah_suite, comp_driver, AlgError, Job},
        suite, Lifetimes, State,
    },
    said::{SaProto, Said},
};

type Done<T> = core::result::Result<T, Errno>;

/// Tries this many random SPIs of a large range before it counts as full.
const TRIES: u32 = 4096;
/// Ranges up to this size are searched through.
const SMALL_RANGE: u32 = 65536;

pub(super) fn get_spi(context: &mut Context<'_>, request: &GetSpi, buf: &mut [u8]) -> Outcome {
    let spi = free_spi(context, request.dst, request.proto, request.range).ok_or(Errno::Eexist)?;
    let said = Said {
        dst: request.dst,
        spi,
        proto: request.proto,
    };
    let blueprint = Blueprint {
        said,
        src: request.src,
        proxy: request.proxy,
        ..larval(context, said)
    };
    let sa = insert(context, blueprint)?;
    Answer::new(
        Audience::All,
        reply::get_spi(buf, context.env.header(), request, &info(&sa)),
    )
}

/// Makes an SA whose name is free.
pub(super) fn insert(context: &mut Context<'_>, blueprint: Blueprint) -> Done<Arc<Sa>> {
    let sa = Sa::new(blueprint).in_band()?;
    context.control.sadb.insert(sa.clone()).in_band()?;
    watch(context, &sa);
    Ok(sa)
}

/// Has time watched over an SA that it can end.
fn watch(context: &mut Context<'_>, sa: &Arc<Sa>) {
    klips_debug!(
        context.ns,
        Spi,
        "spi: {} from {} ref {}",
        sa.said(),
        sa.fixed.src,
        sa.fixed.saref
    );
    let now = time::uptime_secs();
    context.timed |= context.control.sadb.set_deadline(sa, now);
}

/// An SPI of the range that no SA has.
pub(super) fn free_spi(
    context: &Context<'_>,
    dst: IpAddr,
    proto: SaProto,
    range: SpiRange,
) -> Option<u32> {
    let SpiRange { min, max } = range;
    let is_free = |spi: &u32| {
        let said = Said {
            dst,
            spi: *spi,
            proto,
        };
        context.control.sadb.get(&said).is_none()
    };
    let span = max.checked_sub(min)?;
    if span < SMALL_RANGE {
        let size = u64::from(span) + 1;
        let start = u64::from(crypto::random_u32()) % size;
        return (0..size)
            .filter_map(|i| min.checked_add(u32::try_from((start + i) % size).ok()?))
            .find(is_free);
    }
    (0..TRIES)
        .map(|_| {
            let offset = u64::from(crypto::random_u32()) % (u64::from(span) + 1);
            min.saturating_add(u32::try_from(offset).unwrap_or(0))
        })
        .find(is_free)
}

/// A larval SA.
pub(super) fn larval(context: &mut Context<'_>, said: Said) -> Blueprint {
    let inbound = route::is_local(context.sock.net(), &said.dst);
    empty(said, inbound, context.control.sadb.new_saref())
}

/// A larval SA with this reference.
pub(super) fn empty(said: Said, inbound: bool, saref: u32) -> Blueprint {
    Blueprint {
        said,
        src: Said::any(&said.dst),
        proxy: None,
        inbound,
        state: State::Larval,
        auth: 0,
        encrypt: 0,
        auth_key_bits: 0,
        enc_key_bits: 0,
        flags: u32::from(inbound),
        saref,
        refhim: 0,
        window: 0,
        extended: false,
        life: Lifetimes::added(time::uptime_secs()),
        ident_src: None,
        ident_dst: None,
        nat_kind: 0,
        nat_sport: 0,
        nat_dport: 0,
        nat_oa: None,
        xform: Xform::None,
        linux: None,
    }
}

/// The key, or an empty one.
fn key_of(key: Option<ext::Key<'_>>) -> ext::Key<'_> {
    key.unwrap_or(ext::Key {
        bits: 0,
        bytes: &[],
    })
}

/// The transform that the parameters ask for; `best`: with the kernel's best cipher, be it asynchronous.
fn xform(params: &SaParams<'_>, extended: bool, best: bool) -> Done<Xform> {
    let (auth, encrypt) = (key_of(params.auth_key), key_of(params.encrypt_key));
    match params.said.proto {
        SaProto::Ipip => Ok(Xform::Ipip),
        SaProto::Esp => {
            let suite = suite(params.sa.auth, params.sa.encrypt, auth.bits, encrypt.bits)
                .map_err(refused)?;
            let suite = if extended {
                suite.with_esn().map_err(refused)?
            } else {
                suite
            };
            Esp::new(suite, auth.bytes, encrypt.bytes, best)
                .map(Xform::Esp)
                .map_err(|e| unavailable(params, e))
        }
        SaProto::Ah => {
            let suite = ah_suite(params.sa.auth, auth.bits).map_err(refused)?;
            Ah::new(suite, auth.bytes, extended)
                .map(Xform::Ah)
                .map_err(|e| unavailable(params, e))
        }
        SaProto::Comp => {
            comp_driver(params.sa.encrypt).ok_or(Errno::Einval)?;
            Comp::new()
                .map(Xform::Comp)
                .map_err(|e| unavailable(params, e))
        }
        SaProto::Int => Err(Errno::Einval),
    }
}

fn refused(e: AlgError) -> Errno {
    Errno::from_code(e.errno().unsigned_abs() as u8).unwrap_or(Errno::Einval)
}

fn unavailable(params: &SaParams<'_>, e: Error) -> Errno {
    match e {
        ENOENT if params.said.proto == SaProto::Esp => missing(params.sa.encrypt),
        ENOENT => Errno::Einval,
        e => crate::error::errno_of(e),
    }
}

/// The errno for an ESP transform that the kernel lacks: it depends on which half of it is missing.
fn missing(cipher: u8) -> Errno {
    if algorithms::has(SaProto::Esp, Job::Encrypt, cipher) {
        Errno::Einval
    } else {
        Errno::Eproto
    }
}

fn lifetimes(params: &SaParams<'_>, now: u64) -> Lifetimes {
    let mut life = Lifetimes::added(now);
    if let Some(hard) = &params.hard {
        life.alloc.limit_hard(hard.allocations.into());
        life.bytes.limit_hard(hard.bytes);
        life.addtime.limit_hard(hard.addtime);
        life.usetime.limit_hard(hard.usetime);
        life.packets.limit_hard(hard.packets.into());
    }
    if let Some(soft) = &params.soft {
        life.alloc.limit_soft(soft.allocations.into());
        life.bytes.limit_soft(soft.bytes);
        life.addtime.limit_soft(soft.addtime);
        life.usetime.limit_soft(soft.usetime);
        life.packets.limit_soft(soft.packets.into());
    }
    life
}

/// Everything that ADD and UPDATE say about an SA. Fails before anything is changed.
pub(super) fn blueprint(context: &mut Context<'_>, params: &SaParams<'_>) -> Done<Blueprint> {
    let base = larval(context, params.said);
    let extended = params.sa.flags & flags::ESN != 0;
    let has_numbers = matches!(params.said.proto, SaProto::Esp | SaProto::Ah);
    if extended && (params.sa.window_size() == 0 || !has_numbers) {
        // Where the window stands is what tells the half that packets do not show.
        return Err(Errno::Einval);
    }
    let saref = params.saref.unwrap_or(SarefPair { me: 0, him: 0 });
    let best = context.ns.sysctl.async_crypto();
    Ok(Blueprint {
        src: params.src,
        proxy: params.proxy,
        state: State::Mature,
        auth: params.sa.auth,
        encrypt: params.sa.encrypt,
        auth_key_bits: key_of(params.auth_key).bits,
        enc_key_bits: key_of(params.encrypt_key).bits,
        // There the bit of PFS says "inbound".
        flags: params.sa.flags & !flags::PFS | base.flags,
        // A wish for a number that another SA has is none.
        saref: if saref.me != 0 && !context.control.sadb.has_saref(saref.me) {
            saref.me
        } else {
            base.saref
        },
        refhim: saref.him,
        window: params.sa.window_size(),
        extended,
        life: lifetimes(params, time::uptime_secs()),
        ident_src: own_ident(params.ident_src.as_ref()).in_band()?,
        ident_dst: own_ident(params.ident_dst.as_ref()).in_band()?,
        nat_kind: params.nat_t.kind.unwrap_or(0),
        nat_sport: params.nat_t.sport.unwrap_or(0),
        nat_dport: params.nat_t.dport.unwrap_or(0),
        nat_oa: params.nat_t.oa,
        xform: xform(params, extended, best)?,
        ..base
    })
}

pub(super) fn add(context: &mut Context<'_>, params: &SaParams<'_>, buf: &mut [u8]) -> Outcome {
    if context.control.sadb.get(&params.said).is_some() {
        return Err(Errno::Eexist);
    }
    let blueprint = blueprint(context, params)?;
    let sa = insert(context, blueprint)?;
    context.change = Some(Change::Added(sa.clone()));
    Answer::new(
        Audience::All,
        reply::add(buf, context.env.header(), &report(&sa)),
    )
}

pub(super) fn update(context: &mut Context<'_>, params: &SaParams<'_>, buf: &mut [u8]) -> Outcome {
    let old = context
        .control
        .sadb
        .get(&params.said)
        .ok_or(Errno::Enoent)?;
    if old.is_linux() {
        // What it is besides cannot be said here.
        return Err(Errno::Einval);
    }
    let sa = if params.changes_ports_only() {
        old.set_nat_ports(
            params.nat_t.sport.unwrap_or(0),
            params.nat_t.dport.unwrap_or(0),
        );
        old
    } else {
        let mut blueprint = blueprint(context, params)?;
        if params.saref.is_none() {
            blueprint.refhim = old.fixed.refhim;
        }
        replace(context, blueprint, &old)?
    };
    context.change = Some(Change::Updated(sa.clone()));
    Answer::new(
        Audience::All,
        reply::update(buf, context.env.header(), &report(&sa)),
    )
}

/// Puts a new SA in the place of `old`: it was added when the old one was, and has its reference number.
pub(super) fn replace(
    context: &mut Context<'_>,
    mut blueprint: Blueprint,
    old: &Sa,
) -> Done<Arc<Sa>> {
    blueprint.life.addtime.count = old.fixed.life.addtime.count;
    blueprint.saref = old.fixed.saref;
    // The policy stays, and says whose it is.
    blueprint.flags |= old.flags() & (flags::INFLOW | flags::POLICYONLY);
    let sa = Sa::new(blueprint).in_band()?;
    // Under one key no number may be sent twice, nor taken twice.
    let goes_on = match (&sa.fixed.xform, &old.fixed.xform) {
        (Xform::Esp(new), Xform::Esp(old)) => new.has_key_of(old),
        (Xform::Ah(new), Xform::Ah(old)) => new.has_key_of(old),
        _ => false,
    };
    context
        .control
        .sadb
        .replace(sa.clone(), goes_on)
        .in_band()?;
    watch(context, &sa);
    Ok(sa)
}

pub(super) fn delete(context: &mut Context<'_>, which: &SaRef, buf: &mut [u8]) -> Outcome {
    let sa = context.control.sadb.get(&which.said).ok_or(Errno::Esrch)?;
    context.control.sadb.remove_group(&which.said);
    context.change = Some(Change::Deleted(sa.clone()));
    Answer::new(
        Audience::All,
        reply::delete(buf, context.env.header(), which, sa.fixed.saref),
    )
}

pub(super) fn get(context: &mut Context<'_>, which: &SaRef, buf: &mut [u8]) -> Outcome {
    let sa = context.control.sadb.get(&which.said).ok_or(Errno::Esrch)?;
    Answer::new(
        Audience::Sender,
        reply::get(buf, context.env.header(), &report(&sa)),
    )
}

/// Removes SAs of this dialect; a daemon of the other one keeps its own.
pub(super) fn flush(context: &mut Context<'_>, scope: &FlushScope, buf: &mut [u8]) -> Outcome {
    let wanted = |sa: &Sa| match scope {
        _ if sa.is_linux() => false,
        FlushScope::All => true,
        FlushScope::Proto(proto) => *proto == sa.said().proto,
        FlushScope::Nothing => false,
    };
    context.control.sadb.flush(wanted);
    Answer::new(Audience::All, reply::echo(buf, &context.env, None))
}
