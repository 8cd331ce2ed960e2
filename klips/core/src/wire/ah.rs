// SPDX-License-Identifier: GPL-2.0-only

//! AH, RFC 4302: the header, and the fields of IP headers that do not count for its ICV.

use super::{ipv4, ipv6, WireError};
use crate::addr::Family;
use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Next header, length, reserved, SPI and sequence number, in bytes. The ICV follows.
pub const HEADER_LEN: usize = 12;

/// The longest IP header, extension headers included, that AH is computed over; in bytes.
pub const MAX_IP_HEADER: usize = 256;

/// The length field counts words of four bytes, less two.
const WORD: usize = 4;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION: u8 = 60;

#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    next_header: u8,
    words: u8,
    reserved: U16,
    spi: U32,
    seq: U32,
}

/// An AH header, host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AhHeader {
    /// What follows AH.
    pub next_header: u8,
    /// Length of the header with its ICV and the padding of that, in bytes.
    pub len: usize,
    /// Security parameter index.
    pub spi: u32,
    /// Sequence number (its low half where extended numbers are used).
    pub seq: u32,
}

impl AhHeader {
    /// Reads the fixed part at the start of `payload`. What `len` covers need not be there.
    ///
    /// # Errors
    ///
    /// `Truncated`, or `BadLength` for a length that does not cover the fixed part.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let (header, _) = Header::ref_from_prefix(payload).map_err(|_| WireError::Truncated)?;
        let len = usize::from(header.words).wrapping_add(2).wrapping_mul(WORD);
        if len < HEADER_LEN {
            return Err(WireError::BadLength);
        }
        Ok(Self {
            next_header: header.next_header,
            len,
            spi: header.spi.get(),
            seq: header.seq.get(),
        })
    }

    /// Writes the header over the first `len` bytes of `out`, its ICV and padding as zeros.
    ///
    /// # Errors
    ///
    /// `NoRoom`; `BadLength` if `len` cannot be expressed.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> Result<(), WireError> {
        let words = self
            .len
            .checked_div(WORD)
            .and_then(|words| words.checked_sub(2))
            .and_then(|words| u8::try_from(words).ok())
            .ok_or(WireError::BadLength)?;
        let header = Header {
            next_header: self.next_header,
            words,
            reserved: U16::ZERO,
            spi: U32::new(self.spi),
            seq: U32::new(self.seq),
        };
        let out = out.get_mut(..self.len).ok_or(WireError::NoRoom)?;
        out.fill(0);
        header.write_to_prefix(out).map_err(|_| WireError::NoRoom)
    }
}

/// Length of an AH header with an ICV of `icv_len` bytes: RFC 4302 2.2 aligns it to 4 bytes in IPv4, 8 in IPv6, and 3.3.3.2.1
/// forbids more padding than that.
#[inline]
pub const fn len(icv_len: usize, family: Family) -> usize {
    let align = match family {
        Family::V4 => 4,
        Family::V6 => 8,
    };
    HEADER_LEN.saturating_add(icv_len).next_multiple_of(align)
}

/// Whether a peer may have made the header `found` bytes long: [`len`], or aligned to 8 bytes in IPv4 too, as Linux does
/// unless told otherwise.
#[inline]
pub const fn len_is_acceptable(found: usize, icv_len: usize, family: Family) -> bool {
    found == len(icv_len, family) || found == len(icv_len, Family::V6)
}

/// Sets everything in the IP header `header` to zero that may change on the way and cannot be foreseen (RFC 4302 3.3.3.1).
///
/// `header` ends where AH begins.
///
/// # Errors
///
/// `BadLength` for options that do not add up, and for a source route that is not used up: what arrives differs then
/// from what was sent.
pub fn zero_mutable(header: &mut [u8]) -> Result<(), WireError> {
    match header.first().map(|byte| byte >> 4) {
        Some(4) => zero_v4(header),
        Some(6) => zero_v6(header),
        _ => Err(WireError::BadVersion),
    }
}

