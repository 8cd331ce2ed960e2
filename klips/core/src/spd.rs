// SPDX-License-Identifier: GPL-2.0-only

//! Policies of the Linux dialect: which of them a packet meets, and when time ends one.
//!
//! A policy has a [`Selector`] as an eroute has, but the narrowest does not win: of those that match, the one with the
//! lowest priority does, and among equals the one that came first. Both together are its [`Rank`], which no other policy
//! has.
//!
//! As with eroutes there is one exact table, which is looked up once under each distinct mask. The masks stand in the
//! order of the best rank that is found under them, so that [`search`] stops as soon as no other can be better.

use crate::eroute::{Key, Selector};
use crate::pfkey::ext::Lifetime;
use crate::pfkey::linux::types::ANY_PROTO;
use crate::pfkey::linux::Endpoint;
use crate::wire::flow::Flow;

/// What a policy has to be better than others: the lowest one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// What was asked for.
    pub priority: u32,
    /// Counts policies as they come.
    pub serial: u64,
}

/// A mask, and how good the policies under it are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The mask.
    pub mask: Key,
    /// No policy under it is better.
    pub least: Rank,
}

/// What `probe` returns for the best policy that matches.
///
/// `shapes` stand in the order of [`Shape::least`]. `probe` looks up, in an exact table, the packet's key under a mask (its
/// first argument) together with that mask, and returns the rank of what it finds with it.
#[inline]
pub fn search<R>(
    shapes: &[Shape],
    packet: &Key,
    mut probe: impl FnMut(&Key, &Key) -> Option<(Rank, R)>,
) -> Option<R> {
    let mut best: Option<(Rank, R)> = None;
    for shape in shapes {
        if best.as_ref().is_some_and(|(rank, _)| *rank < shape.least) {
            break;
        }
        if let Some((rank, found)) = probe(&packet.masked(&shape.mask), &shape.mask) {
            if best.as_ref().is_none_or(|(there, _)| rank < *there) {
                best = Some((rank, found));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// The packets between two networks, as the two addresses of a policy describe them. The second one says the protocol.
///
/// `None` if they are of different families.
pub fn selector(src: &Endpoint, dst: &Endpoint) -> Option<Selector> {
    let proto = match dst.proto {
        ANY_PROTO => 0,
        proto => proto,
    };
    let key = Key::new(&src.addr, &dst.addr, proto, src.port, dst.port)?;
    let port_mask = |port: u16| if port == 0 { 0 } else { u16::MAX };
    let mask = Key {
        family: key.family,
        src: key.family.mask(src.prefix_len),
        dst: key.family.mask(dst.prefix_len),
        proto: if proto == 0 { 0 } else { u8::MAX },
        sport: port_mask(src.port),
        dport: port_mask(dst.port),
    };
    Selector::new(key, mask)
}

/// IP protocols whose type and code policies have in place of ports.
const WITH_TYPE: [u8; 2] = [1, 58];

/// The key of a packet, of which `packet` is the beginning. Unlike eroutes, policies look at the type of ICMP, which stands
/// for the source port, and at its code, which stands for the destination port.
#[inline]
pub fn key(flow: &Flow, packet: &[u8]) -> Key {
    let key = Key::from_flow(flow);
    if !flow.first_fragment || !WITH_TYPE.contains(&flow.proto) {
        return key;
    }
    match packet.get(flow.header_len..) {
        Some([kind, code, ..]) => Key {
            sport: u16::from(*kind),
            dport: u16::from(*code),
            ..key
        },
        _ => key,
    }
}

/// When a policy was made and used, seconds of uptime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was made.
    pub created: u64,
    /// When a packet met it last; 0: never.
    pub last_use: u64,
}

impl Times {
    /// When it exceeds the limits of time in `limits`, if it has any: so long after it was made, or so long after its last
    /// use.
    pub fn end(&self, limits: &Lifetime) -> Option<u64> {
        let after = |start: u64, limit: u64| (limit != 0).then(|| start.saturating_add(limit));
        let aged = after(self.created, limits.addtime);
        let idle = after(self.last_use.max(self.created), limits.usetime);
        match (aged, idle) {
            (Some(aged), Some(idle)) => Some(aged.min(idle)),
            (aged, idle) => aged.or(idle),
        }
    }
}

#[cfg(test)]
mod tests;
