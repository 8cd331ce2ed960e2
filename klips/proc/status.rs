// SPDX-License-Identifier: GPL-2.0-only

//! Files that are not tables: version, counters, switches, abilities.

use crate::{
    error::Discard,
    instance::Instance,
    kapi::proc_fs::{Listing, Writable, Writer},
    sysctl::Debug,
};
use core::fmt::{Result as FmtResult, Write};
use kernel::prelude::*;
use klips_core::{
    pfkey::ext::DebugMasks,
    text::{KlipsdebugRows, NattRow, OcfRow, SarefRows, StatRow, VersionRow},
};

/// Declares a listing that is one piece of text.
macro_rules! single {
    ($(#[$doc:meta])* $name:ident, |$owner:ident| $row:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Listing for $name {
            type Owner = Instance;
            type Key = ();

            fn next(_owner: &Instance, last: Option<&()>) -> Option<()> {
                last.is_none().then_some(())
            }

            fn show($owner: &Instance, _key: &(), out: &mut Writer<'_>) -> FmtResult {
                write!(out, "{}", $row)
            }
        }
    };
}

single!(
    /// The version.
    Version,
    |_owner| VersionRow {
        product: "KLIPS",
        version: super::VERSION,
    }
);

single!(
    /// Traps that were hit.
    TrapCount,
    |owner| StatRow(owner.traps.count() as u32)
);

single!(
    /// ACQUIREs that were delivered.
    TrapSendCount,
    |owner| StatRow(owner.traps.sent() as u32)
);

single!(
    /// Packets that were spread over processors.
    SpreadCount,
    |owner| StatRow(owner.spread.get() as u32)
);

single!(
    /// How a key daemon hands UDP encapsulation over: not yet.
    Natt,
    |_owner| NattRow::None
);

single!(
    /// Whether crypto goes through OCF: never.
    Ocf,
    |_owner| OcfRow(false)
);

single!(
    /// SA references: marks only, no socket options.
    Saref,
    |_owner| SarefRows {
        refinfo: false,
        bindref: false,
        enabled: false,
    }
);

single!(
    /// The debugging masks.
    Klipsdebug,
    |owner| {
        let mask = |what| owner.sysctl.debug(what);
        KlipsdebugRows(DebugMasks {
            tunnel: mask(Debug::Tunnel),
            xform: mask(Debug::Xform),
            eroute: mask(Debug::Eroute),
            spi: mask(Debug::Spi),
            radij: mask(Debug::Radij),
            esp: mask(Debug::Esp),
            ah: mask(Debug::Ah),
            rcv: mask(Debug::Rcv),
            pfkey: mask(Debug::Pfkey),
            ..DebugMasks::default()
        })
    }
);

/// One line for each reason to discard.
pub(super) struct Reasons;

impl Listing for Reasons {
    type Owner = Instance;
    type Key = usize;

    fn next(_owner: &Instance, last: Option<&usize>) -> Option<usize> {
        let next = last.map_or(0, |n| n.saturating_add(1));
        (next < Discard::COUNT).then_some(next)
    }

    fn show(owner: &Instance, key: &usize, out: &mut Writer<'_>) -> FmtResult {
        let Some(why) = Discard::ALL.get(*key) else {
            return Ok(());
        };
        writeln!(out, "{} {}", why.name(), owner.drops.get(*why))
    }
}

/// A reply packet template of old: stored and given back, used by nobody. `N` is 4 or 6.
pub(super) struct Birth<const N: usize>;

/// The longest template, bytes.
const BIRTH_MAX: usize = 256;

impl<const N: usize> Listing for Birth<N> {
    type Owner = Instance;
    type Key = ();

    fn next(_owner: &Instance, last: Option<&()>) -> Option<()> {
        last.is_none().then_some(())
    }

    fn show(owner: &Instance, _key: &(), out: &mut Writer<'_>) -> FmtResult {
        out.write_bytes(&owner.birth(N).lock());
        Ok(())
    }
}

impl<const N: usize> Writable for Birth<N> {
    fn write(owner: &Instance, bytes: &[u8]) -> Result {
        if bytes.len() > BIRTH_MAX {
            return Err(EINVAL);
        }
        let mut fresh = KVec::with_capacity(bytes.len(), GFP_KERNEL)?;
        fresh.extend_from_slice(bytes, GFP_KERNEL)?;
        *owner.birth(N).lock() = fresh;
        Ok(())
    }
}
