// SPDX-License-Identifier: GPL-2.0-only

//! The IPv4 header, RFC 791.

mod edit;
mod outer;

use super::WireError;
use core::net::Ipv4Addr;
use zerocopy::network_endian::U16;
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub use edit::{renew_checksum, set_dst, set_proto_and_len, set_src, set_tos};
pub use outer::{OuterV4, Template};

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;

/// Do not fragment.
pub(super) const DF: u16 = 0x4000;
/// More fragments follow.
pub(super) const MF: u16 = 0x2000;
/// Fragment offset, in units of 8 bytes.
pub(super) const OFFSET: u16 = 0x1fff;
/// Version 4 and a header of five words.
pub(super) const VERSION_IHL: u8 = 0x45;

#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) version_ihl: u8,
    pub(super) tos: u8,
    pub(super) total_len: U16,
    pub(super) id: U16,
    pub(super) flags_offset: U16,
    pub(super) ttl: u8,
    pub(super) proto: u8,
    pub(super) check: U16,
    pub(super) src: [u8; 4],
    pub(super) dst: [u8; 4],
}

impl Header {
    /// Header length in bytes as the header states it, 0 to 60.
    #[inline]
    fn len(&self) -> usize {
        usize::from((self.version_ihl & 0x0f).wrapping_mul(4))
    }
}

/// A validated IPv4 header.
///
/// Invariant: 20 <= `header_len` <= 60, `header_len` <= `total_len`; from [`parse`] also `total_len` <= length of the
/// buffer. The checksum is *not* verified: the stack does that on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4View {
    /// Header with options, in bytes.
    pub header_len: usize,
    /// Header and payload, in bytes.
    pub total_len: usize,
    /// Type of service: DSCP and ECN.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub proto: u8,
    /// Identification.
    pub id: u16,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    flags_offset: u16,
}

impl Ipv4View {
    /// Must not be fragmented.
    #[inline]
    pub const fn df(&self) -> bool {
        self.flags_offset & DF != 0
    }

    /// Part of a fragmented datagram.
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.flags_offset & (MF | OFFSET) != 0
    }

    /// Starts at offset zero: a whole datagram or the first of its fragments.
    #[inline]
    pub const fn is_first_fragment(&self) -> bool {
        self.flags_offset & OFFSET == 0
    }

    /// The header is longer than 20 bytes.
    #[inline]
    pub const fn has_options(&self) -> bool {
        self.header_len > HEADER_LEN
    }

    /// Bytes after the header.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.total_len.saturating_sub(self.header_len)
    }

    /// As much of the payload as there is in the packet, or its head, that this view was parsed from; link-layer padding
    /// is cut off.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        super::window(packet, self.header_len, self.total_len)
    }
}

/// Parses the header at the start of `packet`, which must hold the whole datagram; more bytes may follow.
///
/// # Errors
///
/// `Truncated`, `BadVersion`, or `BadLength` for header and total length that contradict each other.
#[inline]
pub fn parse(packet: &[u8]) -> Result<Ipv4View, WireError> {
    let view = parse_header(packet)?;
    if view.total_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(view)
}

/// As [`parse`], for a `packet` that may hold no more than the header, as the linear part of a socket buffer does.
///
/// The caller compares `total_len` with the length that it knows.
///
/// # Errors
///
/// As [`parse`].
#[inline]
pub fn parse_header(packet: &[u8]) -> Result<Ipv4View, WireError> {
    let (header, _) = Header::ref_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    if header.version_ihl >> 4 != 4 {
        return Err(WireError::BadVersion);
    }
    let header_len = header.len();
    let total_len = usize::from(header.total_len.get());
    if header_len < HEADER_LEN || total_len < header_len {
        return Err(WireError::BadLength);
    }
    if header_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(Ipv4View {
        header_len,
        total_len,
        tos: header.tos,
        ttl: header.ttl,
        proto: header.proto,
        id: header.id.get(),
        src: Ipv4Addr::from(header.src),
        dst: Ipv4Addr::from(header.dst),
        flags_offset: header.flags_offset.get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::checksum;

    /// 192.0.2.1 -> 198.51.100.2, UDP, 28 bytes, DF, checksum right.
    pub(super) fn packet() -> [u8; 28] {
        let mut packet = [0xa5; 28];
        let outer = OuterV4 {
            tos: 0x10,
            ttl: 64,
            proto: 17,
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(198, 51, 100, 2),
            id: 0x1234,
            df: true,
            total_len: 28,
        };
        outer.write(&mut packet).unwrap();
        packet
    }

    #[test]
    fn written_header_reads_back() {
        let packet = packet();
        assert_eq!(checksum::of(&packet[..20]), 0);
        assert_eq!(packet[20..], [0xa5; 8]);
        let view = parse(&packet).unwrap();
        assert_eq!(
            (view.header_len, view.total_len, view.payload_len()),
            (20, 28, 8)
        );
        assert_eq!(
            (view.tos, view.ttl, view.proto, view.id),
            (0x10, 64, 17, 0x1234)
        );
        assert_eq!(view.src, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(view.dst, Ipv4Addr::new(198, 51, 100, 2));
        assert!(
            view.df() && view.is_first_fragment() && !view.is_fragment() && !view.has_options()
        );
        assert_eq!(view.payload(&packet), [0xa5; 8]);
    }

    #[test]
    fn every_truncation_is_refused() {
        let packet = packet();
        for len in 0..packet.len() {
            assert_eq!(parse(&packet[..len]), Err(WireError::Truncated), "{len}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let mut other = packet();
        other[0] = 0x65;
        assert_eq!(parse(&other), Err(WireError::BadVersion));
        other[0] = 0x44;
        assert_eq!(parse(&other), Err(WireError::BadLength));
        other[0] = 0x4f;
        assert_eq!(
            parse(&other),
            Err(WireError::BadLength),
            "60 bytes of header in 28"
        );
        let mut other = packet();
        other[3] = 19;
        assert_eq!(parse(&other), Err(WireError::BadLength));
    }

    #[test]
    fn fragments() {
        let mut first = packet();
        first[6] = 0x20;
        let view = parse(&first).unwrap();
        assert!(view.is_fragment() && view.is_first_fragment() && !view.df());
        let mut later = packet();
        later[6] = 0;
        later[7] = 3;
        let view = parse(&later).unwrap();
        assert!(view.is_fragment() && !view.is_first_fragment());
    }
}
