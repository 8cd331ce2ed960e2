// SPDX-License-Identifier: GPL-2.0-only

//! The contents of one extension as values.
//!
//! Decoding checks the form (lengths, reserved fields, address families) but not the sense: what a value means depends
//! on message and direction, and is the business of [`parse`](mod@super::parse).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zerocopy::FromBytes;

use super::errno::Errno;
use super::layout::{self, AF_INET, AF_INET6};
use super::types::ExtType;
use super::walk::RawExt;
use super::{MAX_IDENT, WORD};

/// The SA extension. All in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaInfo {
    /// Security parameter index.
    pub spi: u32,
    /// Replay window in packets, 0 for none.
    pub replay: u8,
    /// See [`state`](super::types::state).
    pub state: u8,
    /// Authentication algorithm.
    pub auth: u8,
    /// Encryption algorithm, or compression algorithm of a COMP SA.
    pub encrypt: u8,
    /// See [`flags`](super::types::flags).
    pub flags: u32,
    /// SA reference, 0 for none.
    pub reference: u32,
}

/// A lifetime: limits, or what has been used of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Flows.
    pub allocations: u32,
    /// Bytes.
    pub bytes: u64,
    /// Seconds since creation; in LIFETIME_CURRENT the stamp of creation.
    pub addtime: u64,
    /// Seconds since first use; in LIFETIME_CURRENT the stamp of first use.
    pub usetime: u64,
    /// Packets. 0 when the sender's structure has no such field.
    pub packets: u32,
}

/// An address extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub addr: IpAddr,
    /// Port, or mask of a port in a mask extension; host byte order.
    pub port: u16,
    /// Transport protocol.
    pub proto: u8,
}

/// A key. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Bits of `bytes` that count.
    pub bits: u16,
    /// The key, without padding: `bits` rounded up to bytes.
    pub bytes: &'a [u8],
}

impl core::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key")
            .field("bits", &self.bits)
            .finish_non_exhaustive()
    }
}

/// An identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ident<'a> {
    /// See [`ident_type`](super::types::ident_type).
    pub kind: u16,
    /// A number of key management's own.
    pub id: u64,
    /// The text with its terminating zero and padding; whole words, possibly none. At most [`MAX_IDENT`] bytes.
    pub data: &'a [u8],
}

impl<'a> Ident<'a> {
    /// The text up to its first zero.
    pub fn text(&self) -> &'a [u8] {
        self.data.split(|&byte| byte == 0).next().unwrap_or(&[])
    }
}

/// A proposal of an ACQUIRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// Replay window in packets.
    pub replay: u8,
    combs: &'a [u8],
}

impl<'a> Proposal<'a> {
    /// The combinations, those of 72 bytes as well as those of 80.
    pub fn combs(&self) -> impl Iterator<Item = layout::Comb> + 'a {
        const LONG: usize = size_of::<layout::Comb>().saturating_add(size_of::<layout::CombTail>());
        let stride = match self.combs.len() % LONG {
            0 => LONG,
            _ => size_of::<layout::Comb>(),
        };
        self.combs
            .chunks(stride)
            .filter_map(|chunk| Some(layout::Comb::read_from_prefix(chunk).ok()?.0))
    }
}

/// An algorithm that the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alg {
    /// Number in the SA extension.
    pub id: u8,
    /// Bits in the initialisation vector.
    pub iv_bits: u8,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
}

/// The algorithms of a REGISTER reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algs<'a>(&'a [u8]);

impl<'a> Algs<'a> {
    /// In the order of the message, most recently registered first.
    pub fn iter(&self) -> impl Iterator<Item = Alg> + 'a {
        self.0.chunks_exact(WORD).filter_map(|chunk| {
            let (alg, _) = layout::Alg::read_from_prefix(chunk).ok()?;
            Some(Alg {
                id: alg.id,
                iv_bits: alg.ivlen,
                min_bits: alg.minbits.get(),
                max_bits: alg.maxbits.get(),
            })
        })
    }

    /// Number of algorithms.
    pub const fn len(&self) -> usize {
        self.0.len() / WORD
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// SPIs to choose from, both ends included; host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpiRange {
    /// Lowest SPI.
    pub min: u32,
    /// Highest SPI.
    pub max: u32,
}

/// Debugging masks, one per subsystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DebugMasks {
    /// Transmit path.
    pub tunnel: u32,
    /// Message sockets, with [`DebugMasks::SET`] on top.
    pub netlink: u32,
    /// Transforms.
    pub xform: u32,
    /// Eroute table.
    pub eroute: u32,
    /// SA database.
    pub spi: u32,
    /// Radix tree.
    pub radij: u32,
    /// ESP.
    pub esp: u32,
    /// AH.
    pub ah: u32,
    /// Receive path.
    pub rcv: u32,
    /// PF_KEY.
    pub pfkey: u32,
    /// IPComp.
    pub ipcomp: u32,
    /// More of everything.
    pub verbose: u32,
}

impl DebugMasks {
    /// In `netlink`: the masks are to be ORed into the current ones. Without it they are ANDed.
    pub const SET: u32 = 1 << 31;
}

/// References of an SA and of its twin in the other direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SarefPair {
    /// This SA.
    pub me: u32,
    /// Its twin.
    pub him: u32,
}

/// One extension, decoded. Which one it is, when several share a form, says [`RawExt::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext<'a> {
    /// SA or X_SA2.
    Sa(SaInfo),
    /// Any of the three lifetimes.
    Lifetime(Lifetime),
    /// Any address, X_NAT_T_OA included.
    Address(Endpoint),
    /// Either key.
    Key(Key<'a>),
    /// Either identity.
    Ident(Ident<'a>),
    /// PROPOSAL.
    Proposal(Proposal<'a>),
    /// SUPPORTED_AUTH or SUPPORTED_ENCRYPT.
    Supported(Algs<'a>),
    /// SPIRANGE.
    SpiRange(SpiRange),
    /// X_SATYPE2.
    Satype(u8),
    /// X_DEBUG.
    Debug(DebugMasks),
    /// X_PROTOCOL.
    Protocol(u8),
    /// X_NAT_T_TYPE.
    NatTType(u8),
    /// X_NAT_T_SPORT or X_NAT_T_DPORT, host byte order.
    NatTPort(u16),
    /// X_PLUMBIF.
    PlumbIf(u16),
    /// X_SAREF.
    Saref(SarefPair),
    /// An extension whose content nobody reads here.
    Opaque,
}

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

/// Two words as in RFC 2367, or three with the reference.
fn sa(bytes: &[u8]) -> Result<SaInfo, Errno> {
    let (sa, rest) = take::<layout::Sa>(bytes)?;
    let tail = match rest {
        [] => layout::SaTail::default(),
        rest => whole::<layout::SaTail>(rest)?,
    };
    require(tail.reserved == [0; 4], Errno::Einval)?;
    Ok(SaInfo {
        spi: sa.spi.get(),
        replay: sa.replay,
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

fn address(bytes: &[u8]) -> Result<Endpoint, Errno> {
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
