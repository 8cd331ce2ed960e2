// SPDX-License-Identifier: GPL-2.0-only

//! The contents of one extension as values.

use core::net::IpAddr;

use zerocopy::FromBytes;

use super::layout;
use super::types::REPLAY_MAX;
use super::WORD;
use crate::said::Said;

/// The SA extension. All in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaInfo {
    /// Security parameter index.
    pub spi: u32,
    /// Replay window in packets, 0 for none.
    pub replay: u8,
    /// Replay window in packets if it is wider than `replay` can say, else 0; see [`SaInfo::window_size`].
    pub window: u16,
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

impl SaInfo {
    /// The replay window in packets.
    pub fn window_size(&self) -> u16 {
        if self.window > REPLAY_MAX.into() {
            self.window
        } else {
            self.replay.into()
        }
    }

    /// Sets the replay window, in the field that can hold it.
    #[must_use]
    pub fn with_window(self, size: u16) -> Self {
        match u8::try_from(size) {
            Ok(replay) if replay <= REPLAY_MAX => Self {
                replay,
                window: 0,
                ..self
            },
            _ => Self {
                replay: REPLAY_MAX,
                window: size,
                ..self
            },
        }
    }
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
    /// The text with its terminating zero and padding; whole words, possibly none. At most [`MAX_IDENT`](super::MAX_IDENT)
    /// bytes.
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
    pub(super) combs: &'a [u8],
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
pub struct Algs<'a>(pub(super) &'a [u8]);

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

/// The members of a group behind the second, in the order of the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outer {
    /// The third.
    pub third: Said,
    /// The fourth, if there is one.
    pub fourth: Option<Said>,
}

/// One extension, decoded. Which one it is, when several share a form, says [`RawExt::kind`](super::RawExt::kind).
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
    /// X_GROUP.
    Group(Outer),
    /// An extension whose content nobody reads here.
    Opaque,
}