/// Type of service, flags and offset, TTL, checksum.
const V4_MUTABLE: [usize; 6] = [1, 6, 7, 8, 10, 11];
/// Traffic class, flow label and hop limit; the version stays.
const V6_MUTABLE: [usize; 4] = [1, 2, 3, 7];

fn zero(header: &mut [u8], at: &[usize]) {
    for at in at {
        if let Some(byte) = header.get_mut(*at) {
            *byte = 0;
        }
    }
}

fn zero_v4(header: &mut [u8]) -> Result<(), WireError> {
    zero(header, &V4_MUTABLE);
    let mut rest = header
        .get_mut(ipv4::HEADER_LEN..)
        .ok_or(WireError::Truncated)?;
    while let Some(&kind) = rest.first() {
        let len = match kind {
            END => {
                return Ok(());
            }
            NOP => 1,
            _ => usize::from(*rest.get(1).ok_or(WireError::BadLength)?),
        };
        if kind != NOP && len < 2 {
            return Err(WireError::BadLength);
        }
        let (option, tail) = rest.split_at_mut_checked(len).ok_or(WireError::BadLength)?;
        match kind {
            LOOSE_ROUTE | STRICT_ROUTE => return Err(WireError::BadLength),
            NOP | SECURITY | EXTENDED_SECURITY | COMMERCIAL_SECURITY | ROUTER_ALERT
            | MULTI_DESTINATION => {}
            _ => option.fill(0),
        }
        rest = tail;
    }
    Ok(())
}

// IPv4 options. Those that RFC 4302 appendix A1 lists as immutable have names.
const END: u8 = 0;
const NOP: u8 = 1;
const SECURITY: u8 = 130;
const LOOSE_ROUTE: u8 = 131;
const EXTENDED_SECURITY: u8 = 133;
const COMMERCIAL_SECURITY: u8 = 134;
const STRICT_ROUTE: u8 = 137;
const ROUTER_ALERT: u8 = 148;
const MULTI_DESTINATION: u8 = 149;

/// In the type of an IPv6 option: its data may change on the way.
const MAY_CHANGE: u8 = 0x20;

fn zero_v6(header: &mut [u8]) -> Result<(), WireError> {
    zero(header, &V6_MUTABLE);
    // The four low bits of the first byte are the traffic class.
    if let Some(byte) = header.first_mut() {
        *byte &= 0xf0;
    }
    let mut next = *header.get(6).ok_or(WireError::Truncated)?;
    let mut rest = header
        .get_mut(ipv6::HEADER_LEN..)
        .ok_or(WireError::Truncated)?;
    while !rest.is_empty() {
        let (following, len) = ipv6::extension(rest)?;
        let (extension, tail) = rest.split_at_mut_checked(len).ok_or(WireError::BadLength)?;
        match next {
            HOP_BY_HOP | DESTINATION => zero_options(extension.get_mut(2..).unwrap_or(&mut []))?,
            // Segments left: a route that is not used up.
            ROUTING if extension.get(3) != Some(&0) => return Err(WireError::BadLength),
            ROUTING => {}
            _ => return Err(WireError::BadLength),
        }
        next = following;
        rest = tail;
    }
    Ok(())
}

