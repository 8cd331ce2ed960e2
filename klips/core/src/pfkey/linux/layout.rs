// SPDX-License-Identifier: GPL-2.0-only

//! The structures that this dialect has besides those of RFC 2367, byte for byte; `linux/pfkeyv2.h`.
//!
//! `U16` and `U32` are in native byte order, the `Be` ones in network byte order. Nothing here checks values.

use zerocopy::big_endian::U16 as Be16;
use zerocopy::native_endian::{U16, U32};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::pfkey::layout::{wire, ExtHead};

wire! {
    /// `struct sadb_spirange`. Unlike the SPI of an SA, these are in native byte order.
    SpiRange [16] {
        /// Start of the extension.
        head: ExtHead,
        /// Lowest SPI.
        min: U32,
        /// Highest SPI.
        max: U32,
        /// Zero.
        reserved: U32,
    }

    /// `struct sadb_x_policy`; requests follow.
    Policy [16] {
        /// Start of the extension; its length counts the requests.
        head: ExtHead,
        /// [`Action`](super::Action).
        action: U16,
        /// [`Direction`](super::Direction).
        direction: u8,
        /// Zero.
        reserved: u8,
        /// Number of the policy.
        id: U32,
        /// Policies with lower numbers go first.
        priority: U32,
    }

    /// `struct sadb_x_ipsecrequest`; the two ends of a tunnel follow.
    Template [16] {
        /// **Bytes** in the request, its ends included.
        len: U16,
        /// IP protocol.
        proto: U16,
        /// [`Mode`](super::Mode).
        mode: u8,
        /// [`Level`](super::Level).
        level: u8,
        /// Zero.
        reserved1: U16,
        /// The SAs that fit have this number; 0 for any.
        reqid: U32,
        /// Zero.
        reserved2: U32,
    }

    /// `struct sadb_x_sa2`.
    Sa2 [16] {
        /// Start of the extension.
        head: ExtHead,
        /// [`Mode`](super::Mode).
        mode: u8,
        /// Zero.
        reserved1: u8,
        /// Zero.
        reserved2: U16,
        /// Sequence number.
        sequence: U32,
        /// Which policies the SA is for.
        reqid: U32,
    }

    /// `struct sadb_x_nat_t_type`.
    NatTType [8] {
        /// Start of the extension.
        head: ExtHead,
        /// [`natt_type`](crate::pfkey::types::natt_type).
        kind: u8,
        /// Zero.
        reserved: [u8; 3],
    }

    /// `struct sadb_x_nat_t_port`.
    NatTPort [8] {
        /// Start of the extension.
        head: ExtHead,
        /// The port, in network byte order in this dialect.
        port: Be16,
        /// Zero.
        reserved: U16,
    }

    /// `struct sadb_x_sec_ctx`; the text follows.
    SecCtx [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Algorithm.
        alg: u8,
        /// Domain of interpretation.
        doi: u8,
        /// Bytes in the text.
        len: U16,
    }

    /// `struct sadb_x_kmaddress`; two socket addresses follow.
    KmAddress [8] {
        /// Start of the extension.
        head: ExtHead,
        /// Zero.
        reserved: U32,
    }

    /// `struct sadb_x_filter`. An IPv4 address has the first four bytes.
    Filter [40] {
        /// Start of the extension.
        head: ExtHead,
        /// Source network.
        src: [u8; 16],
        /// Destination network.
        dst: [u8; 16],
        /// Address family.
        family: U16,
        /// Bits of the source that count.
        src_len: u8,
        /// Bits of the destination that count.
        dst_len: u8,
    }
}
