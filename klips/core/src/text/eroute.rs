// SPDX-License-Identifier: GPL-2.0-only

//! A line of `eroute/all`.

use super::width;
use crate::addr::{Family, Net};
use crate::eroute::Selector;
use crate::said::Said;
use core::fmt;

/// A line of `eroute/all`: count, selector, SAID.
///
/// ```text
/// 8          192.0.2.0/24       -> 192.0.1.0/24       => tun0x12345678@192.1.2.45
/// 0          10.1.0.1/32        -> 10.2.0.1/32:25     => esp0x130@10.2.0.1:6
/// ```
///
/// A port that is zero and a protocol that is zero do not show. An IPv6 network with a port is bracketed,
/// `[2001:db8::/64]:500`.
#[derive(Clone, Copy, Debug)]
pub struct ErouteRow {
    /// Packets that matched.
    pub count: u64,
    /// What the eroute is about.
    pub selector: Selector,
    /// Where it leads.
    pub said: Said,
}

impl fmt::Display for ErouteRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.selector.key();
        write!(f, "{:<10} ", self.count)?;
        end_point(f, self.selector.src_net(), key.sport)?;
        f.write_str(" -> ")?;
        end_point(f, self.selector.dst_net(), key.dport)?;
        write!(f, " => {}", self.said)?;
        if key.proto != 0 {
            write!(f, ":{}", key.proto)?;
        }
        f.write_str("\n")
    }
}

fn end_point(f: &mut fmt::Formatter<'_>, net: Net, port: u16) -> fmt::Result {
    const COLUMNS: usize = 18;
    match (port, Family::of(&net.addr)) {
        (0, _) => width::left(f, COLUMNS, format_args!("{net}")),
        (_, Family::V4) => width::left(f, COLUMNS, format_args!("{net}:{port}")),
        (_, Family::V6) => width::left(f, COLUMNS, format_args!("[{net}]:{port}")),
    }
}
