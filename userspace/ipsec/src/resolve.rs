// SPDX-License-Identifier: GPL-2.0-only

//! Host names: the resolver that the text parsers of `klips_core` are given.

use std::net::{IpAddr, ToSocketAddrs};

use klips_core::addr::{parse_addr_with, Family, Subnet};
use klips_core::said::Said;

/// The first address of `family` that the system's resolver knows for `name`.
fn resolve(name: &str, family: Family) -> Option<IpAddr> {
    if !crate::ASKS_OTHERS {
        return None;
    }
    let found = (name, 0).to_socket_addrs().ok()?;
    found
        .map(|socket| socket.ip())
        .find(|address| Family::of(address) == family)
}

/// Reads an address, numeric or by name.
///
/// # Errors
///
/// The sentence that goes in front of `converting --edst argument:` and the like.
pub(crate) fn address(text: &str, family: Option<Family>) -> Result<IpAddr, String> {
    parse_addr_with(text, family, resolve).map_err(|error| error.to_string())
}

/// Reads a subnet, numeric or by name.
///
/// # Errors
///
/// As for [`address`].
pub(crate) fn subnet(text: &str, family: Option<Family>) -> Result<Subnet, String> {
    Subnet::parse_with(text, family, resolve).map_err(|error| error.to_string())
}

/// Reads a SAID whose address is numeric or a name.
///
/// # Errors
///
/// As for [`address`].
pub(crate) fn said(text: &str) -> Result<Said, String> {
    Said::parse_with(text, resolve).map_err(|error| error.to_string())
}

/// The family that the command line calls `inet` or `inet6`.
pub(crate) fn family(text: &str) -> Option<Family> {
    match text {
        "inet" => Some(Family::V4),
        "inet6" => Some(Family::V6),
        _ => None,
    }
}

/// The number that the system has for a family.
pub(crate) const fn family_number(family: Family) -> u16 {
    match family {
        Family::V4 => klips_core::pfkey::layout::AF_INET,
        Family::V6 => klips_core::pfkey::layout::AF_INET6,
    }
}
