// SPDX-License-Identifier: GPL-2.0-only

//! The contents of one extension as values, as far as they are not those of every dialect.

use core::net::IpAddr;

use zerocopy::FromBytes;

use super::types::Mode;
use crate::addr::Family;
use crate::pfkey::{layout, WORD};

/// The SA extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SaInfo {
    /// Security parameter index.
    pub spi: u32,
    /// Replay window in packets.
    pub replay: u8,
    /// See [`state`](crate::pfkey::types::state). Of a request it is ignored.
    pub state: u8,
    /// Authentication algorithm.
    pub auth: u8,
    /// Encryption or compression algorithm.
    pub encrypt: u8,
    /// See [`flags`](super::types::flags).
    pub flags: u32,
}

/// The second SA extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sa2 {
    /// The mode.
    pub mode: Mode,
    /// Sequence number.
    pub sequence: u32,
    /// Which policies the SA is for, 0 for any.
    pub reqid: u32,
}

/// An address extension: the end of an SA, or the network of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub addr: IpAddr,
    /// Bits of it that count.
    pub prefix_len: u8,
    /// Port, 0 for any.
    pub port: u16,
    /// Transport protocol, 0 or [`ANY_PROTO`](super::types::ANY_PROTO) for any.
    pub proto: u8,
}

impl Endpoint {
    /// The end of an SA: a whole address, no port, any protocol.
    pub const fn whole(addr: IpAddr) -> Self {
        Self {
            addr,
            prefix_len: addr_bits(addr),
            port: 0,
            proto: super::types::ANY_PROTO,
        }
    }
}

/// Bits in an address.
pub(super) const fn addr_bits(addr: IpAddr) -> u8 {
    match addr {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// SPIs to choose from, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Lowest SPI.
    pub min: u32,
    /// Highest SPI.
    pub max: u32,
}

/// A security context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityContext<'a> {
    /// Domain of interpretation.
    pub doi: u8,
    /// Algorithm.
    pub alg: u8,
    /// The text, with a zero at its end if the sender has put one there.
    pub text: &'a [u8],
}

/// The ends of the conversation of key daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmAddress {
    /// Ours.
    pub local: IpAddr,
    /// The peer's.
    pub remote: IpAddr,
}

/// Which SAs to list: those between these networks. Both are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Source network.
    pub src: IpAddr,
    /// Bits of it that count.
    pub src_len: u8,
    /// Destination network.
    pub dst: IpAddr,
    /// Bits of it that count.
    pub dst_len: u8,
}

impl Filter {
    /// Whether an SA between these addresses is to be listed.
    pub fn has(&self, src: &IpAddr, dst: &IpAddr) -> bool {
        let within = |net: IpAddr, len, addr: &IpAddr| {
            let family = Family::of(&net);
            let mask = family.mask(len);
            family == Family::of(addr)
                && crate::addr::addr_bits(&net) & mask == crate::addr::addr_bits(addr) & mask
        };
        within(self.src, self.src_len, src) && within(self.dst, self.dst_len, dst)
    }
}

/// An algorithm that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alg {
    /// Number in the SA extension.
    pub id: u8,
    /// **Bytes** in the initialisation vector; other dialects count bits.
    pub iv_len: u8,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
}

/// The algorithms in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms<'a>(pub(super) &'a [u8]);

impl<'a> Algorithms<'a> {
    /// In the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = Alg> + 'a {
        self.0.chunks_exact(WORD).filter_map(|chunk| {
            let (alg, _) = layout::Alg::read_from_prefix(chunk).ok()?;
            Some(Alg {
                id: alg.id,
                iv_len: alg.ivlen,
                min_bits: alg.minbits.get(),
                max_bits: alg.maxbits.get(),
            })
        })
    }
}
