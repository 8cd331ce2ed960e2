// SPDX-License-Identifier: GPL-2.0-only

//! The IPv6 header and its extension headers, RFC 8200.

use super::WireError;
use core::net::Ipv6Addr;
use zerocopy::network_endian::{U16, U32};
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Length of the fixed header, in bytes.
pub const HEADER_LEN: usize = 40;

/// Extension headers that are followed; a packet with more is refused.
const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION: u8 = 60;

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version_class_label: U32,
    payload_len: U16,
    next_header: u8,
    hop_limit: u8,
    src: [u8; 16],
    dst: [u8; 16],
}

/// The first eight bytes of any extension header.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Extension {
    next_header: u8,
    len: u8,
    /// In a fragment header: offset in units of 8 bytes, two reserved bits, more-fragments.
    offset: U16,
    _rest: [u8; 4],
}

/// A validated IPv6 header with the way to its payload.
///
/// Invariant: 40 <= `header_len` <= `total_len`; from [`parse`] also `total_len` <= length of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6View {
    /// Fixed header and extension headers, in bytes.
    pub header_len: usize,
    /// Header and payload, in bytes.
    pub total_len: usize,
    /// Traffic class: DSCP and ECN.
    pub class: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Protocol after the extension headers; of a fragment, that of the fragmented part.
    pub proto: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Part of a fragmented packet.
    pub is_fragment: bool,
    /// Whole, or the first of its fragments.
    pub is_first_fragment: bool,
}

impl Ipv6View {
    /// As much of the payload as there is in the packet, or its head, that this view was parsed from; link-layer padding
    /// is cut off.
    #[inline]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        super::window(packet, self.header_len, self.total_len)
    }
}

/// Parses the headers at the start of `packet`, which must hold the whole packet; more bytes may follow.
///
/// Jumbograms (RFC 2675) are refused.
///
/// # Errors
///
/// `Truncated`, `BadVersion`, or `BadLength` for a header chain that does not fit or does not end.
pub fn parse(packet: &[u8]) -> Result<Ipv6View, WireError> {
    let view = parse_header(packet)?;
    if view.total_len > packet.len() {
        return Err(WireError::Truncated);
    }
    Ok(view)
}

/// As [`parse`], for a `packet` that may end anywhere behind its extension headers.
///
/// The caller compares `total_len` with the length that it knows.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_header(packet: &[u8]) -> Result<Ipv6View, WireError> {
    let (header, _) = Header::ref_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    let [first, second, ..] = header.version_class_label.to_bytes();
    if first >> 4 != 6 {
        return Err(WireError::BadVersion);
    }
    let total_len = HEADER_LEN.wrapping_add(usize::from(header.payload_len.get()));
    let payload = super::window(packet, HEADER_LEN, total_len);
    let chain = Chain::walk(payload, header.next_header)?;
    let extensions_len = payload.len().saturating_sub(chain.rest.len());
    Ok(Ipv6View {
        header_len: HEADER_LEN.wrapping_add(extensions_len),
        total_len,
        class: ((first & 0x0f) << 4) | (second >> 4),
        hop_limit: header.hop_limit,
        proto: chain.proto,
        src: Ipv6Addr::from(header.src),
        dst: Ipv6Addr::from(header.dst),
        is_fragment: chain.is_fragment,
        is_first_fragment: chain.is_first_fragment,
    })
}

/// Where the extension headers end.
struct Chain<'a> {
    proto: u8,
    rest: &'a [u8],
    is_fragment: bool,
    is_first_fragment: bool,
}

impl<'a> Chain<'a> {
    fn walk(payload: &'a [u8], next_header: u8) -> Result<Self, WireError> {
        let mut chain = Self {
            proto: next_header,
            rest: payload,
            is_fragment: false,
            is_first_fragment: true,
        };
        for _ in 0..MAX_EXTENSIONS {
            if !chain.is_first_fragment || !chain.step()? {
                return Ok(chain);
            }
        }
        Err(WireError::BadLength)
    }

