// SPDX-License-Identifier: GPL-2.0-only

//! Lines of `eroute/all`.

use super::{net, number, said, RowError};
use crate::addr::{Family, Net};
use crate::eroute::{Key, Selector};
use crate::said::Said;
use crate::text::ErouteRow;

impl ErouteRow {
    /// Parses a line, with or without the count and the newline.
    ///
    /// What the line does not say is guessed: a port or protocol that shows is taken to be in the mask. (For a `%hold` the
    /// ports need not be.) See [`ErouteRow::parse_with`] for protocols behind IPv6 addresses.
    ///
    /// # Errors
    ///
    /// [`RowError`].
    pub fn parse(line: &str) -> Result<Self, RowError> {
        Self::parse_with(line, |_| false)
    }

    /// As [`ErouteRow::parse`], for somebody who knows the SAs.
    ///
    /// `esp0x200@2001:db8::9:6` may mean an address that ends in 6, or protocol 6 behind a shorter one. It is the protocol
    /// if the line shows a port, or if `exists` knows the shorter SAID and not the longer one.
    ///
    /// # Errors
    ///
    /// [`RowError`].
    pub fn parse_with(line: &str, exists: impl Fn(&Said) -> bool) -> Result<Self, RowError> {
        let mut words = [""; 6];
        let mut count = 0_usize;
        for word in line.split_whitespace() {
            *words.get_mut(count).ok_or(RowError::Shape)? = word;
            count = count.saturating_add(1);
        }
        let [packets, src, arrow, dst, leads, to] = match (count, words) {
            (6, words) => words,
            (5, [a, b, c, d, e, _]) => ["0", a, b, c, d, e],
            _ => return Err(RowError::Shape),
        };
        if (arrow, leads) != ("->", "=>") {
            return Err(RowError::Shape);
        }
        let (src, sport) = end_point(src)?;
        let (dst, dport) = end_point(dst)?;
        let (said, proto) = target(to, sport != 0 || dport != 0, exists)?;
        Ok(Self {
            count: number(packets)?,
            selector: selector(src, dst, proto, sport, dport).ok_or(RowError::Addr)?,
            said,
        })
    }
}

fn selector(src: Net, dst: Net, proto: u8, sport: u16, dport: u16) -> Option<Selector> {
    let port_mask = |port: u16| if port == 0 { 0 } else { u16::MAX };
    let proto_mask = if proto == 0 { 0 } else { u8::MAX };
    Selector::new(
        Key::new(&src.addr, &dst.addr, proto, sport, dport)?,
        Key::new(
            &src.mask,
            &dst.mask,
            proto_mask,
            port_mask(sport),
            port_mask(dport),
        )?,
    )
}

/// `10.1.0.0/16`, `10.1.0.1/32:80`, `2001:db8::/64`, `[2001:db8::/64]:80`
fn end_point(text: &str) -> Result<(Net, u16), RowError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, port) = inner.split_once("]:").ok_or(RowError::Addr)?;
        return Ok((net(inner)?, number(port)?));
    }
    let (addr, rest) = text.split_once('/').ok_or(RowError::Addr)?;
    match rest.split_once(':') {
        // A colon in an IPv6 network belongs to its mask.
        Some((mask, port)) if !addr.contains(':') => {
            let whole = text.len().saturating_sub(rest.len());
            let end = whole.saturating_add(mask.len());
            Ok((net(text.get(..end).ok_or(RowError::Addr)?)?, number(port)?))
        }
        _ => Ok((net(text)?, 0)),
    }
}

/// A SAID and the protocol behind it.
fn target(
    text: &str,
    has_port: bool,
    exists: impl Fn(&Said) -> bool,
) -> Result<(Said, u8), RowError> {
    let whole = said(text);
    let parts = text
        .rsplit_once(':')
        .and_then(|(name, proto)| Some((said(name).ok()?, number::<u8>(proto).ok()?)));
    match (whole, parts) {
        (Ok(whole), Some((short, proto))) => {
            // The colon behind the protocol's name (`esp:1@…`) cannot be the last one here: both readings are SAIDs.
            let v6 = Family::of(&whole.dst) == Family::V6;
            if !v6 || has_port || (exists(&short) && !exists(&whole)) {
                Ok((short, proto))
            } else {
                Ok((whole, 0))
            }
        }
        (Ok(whole), None) => Ok((whole, 0)),
        (Err(_), Some(parts)) => Ok(parts),
        (Err(error), None) => Err(error),
    }
}
