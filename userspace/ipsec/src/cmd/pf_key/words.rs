// SPDX-License-Identifier: GPL-2.0-only

//! The words for the numbers in messages.

use klips_core::pfkey::ext::{DebugMasks, Lifetime};
use klips_core::pfkey::request::Interface;
use klips_core::pfkey::types::{self, ident_type, natt_type};
use klips_core::sa::alg;

/// The satype of IPIP, whose "encryption" is the family outside.
const SATYPE_IPIP: u8 = 9;
/// The satype of IPComp, whose "encryption" is a compression.
const SATYPE_COMP: u8 = 10;

/// The name of what stands in the place of an encryption algorithm.
pub(super) fn cipher(id: u8, satype: u8) -> String {
    match (satype, id) {
        (SATYPE_IPIP, 1) => "IPv4".to_owned(),
        (SATYPE_IPIP, 2) => "IPv6".to_owned(),
        (SATYPE_COMP, 2) => "DEFLATE".to_owned(),
        (SATYPE_COMP, 3) => "LZS".to_owned(),
        (SATYPE_COMP, id) => format!("compression {id}"),
        (_, id) => named(alg::enc_xform(id), "encryption", id),
    }
}

/// The name of an authentication algorithm.
pub(super) fn auth(id: u8) -> String {
    named(alg::auth_title(id), "authentication", id)
}

fn named(name: Option<&str>, what: &str, id: u8) -> String {
    match name.map(|name| name.trim_start_matches('_')) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{what} {id}"),
    }
}

/// An SA's state (RFC 2367 section 3.2).
pub(super) const fn state(state: u8) -> Option<&'static str> {
    match state {
        types::state::LARVAL => Some("larval"),
        types::state::MATURE => Some("mature"),
        types::state::DYING => Some("dying"),
        types::state::DEAD => Some("dead"),
        _ => None,
    }
}

/// The names of an SA's flags, and those that have none.
pub(super) fn flags(flags: u32) -> (Vec<&'static str>, u32) {
    use types::flags as f;
    let names = [
        (f::PFS, "PFS"),
        (f::REPLACEFLOW, "REPLACEFLOW"),
        (f::CLEARFLOW, "CLEARFLOW"),
        (f::INFLOW, "INFLOW"),
        (f::POLICYONLY, "POLICYONLY"),
    ];
    let set = names.into_iter().filter(|(flag, _)| flags & flag != 0);
    let known = set.clone().fold(0, |all, (flag, _)| all | flag);
    (set.map(|(_, name)| name).collect(), flags & !known)
}

/// What a lifetime counts.
pub(super) fn amounts(life: &Lifetime) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("allocations", u64::from(life.allocations)),
        ("bytes", life.bytes),
        ("addtime", life.addtime),
        ("usetime", life.usetime),
        ("packets", life.packets.into()),
    ]
    .into_iter()
}

/// What kind of name an identity is.
pub(super) const fn identity(kind: u16) -> &'static str {
    match kind {
        ident_type::RESERVED => "none",
        ident_type::PREFIX => "network",
        ident_type::FQDN => "domain name",
        ident_type::USERFQDN => "mail address",
        ident_type::CONNECTION => "connection",
        _ => "unknown",
    }
}

/// What precedes ESP in UDP.
pub(super) const fn natt(kind: u8) -> &'static str {
    match kind {
        natt_type::NONE => "none",
        natt_type::NON_IKE => "nonike",
        natt_type::NON_ESP => "nonesp",
        _ => "unknown",
    }
}

/// The device that is to come or go, and whether for transport mode.
pub(super) fn interface(number: u16) -> (String, bool) {
    match Interface::from_number(number) {
        Interface::Ipsec(n) => (format!("ipsec{n}"), false),
        Interface::Mast(n) => (format!("mast{n}"), false),
        Interface::MastTransport(n) => (format!("mast{n}"), true),
    }
}

/// The parts of the module and what each shall write to the log.
pub(super) fn masks(masks: &DebugMasks) -> impl Iterator<Item = (&'static str, u32)> {
    [
        ("tunnel", masks.tunnel),
        ("netlink", masks.netlink & !DebugMasks::SET),
        ("xform", masks.xform),
        ("eroute", masks.eroute),
        ("spi", masks.spi),
        ("radij", masks.radij),
        ("esp", masks.esp),
        ("ah", masks.ah),
        ("rcv", masks.rcv),
        ("pfkey", masks.pfkey),
        ("ipcomp", masks.ipcomp),
        ("verbose", masks.verbose),
    ]
    .into_iter()
}