    /// Steps over one extension header; false if there is none.
    fn step(&mut self) -> Result<bool, WireError> {
        let unit: usize = match self.proto {
            HOP_BY_HOP | ROUTING | DESTINATION | FRAGMENT => 8,
            // RFC 4302 2.2 counts in words of four bytes, less two.
            AUTHENTICATION => 4,
            _ => return Ok(false),
        };
        let (extension, _) =
            Extension::ref_from_prefix(self.rest).map_err(|_| WireError::BadLength)?;
        let units = usize::from(extension.len);
        let len = match self.proto {
            FRAGMENT => {
                let offset = extension.offset.get();
                self.is_fragment = offset & 0xfff9 != 0;
                self.is_first_fragment = offset & 0xfff8 == 0;
                8
            }
            _ => unit.wrapping_mul(units).wrapping_add(8),
        };
        self.proto = extension.next_header;
        self.rest = self.rest.get(len..).ok_or(WireError::BadLength)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![
            0x6b,
            0x81,
            0x23,
            0x45,
            0,
            payload.len() as u8,
            next_header,
            63,
        ];
        packet.extend_from_slice(&"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend_from_slice(&"2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn plain_packet() {
        let packet = packet(17, &[0, 53, 0, 53, 0, 8, 0, 0]);
        let view = parse(&packet).unwrap();
        assert_eq!((view.header_len, view.total_len, view.proto), (40, 48, 17));
        assert_eq!((view.class, view.hop_limit), (0xb8, 63));
        assert_eq!(view.src.to_string(), "2001:db8::1");
        assert_eq!(view.payload(&packet), [0, 53, 0, 53, 0, 8, 0, 0]);
    }

    #[test]
    fn extension_headers_are_followed() {
        let payload = [
            [60, 0, 1, 4, 0, 0, 0, 0], // hop-by-hop
            [43, 0, 1, 4, 0, 0, 0, 0], // destination options
            [51, 0, 0, 0, 0, 0, 0, 0], // routing
            [6, 0, 0, 0, 0, 0, 1, 0],  // AH of 8 bytes
            [0, 22, 0, 80, 0, 0, 0, 0],
        ]
        .concat();
        let view = parse(&packet(0, &payload)).unwrap();
        assert_eq!((view.proto, view.header_len), (6, 72));
        assert!(!view.is_fragment && view.is_first_fragment);
    }

    #[test]
    fn later_fragments_end_the_walk() {
        let first = packet(
            44,
            &[
                [60, 0, 0, 1, 0, 0, 0, 9],
                [17, 0, 0, 0, 0, 0, 0, 0],
                [0, 1, 0, 2, 0, 0, 0, 0],
            ]
            .concat(),
        );
        let view = parse(&first).unwrap();
        assert!(view.is_fragment && view.is_first_fragment);
        assert_eq!((view.proto, view.header_len), (17, 56));
        let later = packet(
            44,
            &[[60, 0, 0, 8, 0, 0, 0, 9], [17, 9, 9, 9, 9, 9, 9, 9]].concat(),
        );
        let view = parse(&later).unwrap();
        assert!(view.is_fragment && !view.is_first_fragment);
        assert_eq!(
            (view.proto, view.header_len),
            (60, 48),
            "the rest is payload, not a header"
        );
    }

    #[test]
    fn hostile_chains_are_refused() {
        assert_eq!(
            parse(&packet(0, &[60, 200, 0, 0, 0, 0, 0, 0])),
            Err(WireError::BadLength),
            "overlong"
        );
        assert_eq!(
            parse(&packet(0, &[60, 0, 0])),
            Err(WireError::BadLength),
            "cut"
        );
        let endless = [0_u8, 0, 1, 4, 0, 0, 0, 0].repeat(20);
        assert_eq!(
            parse(&packet(0, &endless)),
            Err(WireError::BadLength),
            "too many"
        );
        let whole = packet(17, &[0; 8]);
        for len in 0..whole.len() {
            assert_eq!(parse(&whole[..len]), Err(WireError::Truncated));
        }
        let mut v4 = whole;
        v4[0] = 0x45;
        assert_eq!(parse(&v4), Err(WireError::BadVersion));
    }
}
