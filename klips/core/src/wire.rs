// SPDX-License-Identifier: GPL-2.0-only

//! Packet headers: zerocopy structs for their layout, validated types for what the rest of the code sees.
//!
//! No function here trusts a length that it read from the packet, and none can panic.

pub mod ah;
pub mod checksum;
pub mod comp;
pub mod ecn;
pub mod esp;
pub mod flow;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod plain;
pub mod udp;

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The buffer ends before the header, or before the length that the header states.
    Truncated,
    /// Another version of IP.
    BadVersion,
    /// The header states a length that is shorter than the header itself.
    BadLength,
    /// The caller's buffer cannot hold what is to be written.
    NoRoom,
}

/// The bytes from `start` to `end`, or as far as there are any.
#[inline]
fn window(packet: &[u8], start: usize, end: usize) -> &[u8] {
    let bytes = packet.get(start..).unwrap_or(&[]);
    bytes.get(..end.saturating_sub(start)).unwrap_or(bytes)
}
