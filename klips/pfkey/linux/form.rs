// SPDX-License-Identifier: GPL-2.0-only

//! SAs as the Linux dialect describes them.

use crate::{
    kapi::time,
    pfkey::form::{clamp, limits},
    sadb::sa::{Limit, Sa},
};
use klips_core::{
    pfkey::{
        ext::{Key, Lifetime},
        linux::{self, types::flags, Endpoint, Mode, Sa2, SaInfo, SaType},
        types::{flags::ESN, natt_type},
    },
    sa::{Lifetimes, State},
    said::SaProto,
};

/// Whether keys are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pfkey) enum Keys {
    /// To who asked for the SA.
    Told,
    /// Not to those who hear of it.
    Kept,
}

/// The satype of a protocol; those of KLIPS alone have none here.
pub(in crate::pfkey) const fn satype_of(proto: SaProto) -> Option<SaType> {
    match proto {
        SaProto::Ah => Some(SaType::Ah),
        SaProto::Esp => Some(SaType::Esp),
        SaProto::Comp => Some(SaType::IpComp),
        SaProto::Ipip | SaProto::Int => None,
    }
}

/// The protocol of a satype.
pub(in crate::pfkey) const fn proto_of(satype: SaType) -> SaProto {
    match satype {
        SaType::Ah => SaProto::Ah,
        SaType::Esp => SaProto::Esp,
        SaType::IpComp => SaProto::Comp,
    }
}

/// An SA as this dialect describes it, if it can.
pub(in crate::pfkey) fn form(sa: &Sa, keys: Keys) -> Option<linux::Sa<'_>> {
    let said = sa.said();
    let (src, dst) = (Endpoint::whole(sa.fixed.src), Endpoint::whole(said.dst));
    let life = sa.life();
    let (sport, dport) = sa.nat_ports();
    let natted = sa.fixed.nat_kind != natt_type::NONE;
    let known = sa.fixed.linux.as_deref().filter(|_| keys == Keys::Told);
    let key = |bits: u16, bytes: fn(&crate::sadb::sa::LinuxPart) -> &[u8]| {
        known.filter(|_| bits != 0).map(|linux| Key {
            bits,
            bytes: bytes(linux),
        })
    };
    Some(linux::Sa {
        info: info(sa),
        sa2: Some(Sa2 {
            mode: sa.mode().unwrap_or(Mode::Any),
            sequence: 0,
            reqid: sa.reqid(),
        }),
        hard: Some(hard(sa, &life)),
        soft: Some(in_packets(limits(&life, Limit::Soft))),
        current: Some(current(&life)),
        auth_key: key(sa.fixed.auth_key_bits, |linux| linux.auth_key.expose()),
        encrypt_key: key(sa.fixed.enc_key_bits, |linux| linux.enc_key.expose()),
        nat_t_type: natted.then_some(sa.fixed.nat_kind),
        nat_t_sport: natted.then_some(sport),
        nat_t_dport: natted.then_some(dport),
        nat_t_oa: sa.fixed.nat_oa.map(Endpoint::whole),
        ..linux::Sa::named(satype_of(said.proto)?, said.spi, src, dst)
    })
}

/// The SA extension.
pub(in crate::pfkey) fn info(sa: &Sa) -> SaInfo {
    SaInfo {
        spi: sa.said().spi,
        replay: u8::try_from(sa.fixed.window).unwrap_or(u8::MAX),
        state: sa.state().number(),
        auth: sa.fixed.auth,
        encrypt: sa.fixed.encrypt,
        flags: sa.flags() & (flags::ALL | ESN),
    }
}

/// Packets stand where this dialect has allocations.
pub(in crate::pfkey) fn in_packets(life: Lifetime) -> Lifetime {
    Lifetime {
        allocations: life.packets,
        ..life
    }
}

/// The limits that end an SA; a larval one has the one that every such SA has.
fn hard(sa: &Sa, life: &Lifetimes) -> Lifetime {
    if sa.state() == State::Larval {
        return Lifetime {
            addtime: klips_core::sa::life::LARVAL_SECONDS,
            ..Lifetime::default()
        };
    }
    in_packets(limits(life, Limit::Hard))
}

/// The counters, with stamps of the wall clock.
pub(in crate::pfkey) fn current(life: &Lifetimes) -> Lifetime {
    Lifetime {
        allocations: clamp(life.packets.count),
        bytes: life.bytes.count,
        addtime: stamp(life.addtime.count),
        usetime: stamp(life.usetime.count),
        packets: 0,
    }
}

/// The wall clock's time at this many seconds of uptime; 0, which is never, stays.
pub(in crate::pfkey) fn stamp(uptime: u64) -> u64 {
    if uptime == 0 {
        return 0;
    }
    let ago = time::uptime_secs().saturating_sub(uptime);
    time::wall_secs().saturating_sub(ago)
}
