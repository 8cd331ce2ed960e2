// SPDX-License-Identifier: GPL-2.0-only

//! The policy extension: what becomes of packets, and by which SAs.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use zerocopy::native_endian::U16;
use zerocopy::FromBytes;

use super::layout;
use super::types::{Action, Level, Mode};
use crate::pfkey::errno::Errno;
use crate::pfkey::layout::{sockaddr_len, SockaddrIn, SockaddrIn6, AF_INET, AF_INET6};

/// A policy without its selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'a> {
    /// What becomes of packets.
    pub action: Action,
    /// The number of a [`Direction`](super::Direction), or of a socket's policy.
    pub direction: u8,
    /// The kernel's number for it.
    pub id: u32,
    /// Policies with lower numbers go first.
    pub priority: u32,
    /// The SAs that packets go through, first one first.
    pub templates: Templates<'a>,
}

/// One SA that packets have to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// IP protocol: ESP, AH or IPComp.
    pub proto: u8,
    /// Mode.
    pub mode: Mode,
    /// What to do without an SA.
    pub level: Level,
    /// SAs that fit have this number, 0 for any.
    pub reqid: u32,
    /// Source and destination of the SA, both of one family; a tunnel must have them.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

impl Template {
    /// Bytes on the wire.
    pub(super) fn wire_len(&self) -> usize {
        let ends = self.ends.map_or(0, |(src, dst)| {
            sockaddr_len(src.ip()).saturating_add(sockaddr_len(dst.ip()))
        });
        size_of::<layout::Template>().saturating_add(ends)
    }
}

/// The templates of a policy.
#[derive(Clone, Copy)]
pub struct Templates<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Those of a message, which have been looked through.
    Wire(&'a [u8]),
    /// Those of a policy being made.
    List(&'a [Template]),
}

impl<'a> Templates<'a> {
    /// None.
    pub const NONE: Self = Self(Source::List(&[]));

    /// These.
    pub const fn new(list: &'a [Template]) -> Self {
        Self(Source::List(list))
    }

    /// Looks through the bytes behind the fixed part of a policy.
    ///
    /// # Errors
    ///
    /// `EINVAL` for lengths that do not fit, numbers that mean nothing, and a tunnel without ends.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Errno> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
        }
        Ok(Self(Source::Wire(bytes)))
    }

    /// First one first.
    pub const fn iter(&self) -> TemplateIter<'a> {
        TemplateIter(self.0)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Source::Wire(bytes) => bytes.is_empty(),
            Source::List(list) => list.is_empty(),
        }
    }
}

impl core::fmt::Debug for Templates<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Templates<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Templates<'_> {}

/// Iterator over the templates of a policy.
#[derive(Clone)]
pub struct TemplateIter<'a>(Source<'a>);

impl core::fmt::Debug for TemplateIter<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Iterator for TemplateIter<'_> {
    type Item = Template;

    fn next(&mut self) -> Option<Template> {
        match &mut self.0 {
            Source::Wire(bytes) => {
                let (template, rest) = split(bytes).ok()?;
                *bytes = rest;
                Some(template)
            }
            Source::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
        }
    }
}

/// The first template, and what follows it.
fn split(bytes: &[u8]) -> Result<(Template, &[u8]), Errno> {
    const HEAD: usize = size_of::<layout::Template>();
    let (head, _) = layout::Template::read_from_prefix(bytes).map_err(|_| Errno::Einval)?;
    let (whole, rest) = bytes
        .split_at_checked(head.len.get().into())
        .ok_or(Errno::Einval)?;
    let ends = whole.get(HEAD..).ok_or(Errno::Einval)?;
    let mode = Mode::from_number(head.mode).ok_or(Errno::Einval)?;
    let ends = match ends {
        [] if mode == Mode::Tunnel => return Err(Errno::Einval),
        [] => None,
        ends => Some(pair(ends)?),
    };
    let template = Template {
        proto: u8::try_from(head.proto.get()).map_err(|_| Errno::Einval)?,
        mode,
        level: Level::from_number(head.level).ok_or(Errno::Einval)?,
        reqid: head.reqid.get(),
        ends,
    };
    Ok((template, rest))
}

/// Two socket addresses of one family, back to back, and no more than padding behind them.
pub(super) fn pair(bytes: &[u8]) -> Result<(SocketAddr, SocketAddr), Errno> {
    let (src, rest) = sockaddr(bytes)?;
    let (dst, padding) = sockaddr(rest)?;
    if src.is_ipv4() == dst.is_ipv4() && padding.len() < crate::pfkey::WORD {
        Ok((src, dst))
    } else {
        Err(Errno::Einval)
    }
}

/// A socket address and what follows it.
pub(super) fn sockaddr(bytes: &[u8]) -> Result<(SocketAddr, &[u8]), Errno> {
    let (family, _) = U16::read_from_prefix(bytes).map_err(|_| Errno::Einval)?;
    let (addr, port, rest): (IpAddr, _, _) = match family.get() {
        AF_INET => {
            let (sin, rest) = SockaddrIn::read_from_prefix(bytes).map_err(|_| Errno::Einval)?;
            (Ipv4Addr::from(sin.addr).into(), sin.port, rest)
        }
        AF_INET6 => {
            let (sin6, rest) = SockaddrIn6::read_from_prefix(bytes).map_err(|_| Errno::Einval)?;
            (Ipv6Addr::from(sin6.addr).into(), sin6.port, rest)
        }
        _ => return Err(Errno::Einval),
    };
    Ok((SocketAddr::new(addr, port.get()), rest))
}