fn zero_options(mut rest: &mut [u8]) -> Result<(), WireError> {
    const PAD1: u8 = 0;
    while let Some(&kind) = rest.first() {
        let len = match kind {
            PAD1 => 1,
            _ => usize::from(*rest.get(1).ok_or(WireError::BadLength)?).wrapping_add(2),
        };
        let (option, tail) = rest.split_at_mut_checked(len).ok_or(WireError::BadLength)?;
        if kind & MAY_CHANGE != 0 {
            option.get_mut(2..).unwrap_or(&mut []).fill(0);
        }
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trip_and_lengths() {
        let mut bytes = [0xa5; 40];
        let header = AhHeader {
            next_header: 4,
            len: 24,
            spi: 0x1234_5678,
            seq: 9,
        };
        header.write(&mut bytes).unwrap();
        assert_eq!(bytes[..4], [4, 4, 0, 0]);
        assert_eq!(bytes[12..24], [0; 12]);
        assert_eq!(bytes[24], 0xa5);
        assert_eq!(AhHeader::parse(&bytes), Ok(header));
        assert_eq!(header.write(&mut bytes[..23]), Err(WireError::NoRoom));
        assert_eq!(AhHeader::parse(&bytes[..11]), Err(WireError::Truncated));
        bytes[1] = 0;
        assert_eq!(AhHeader::parse(&bytes), Err(WireError::BadLength));
        for (icv, v4, v6) in [(12, 24, 24), (16, 28, 32), (24, 36, 40), (32, 44, 48)] {
            assert_eq!((len(icv, Family::V4), len(icv, Family::V6)), (v4, v6));
            assert!(len_is_acceptable(v4, icv, Family::V4));
            assert!(len_is_acceptable(v6, icv, Family::V4));
            assert!(len_is_acceptable(v6, icv, Family::V6));
            assert!(!len_is_acceptable(v6 + 8, icv, Family::V4));
        }
        assert!(!len_is_acceptable(28, 16, Family::V6));
    }

    #[test]
    fn ipv4_fields() {
        let mut header = [
            0x45, 0xff, 1, 2, 3, 4, 0x40, 9, 64, 51, 0xab, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        zero_mutable(&mut header).unwrap();
        assert_eq!(
            header,
            [0x45, 0, 1, 2, 3, 4, 0, 0, 0, 51, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        );
    }

    fn v4_with(options: &[u8]) -> Vec<u8> {
        let mut header = vec![0x40 | ((20 + options.len()) / 4) as u8];
        header.resize(20, 7);
        header.extend_from_slice(options);
        header
    }

    #[test]
    fn ipv4_options() {
        // Router alert stays, record route goes, what is behind the end stays as it is.
        let mut header = v4_with(&[148, 4, 0, 0, 7, 3, 9, 1, 0, 5, 5, 5]);
        zero_mutable(&mut header).unwrap();
        assert_eq!(header[20..], [148, 4, 0, 0, 0, 0, 0, 1, 0, 5, 5, 5]);
        for wrong in [
            &[131, 3, 4, 1][..],
            &[137, 3, 4, 1],
            &[7, 1, 0, 0],
            &[7, 9, 0, 0],
            &[1, 1, 1, 7],
        ] {
            assert_eq!(
                zero_mutable(&mut v4_with(wrong)),
                Err(WireError::BadLength),
                "{wrong:?}"
            );
        }
    }

    fn v6_with(next: u8, extensions: &[u8]) -> Vec<u8> {
        let mut header = vec![0x6f, 0xff, 0xff, 0xff, 1, 2, next, 64];
        header.resize(40, 7);
        header.extend_from_slice(extensions);
        header
    }

    #[test]
    fn ipv6_fields_and_options() {
        let mut header = v6_with(0, &[60, 0, 0x3e, 2, 1, 2, 0, 0, 51, 0, 0x1e, 2, 1, 2, 0, 0]);
        zero_mutable(&mut header).unwrap();
        assert_eq!(header[..8], [0x60, 0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(header[40..48], [60, 0, 0x3e, 2, 0, 0, 0, 0]);
        assert_eq!(header[48..], [51, 0, 0x1e, 2, 1, 2, 0, 0]);
    }

    #[test]
    fn ipv6_routes_must_be_used_up() {
        let route = |left| v6_with(43, &[51, 0, 2, left, 0, 0, 0, 0]);
        assert_eq!(zero_mutable(&mut route(0)), Ok(()));
        assert_eq!(zero_mutable(&mut route(1)), Err(WireError::BadLength));
        for wrong in [
            &[51, 1, 0, 0, 0, 0, 0, 0][..],
            &[51, 0, 5, 9, 0, 0, 0, 0],
            &[51, 0, 0],
        ] {
            assert!(zero_mutable(&mut v6_with(0, wrong)).is_err(), "{wrong:?}");
        }
        assert!(zero_mutable(&mut v6_with(17, &[0; 8])).is_err());
        assert!(zero_mutable(&mut [0x60; 10]).is_err());
        assert!(zero_mutable(&mut []).is_err());
    }
}
