// SPDX-License-Identifier: GPL-2.0-only

//! From the bytes of one extension to values.
//!
//! Decoding checks the form (lengths, reserved fields, address families) but not the sense: what a value means depends
//! on message and direction, and is the business of [`parse`](mod@super::parse).

use core::net::{Ipv4Addr, Ipv6Addr};

use zerocopy::FromBytes;

use super::errno::Errno;
use super::ext::{
    Algs, DebugMasks, Endpoint, Ext, Ident, Key, Lifetime, Outer, Proposal, SaInfo, SarefPair,
    SpiRange,
};
use super::layout::{self, AF_INET, AF_INET6};
use super::types::{ExtType, REPLAY_MAX, WINDOW_MAX};
use super::walk::RawExt;
use super::{MAX_IDENT, WORD};
use crate::said::{SaProto, Said};

impl<'a> RawExt<'a> {
    /// Decodes the content.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an unknown type, a wrong length or a reserved field that is not zero. Of addresses, `EPFNOSUPPORT`
    /// for a family other than IPv4 and IPv6 and `EAFNOSUPPORT` for a prefix length.
    pub fn decode(&self) -> Result<Ext<'a>, Errno> {
        let bytes = self.bytes();
        match self.kind().ok_or(Errno::Einval)? {
            ExtType::Sa | ExtType::Sa2 => sa(bytes).map(Ext::Sa),
            ExtType::LifetimeCurrent | ExtType::LifetimeHard | ExtType::LifetimeSoft => {
                lifetime(bytes).map(Ext::Lifetime)
            }
            ExtType::AddressSrc
            | ExtType::AddressDst
            | ExtType::AddressProxy
            | ExtType::AddressDst2
            | ExtType::AddressSrcFlow
            | ExtType::AddressDstFlow
            | ExtType::AddressSrcMask
            | ExtType::AddressDstMask
            | ExtType::NatTOa => address(bytes).map(Ext::Address),
            ExtType::KeyAuth | ExtType::KeyEncrypt => key(bytes).map(Ext::Key),
            ExtType::IdentitySrc | ExtType::IdentityDst => ident(bytes).map(Ext::Ident),
            ExtType::Proposal => proposal(bytes).map(Ext::Proposal),
            ExtType::SupportedAuth | ExtType::SupportedEncrypt => {
                let (_, algs) = take::<layout::Supported>(bytes)?;
                Ok(Ext::Supported(Algs(algs)))
            }
            ExtType::SpiRange => spi_range(bytes).map(Ext::SpiRange),
            ExtType::Satype2 => satype(bytes).map(Ext::Satype),
            ExtType::Debug => debug(bytes).map(Ext::Debug),
            ExtType::Protocol => protocol(bytes).map(Ext::Protocol),
            ExtType::NatTType => Ok(Ext::NatTType(whole::<layout::NatTType>(bytes)?.kind)),
            ExtType::NatTSport | ExtType::NatTDport => {
                let port = whole::<layout::NatTPort>(bytes)?.port;
                Ok(Ext::NatTPort(port.get()))
            }
            ExtType::PlumbIf => {
                let ifnum = whole::<layout::PlumbIf>(bytes)?.ifnum;
                Ok(Ext::PlumbIf(ifnum.get()))
            }
            ExtType::Saref => saref(bytes).map(Ext::Saref),
            ExtType::Group => group(bytes).map(Ext::Group),
            ExtType::Sensitivity | ExtType::KmPrivate => Ok(Ext::Opaque),
        }
    }
}

/// A structure from the front of `bytes`.
fn take<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), Errno> {
    T::read_from_prefix(bytes).map_err(|_| Errno::Einval)
}

/// A structure that is all of `bytes`.
fn whole<T: FromBytes>(bytes: &[u8]) -> Result<T, Errno> {
    T::read_from_bytes(bytes).map_err(|_| Errno::Einval)
}

fn require(condition: bool, otherwise: Errno) -> Result<(), Errno> {
    if condition {
        Ok(())
    } else {
        Err(otherwise)
    }
}

/// Two words as in RFC 2367, or three with the reference and the wide window.
fn sa(bytes: &[u8]) -> Result<SaInfo, Errno> {
    let (sa, rest) = take::<layout::Sa>(bytes)?;
    let tail = match rest {
        [] => layout::SaTail::default(),
        rest => whole::<layout::SaTail>(rest)?,
    };
    let window = u16::try_from(tail.window.get()).map_err(|_| Errno::Einval)?;
    let widens = sa.replay == REPLAY_MAX && window > REPLAY_MAX.into() && window <= WINDOW_MAX;
    require(window == 0 || widens, Errno::Einval)?;
    Ok(SaInfo {
        spi: sa.spi.get(),
        replay: sa.replay,
        window,
        state: sa.state,
        auth: sa.auth,
        encrypt: sa.encrypt,
        flags: sa.flags.get(),
        reference: tail.reference.get(),
    })
}

/// Four words as in RFC 2367, or five with the packets.
fn lifetime(bytes: &[u8]) -> Result<Lifetime, Errno> {
    let (life, rest) = take::<layout::Lifetime>(bytes)?;
    let tail = match rest {
        [] => layout::LifetimeTail::default(),
        rest => whole::<layout::LifetimeTail>(rest)?,
    };
    Ok(Lifetime {
        allocations: life.allocations.get(),
        bytes: life.bytes.get(),
        addtime: life.addtime.get(),
        usetime: life.usetime.get(),
        packets: tail.packets.get(),
    })
}

