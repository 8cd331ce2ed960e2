// SPDX-License-Identifier: GPL-2.0-only

//! The IPv6 header and its extension headers, RFC 8200.

use super::WireError;
use core::net::Ipv6Addr;
use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of the fixed header, in bytes.
pub const HEADER_LEN: usize = 40;

/// Extension headers that are followed; a packet with more is refused.
const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
/// Next header: a fragment header.
pub const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    pub(super) version_class_label: U32,
    pub(super) payload_len: U16,
    pub(super) next_header: u8,
    pub(super) hop_limit: u8,
    pub(super) src: [u8; 16],
    pub(super) dst: [u8; 16],
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

/// The fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) next_header: u8,
    pub(super) class: u8,
    pub(super) hop_limit: u8,
    pub(super) total_len: usize,
    pub(super) src: Ipv6Addr,
    pub(super) dst: Ipv6Addr,
}

/// Reads the fixed header only.
pub(super) fn parse_fixed(packet: &[u8]) -> Result<Fixed, WireError> {
    let (header, _) = Header::ref_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    let [first, second, ..] = header.version_class_label.to_bytes();
    if first >> 4 != 6 {
        return Err(WireError::BadVersion);
    }
    Ok(Fixed {
        next_header: header.next_header,
        class: ((first & 0x0f) << 4) | (second >> 4),
        hop_limit: header.hop_limit,
        total_len: HEADER_LEN.saturating_add(usize::from(header.payload_len.get())),
        src: Ipv6Addr::from(header.src),
        dst: Ipv6Addr::from(header.dst),
    })
}

/// Next header and length in bytes of the options or routing header at the start of `bytes`, all of which is there.
pub(super) fn extension(bytes: &[u8]) -> Result<(u8, usize), WireError> {
    let (extension, _) = Extension::ref_from_prefix(bytes).map_err(|_| WireError::Truncated)?;
    let len = usize::from(extension.len).wrapping_mul(8).wrapping_add(8);
    if len > bytes.len() {
        return Err(WireError::Truncated);
    }
    Ok((extension.next_header, len))
}

/// Changes the payload length of the header at the start of `packet`.
pub(super) fn set_payload_len(packet: &mut [u8], len: u16) -> Result<(), WireError> {
    let (header, _) = Header::mut_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    header.payload_len = U16::new(len);
    Ok(())
}

/// Changes the traffic class of the header at the start of `packet`.
///
/// # Errors
///
/// `Truncated` if there is no whole header.
pub fn set_class(packet: &mut [u8], class: u8) -> Result<(), WireError> {
    let (header, _) = Header::mut_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    let kept = header.version_class_label.get() & !(0xff << 20);
    header
        .version_class_label
        .set(kept | (u32::from(class) << 20));
    Ok(())
}

/// An outer header to be written, without extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OuterV6 {
    /// Traffic class.
    pub class: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Protocol of the payload.
    pub next_header: u8,
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// Payload, in bytes.
    pub payload_len: u16,
}

impl OuterV6 {
    /// Writes the header over the first 40 bytes of `packet`; its flow label is 0.
    ///
    /// # Errors
    ///
    /// `NoRoom` if the buffer is shorter.
    pub fn write(&self, packet: &mut [u8]) -> Result<(), WireError> {
        let header = Header {
            version_class_label: U32::new((6 << 28) | (u32::from(self.class) << 20)),
            payload_len: U16::new(self.payload_len),
            next_header: self.next_header,
            hop_limit: self.hop_limit,
            src: self.src.octets(),
            dst: self.dst.octets(),
        };
        header
            .write_to_prefix(packet)
            .map_err(|_| WireError::NoRoom)
    }
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
            // AH is a protocol like ESP: what it covers is for its SA to say.
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
    fn an_outer_header_reads_back() {
        let mut bytes = [0xa5; 48];
        let outer = OuterV6 {
            class: 0xb9,
            hop_limit: 64,
            next_header: 50,
            src: "2001:db8::1".parse().unwrap(),
            dst: "2001:db8::2".parse().unwrap(),
            payload_len: 8,
        };
        outer.write(&mut bytes).unwrap();
        let fixed = parse_fixed(&bytes).unwrap();
        assert_eq!((fixed.class, fixed.hop_limit), (0xb9, 64));
        assert_eq!((fixed.next_header, fixed.total_len), (50, 48));
        assert_eq!((fixed.src, fixed.dst), (outer.src, outer.dst));
        assert_eq!(bytes[..4], [0x6b, 0x90, 0, 0]);
        assert_eq!(outer.write(&mut bytes[..39]), Err(WireError::NoRoom));
    }

    #[test]
    fn extension_headers_are_followed() {
        let payload = [
            [60, 0, 1, 4, 0, 0, 0, 0], // hop-by-hop
            [43, 0, 1, 4, 0, 0, 0, 0], // destination options
            [6, 0, 0, 0, 0, 0, 0, 0],  // routing
            [0, 22, 0, 80, 0, 0, 0, 0],
        ]
        .concat();
        let view = parse(&packet(0, &payload)).unwrap();
        assert_eq!((view.proto, view.header_len), (6, 64));
        assert!(!view.is_fragment && view.is_first_fragment);
    }

    #[test]
    fn ah_ends_the_walk() {
        let view = parse(&packet(51, &[17, 4, 0, 0, 0, 0, 0, 1])).unwrap();
        assert_eq!((view.proto, view.header_len), (51, 40));
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
