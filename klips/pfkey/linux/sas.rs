// SPDX-License-Identifier: GPL-2.0-only

//! GETSPI, ADD, UPDATE, DELETE, GET and FLUSH of the Linux dialect.

use super::form::{form, proto_of, Keys};
use crate::{
    algorithms,
    kapi::crypto::Secret,
    pfkey::{
        sas::{blueprint, empty, free_spi, insert, larval, replace},
        told::Change,
        Answer, Audience, Context, InBand, Outcome,
    },
    sadb::sa::{Blueprint, LinuxPart, Sa},
    xform::Xform,
};
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    pfkey::{
        build::Origin,
        errno::Errno,
        ext::{self, SpiRange},
        linux::{
            self, compose,
            types::{flags, AUTH_NULL},
            Mode, MsgType, Range, SaType,
        },
        request::{NatT, SaParams},
        types::{flags::ESN, natt_type, SPI_MIN},
    },
    sa::{
        alg::{Job, NONE},
        State,
    },
    said::{SaProto, Said},
};

type Done<T> = core::result::Result<T, Errno>;

/// SPIs that are chosen from if the requester does not say.
const SPIS: Range = Range {
    min: SPI_MIN,
    max: 0x0fff_ffff,
};
/// The highest CPI; those above the first are for private use, but nobody minds.
const CPI_MAX: u32 = 0xffff;

fn said(sa: &linux::Sa<'_>) -> Said {
    Said {
        dst: sa.dst.addr,
        spi: sa.info.spi,
        proto: proto_of(sa.satype),
    }
}

pub(super) fn get_spi(
    context: &mut Context<'_>,
    request: &linux::Sa<'_>,
    range: Option<Range>,
    buf: &mut [u8],
) -> Outcome {
    let mut range = range.unwrap_or(SPIS);
    if request.satype == SaType::IpComp {
        range.max = range.max.min(CPI_MAX);
    }
    if range.min < SPI_MIN || range.min > range.max {
        return Err(Errno::Einval);
    }
    let name = said(request);
    let range = SpiRange {
        min: range.min,
        max: range.max,
    };
    let spi = free_spi(context, name.dst, name.proto, range).ok_or(Errno::Enoent)?;
    let name = Said { spi, ..name };
    let blueprint = Blueprint {
        src: request.src.addr,
        linux: Some(part(request)?),
        ..larval(context, name)
    };
    let sa = insert(context, blueprint)?;
    tell(
        context,
        &sa,
        MsgType::GetSpi,
        Keys::Kept,
        Audience::Sender,
        buf,
    )
}

/// A message about an SA.
fn tell(
    context: &Context<'_>,
    sa: &Sa,
    kind: MsgType,
    keys: Keys,
    audience: Audience,
    buf: &mut [u8],
) -> Outcome {
    let one = form(sa, keys).ok_or(Errno::Einval)?;
    let origin = Origin::of(context.env.header());
    Answer::new(audience, compose::sa(buf, kind, origin, &one))
}

/// A copy of a key.
fn own(key: Option<ext::Key<'_>>) -> Done<Secret> {
    let bytes = key.map_or(&[][..], |key| key.bytes);
    let mut secret = Secret::with_capacity(bytes.len()).in_band()?;
    secret.push(bytes).in_band()?;
    Ok(secret)
}

/// What only this dialect says of an SA.
fn part(request: &linux::Sa<'_>) -> Done<KBox<LinuxPart>> {
    let (mode, reqid) = request
        .sa2
        .map_or((Mode::Any, 0), |sa2| (sa2.mode, sa2.reqid));
    if mode == Mode::Beet {
        return Err(Errno::Einval);
    }
    let part = LinuxPart {
        mode,
        reqid,
        auth_key: own(request.auth_key)?,
        enc_key: own(request.encrypt_key)?,
        tunnel: None,
    };
    KBox::new(part, GFP_KERNEL).map_err(Error::from).in_band()
}

/// The tunnel of an SA that may be used in tunnel mode. Nobody finds it but through the SA.
fn tunnel(request: &linux::Sa<'_>, of: &Blueprint) -> Done<Arc<Sa>> {
    let name = Said {
        proto: SaProto::Ipip,
        ..said(request)
    };
    let blueprint = Blueprint {
        src: request.src.addr,
        state: State::Mature,
        xform: Xform::Ipip,
        ..empty(name, of.inbound, of.saref)
    };
    Sa::new(blueprint).in_band()
}