/// An address, with its port and protocol.
pub(super) fn address(bytes: &[u8]) -> Result<Endpoint, Errno> {
    let (head, sockaddr) = take::<layout::Address>(bytes)?;
    require(head.reserved.get() == 0, Errno::Einval)?;
    let (family, _) = take::<zerocopy::native_endian::U16>(sockaddr)?;
    let (addr, port, padding) = match family.get() {
        AF_INET => {
            let (sin, padding) = take::<layout::SockaddrIn>(sockaddr)?;
            (Ipv4Addr::from(sin.addr).into(), sin.port, padding)
        }
        AF_INET6 => {
            let (sin6, padding) = take::<layout::SockaddrIn6>(sockaddr)?;
            (Ipv6Addr::from(sin6.addr).into(), sin6.port, padding)
        }
        _ => return Err(Errno::Epfnosupport),
    };
    // Nothing but the padding to a full word may follow.
    require(padding.len() < WORD, Errno::Einval)?;
    require(head.prefixlen == 0, Errno::Eafnosupport)?;
    Ok(Endpoint {
        addr,
        port: port.get(),
        proto: head.proto,
    })
}

fn key(bytes: &[u8]) -> Result<Key<'_>, Errno> {
    let (head, padded) = take::<layout::Key>(bytes)?;
    let bits = head.bits.get();
    let len = usize::from(bits.div_ceil(8));
    require(head.reserved.get() == 0 && bits != 0, Errno::Einval)?;
    require(len.next_multiple_of(WORD) == padded.len(), Errno::Einval)?;
    Ok(Key {
        bits,
        bytes: padded.get(..len).ok_or(Errno::Einval)?,
    })
}

fn ident(bytes: &[u8]) -> Result<Ident<'_>, Errno> {
    let (head, data) = take::<layout::Ident>(bytes)?;
    require(head.reserved.get() == 0, Errno::Einval)?;
    require(matches!(data.last(), None | Some(0)), Errno::Einval)?;
    require(data.len() <= MAX_IDENT, Errno::Einval)?;
    Ok(Ident {
        kind: head.kind.get(),
        id: head.id.get(),
        data,
    })
}

fn proposal(bytes: &[u8]) -> Result<Proposal<'_>, Errno> {
    let (head, combs) = take::<layout::Proposal>(bytes)?;
    Ok(Proposal {
        replay: head.replay,
        combs,
    })
}

fn spi_range(bytes: &[u8]) -> Result<SpiRange, Errno> {
    let range = whole::<layout::SpiRange>(bytes)?;
    require(range.reserved.get() == 0, Errno::Einval)?;
    let (min, max) = (range.min.get(), range.max.get());
    require(max >= min, Errno::Einval)?;
    Ok(SpiRange { min, max })
}

fn satype(bytes: &[u8]) -> Result<u8, Errno> {
    let ext = whole::<layout::Satype>(bytes)?;
    require(ext.reserved == [0; 3], Errno::Einval)?;
    Ok(ext.satype)
}

fn protocol(bytes: &[u8]) -> Result<u8, Errno> {
    let ext = whole::<layout::Protocol>(bytes)?;
    require(ext.reserved == 0, Errno::Einval)?;
    Ok(ext.proto)
}

fn saref(bytes: &[u8]) -> Result<SarefPair, Errno> {
    let ext = whole::<layout::Saref>(bytes)?;
    Ok(SarefPair {
        me: ext.me.get(),
        him: ext.him.get(),
    })
}

/// One member or two, and nothing behind them.
fn group(bytes: &[u8]) -> Result<Outer, Errno> {
    let (head, members) = take::<layout::Group>(bytes)?;
    require(head.reserved == [0; 4], Errno::Einval)?;
    let (third, rest) = take::<layout::Member>(members)?;
    let fourth = match rest {
        [] => None,
        rest => Some(member(&whole::<layout::Member>(rest)?)?),
    };
    Ok(Outer {
        third: member(&third)?,
        fourth,
    })
}

fn member(member: &layout::Member) -> Result<Said, Errno> {
    require(member.reserved == 0, Errno::Einval)?;
    let proto = SaProto::from_satype(member.satype).ok_or(Errno::Einval)?;
    let dst = match member.family.get() {
        AF_INET => {
            let [a, b, c, d, padding @ ..] = member.addr;
            require(padding == [0; 12], Errno::Einval)?;
            Ipv4Addr::new(a, b, c, d).into()
        }
        AF_INET6 => Ipv6Addr::from(member.addr).into(),
        _ => return Err(Errno::Epfnosupport),
    };
    Ok(Said {
        dst,
        spi: member.spi.get(),
        proto,
    })
}

fn debug(bytes: &[u8]) -> Result<DebugMasks, Errno> {
    let ext = whole::<layout::Debug>(bytes)?;
    Ok(DebugMasks {
        tunnel: ext.tunnel.get(),
        netlink: ext.netlink.get(),
        xform: ext.xform.get(),
        eroute: ext.eroute.get(),
        spi: ext.spi.get(),
        radij: ext.radij.get(),
        esp: ext.esp.get(),
        ah: ext.ah.get(),
        rcv: ext.rcv.get(),
        pfkey: ext.pfkey.get(),
        ipcomp: ext.ipcomp.get(),
        verbose: ext.verbose.get(),
    })
}
