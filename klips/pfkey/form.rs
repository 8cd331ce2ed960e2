// SPDX-License-Identifier: GPL-2.0-only

//! SAs and their parts as messages have them.

use crate::sadb::sa::{Ident, Limit, Sa};
use kernel::prelude::*;
use klips_core::{
    pfkey::{
        ext::{self, Lifetime, SaInfo, SarefPair},
        reply::SaReport,
        request::NatT,
    },
    sa::Lifetimes,
};

/// A copy of an identity that outlives its message.
pub(super) fn own_ident(ident: Option<&ext::Ident<'_>>) -> Result<Option<Ident>> {
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
pub(super) fn lent_ident(ident: Option<&Ident>) -> Option<ext::Ident<'_>> {
    ident.map(|i| ext::Ident {
        kind: i.kind,
        id: i.id,
        data: &i.data,
    })
}

/// The SA extension that describes `sa`.
pub(super) fn info(sa: &Sa) -> SaInfo {
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

pub(super) fn clamp(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The counters as PF_KEY shows them.
pub(super) fn current(life: &Lifetimes) -> Lifetime {
    Lifetime {
        allocations: clamp(life.alloc.count),
        bytes: life.bytes.count,
        addtime: life.addtime.count,
        usetime: life.usetime.count,
        packets: clamp(life.packets.count),
    }
}

/// One kind of limit as PF_KEY shows it.
pub(super) fn limits(life: &Lifetimes, limit: Limit) -> Lifetime {
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

/// An SA as replies describe it.
pub(super) fn report<'a>(sa: &'a Sa) -> SaReport<'a> {
    let life = sa.life();
    let some = |l: ext::Lifetime| (l != ext::Lifetime::default()).then_some(l);
    let (sport, dport) = sa.nat_ports();
    let natted = sa.fixed.nat_kind != 0;
    SaReport {
        sa: info(sa),
        src: sa.fixed.src,
        dst: sa.said().dst,
        proxy: sa.fixed.proxy,
        current: Some(current(&life)),
        hard: some(limits(&life, Limit::Hard)),
        soft: some(limits(&life, Limit::Soft)),
        ident_src: lent_ident(sa.fixed.ident_src.as_ref()),
        ident_dst: lent_ident(sa.fixed.ident_dst.as_ref()),
        nat_t: NatT {
            kind: natted.then_some(sa.fixed.nat_kind),
            sport: natted.then_some(sport),
            dport: natted.then_some(dport),
            oa: sa.fixed.nat_oa,
        },
        saref: Some(SarefPair {
            me: sa.fixed.saref,
            him: sa.fixed.refhim,
        }),
    }
}