/// An SA as KLIPS's dialect would describe it.
fn params<'a>(request: &linux::Sa<'a>) -> SaParams<'a> {
    let auth = match request.info.auth {
        AUTH_NULL => NONE,
        auth => auth,
    };
    let in_packets = |life: ext::Lifetime| ext::Lifetime {
        packets: life.allocations,
        allocations: 0,
        ..life
    };
    let natted = request.nat_t_type.filter(|kind| *kind != natt_type::NONE);
    SaParams {
        said: said(request),
        src: request.src.addr,
        proxy: None,
        sa: ext::SaInfo {
            spi: request.info.spi,
            state: State::Mature.number(),
            auth,
            encrypt: request.info.encrypt,
            flags: request.info.flags & (flags::ALL | ESN),
            ..ext::SaInfo::default()
        }
        .with_window(request.info.replay.into()),
        hard: request.hard.map(in_packets),
        soft: request.soft.map(in_packets),
        // What has no bits is no key.
        auth_key: request.auth_key.filter(|key| key.bits != 0),
        encrypt_key: request.encrypt_key.filter(|key| key.bits != 0),
        ident_src: None,
        ident_dst: None,
        nat_t: NatT {
            kind: natted,
            sport: natted.and(request.nat_t_sport),
            dport: natted.and(request.nat_t_dport),
            oa: natted.and(request.nat_t_oa.map(|oa| oa.addr)),
        },
        out_if: None,
        saref: None,
    }
}

/// Whether this kernel has the algorithms that are asked for.
fn is_there(params: &SaParams<'_>) -> bool {
    let has = |job, id| id == NONE || algorithms::has(params.said.proto, job, id);
    has(Job::Auth, params.sa.auth) && has(Job::Encrypt, params.sa.encrypt)
}

/// Everything that ADD and UPDATE say. Fails before anything is changed.
pub(super) fn whole(context: &mut Context<'_>, request: &linux::Sa<'_>) -> Done<Blueprint> {
    let params = params(request);
    if params.said.spi < SPI_MIN && params.said.proto != SaProto::Comp || params.said.spi == 0 {
        return Err(Errno::Einval);
    }
    if params.said.proto == SaProto::Comp && params.said.spi > CPI_MAX {
        return Err(Errno::Einval);
    }
    let mut linux = part(request)?;
    let mut blueprint = blueprint(context, &params).map_err(|errno| match is_there(&params) {
        true => errno,
        false => Errno::Enosys,
    })?;
    if matches!(linux.mode, Mode::Tunnel | Mode::Any) {
        linux.tunnel = Some(tunnel(request, &blueprint)?);
    }
    blueprint.auth = request.info.auth;
    blueprint.linux = Some(linux);
    Ok(blueprint)
}

pub(super) fn add(context: &mut Context<'_>, request: &linux::Sa<'_>, buf: &mut [u8]) -> Outcome {
    if context.control.sadb.get(&said(request)).is_some() {
        return Err(Errno::Eexist);
    }
    let blueprint = whole(context, request)?;
    let sa = insert(context, blueprint)?;
    context.change = Some(Change::Added(sa.clone()));
    tell(context, &sa, MsgType::Add, Keys::Kept, Audience::All, buf)
}

pub(super) fn update(
    context: &mut Context<'_>,
    request: &linux::Sa<'_>,
    buf: &mut [u8],
) -> Outcome {
    let old = context
        .control
        .sadb
        .get(&said(request))
        .ok_or(Errno::Esrch)?;
    if !old.is_linux() {
        // It may be in a group.
        return Err(Errno::Einval);
    }
    let blueprint = whole(context, request)?;
    let sa = replace(context, blueprint, &old)?;
    context.change = Some(Change::Updated(sa.clone()));
    tell(
        context,
        &sa,
        MsgType::Update,
        Keys::Kept,
        Audience::All,
        buf,
    )
}

pub(super) fn delete(
    context: &mut Context<'_>,
    request: &linux::Sa<'_>,
    buf: &mut [u8],
) -> Outcome {
    let name = said(request);
    let sa = context.control.sadb.get(&name).ok_or(Errno::Esrch)?;
    context.control.sadb.remove_group(&name);
    context.change = Some(Change::Deleted(sa.clone()));
    tell(
        context,
        &sa,
        MsgType::Delete,
        Keys::Kept,
        Audience::All,
        buf,
    )
}

pub(super) fn get(context: &mut Context<'_>, request: &linux::Sa<'_>, buf: &mut [u8]) -> Outcome {
    let sa = context
        .control
        .sadb
        .get(&said(request))
        .ok_or(Errno::Esrch)?;
    tell(
        context,
        &sa,
        MsgType::Get,
        Keys::Told,
        Audience::Sender,
        buf,
    )
}

/// Removes the SAs of this dialect, so that a daemon of the other one keeps its own.
///
/// A requester that may as well be a tool of KLIPS means all.
pub(super) fn flush(context: &mut Context<'_>, satype: Option<SaType>, buf: &mut [u8]) -> Outcome {
    let number = satype.map_or(0, SaType::number);
    let (mut here, mut there) = (false, false);
    let (proto, klips_proto) = (satype.map(proto_of), SaProto::from_satype(number));
    let is_known = context.is_known;
    context.control.sadb.flush(|sa| {
        let of = |proto: Option<SaProto>| proto.is_none_or(|proto| proto == sa.said().proto);
        if sa.is_linux() {
            here |= of(proto);
            return of(proto);
        }
        let meant = !is_known && of(klips_proto);
        there |= meant;
        meant
    });
    if there {
        context.change = Some(Change::Flushed(number));
    }
    let audience = if here || there {
        Audience::SenderAndAll
    } else {
        Audience::Sender
    };
    let origin = Origin::of(context.env.header());
    Answer::new(audience, compose::bare(buf, MsgType::Flush, number, origin))
}
