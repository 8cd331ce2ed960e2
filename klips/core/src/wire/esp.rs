// SPDX-License-Identifier: GPL-2.0-only

//! ESP, RFC 4303: header, padding and trailer.

use super::WireError;
use zerocopy::network_endian::U32;
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// SPI and sequence number, in bytes. The IV follows.
pub const HEADER_LEN: usize = 8;

/// Pad length and next header, in bytes.
pub const TRAILER_LEN: usize = 2;

/// The next header that marks a dummy packet, RFC 4303 2.6.
pub const NO_NEXT_HEADER: u8 = 59;

/// The alignment that RFC 4303 2.4 demands of pad length and next header, whatever the cipher.
const MIN_ALIGN: usize = 4;

#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    spi: U32,
    seq: U32,
}

/// The fixed part of an ESP header, host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EspHeader {
    /// Security parameter index.
    pub spi: u32,
    /// Sequence number (its low half where extended numbers are used).
    pub seq: u32,
}

impl EspHeader {
    /// Reads the header at the start of an ESP payload; the rest is IV, ciphertext and ICV.
    ///
    /// # Errors
    ///
    /// `Truncated`.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let (header, rest) = Header::ref_from_prefix(payload).map_err(|_| WireError::Truncated)?;
        Ok((
            Self {
                spi: header.spi.get(),
                seq: header.seq.get(),
            },
            rest,
        ))
    }

    /// Writes the header over the first eight bytes of `out`.
    ///
    /// # Errors
    ///
    /// `NoRoom`.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> Result<(), WireError> {
        let header = Header {
            spi: U32::new(self.spi),
            seq: U32::new(self.seq),
        };
        header.write_to_prefix(out).map_err(|_| WireError::NoRoom)
    }
}

/// Bytes that extended sequence numbers take in front of the header while it is authenticated.
pub const EXTENSION: usize = 4;

/// Makes room for the upper half of an extended sequence number between SPI and sequence number, where the crypto layer
/// wants it (RFC 4106 5), by moving the SPI over the [`EXTENSION`] bytes in front of the header. Returns what stood there.
///
/// # Errors
///
/// `NoRoom` if `frame` does not hold that and the SPI.
pub fn extend(frame: &mut [u8], spi: u32, high: u32) -> Result<[u8; EXTENSION], WireError> {
    let (place, _) = Header::mut_from_prefix(frame).map_err(|_| WireError::NoRoom)?;
    let before = place.spi.to_bytes();
    place.spi.set(spi);
    place.seq.set(high);
    Ok(before)
}

/// Puts back what [`extend`] has moved and returned.
///
/// # Errors
///
/// As [`extend`].
pub fn unextend(frame: &mut [u8], before: [u8; EXTENSION]) -> Result<(), WireError> {
    let (place, _) = Header::mut_from_prefix(frame).map_err(|_| WireError::NoRoom)?;
    place.seq = place.spi;
    place.spi = U32::from_bytes(before);
    Ok(())
}

/// How many bytes follow a payload of `payload_len` bytes up to the ICV: padding, pad length and next header.
///
/// The sum is a multiple of the cipher's `block` and of four, and the smallest such: 2 to `block` + 1 bytes. `block` is
/// in bytes, at most 256.
#[inline]
pub fn pad_len(payload_len: usize, block: usize) -> usize {
    let align = if block > MIN_ALIGN { block } else { MIN_ALIGN };
    let over = payload_len
        .wrapping_add(TRAILER_LEN)
        .checked_rem(align)
        .unwrap_or(0);
    let padding = if over == 0 {
        0
    } else {
        align.saturating_sub(over)
    };
    padding.saturating_add(TRAILER_LEN)
}

/// Fills `tail`, as long as [`pad_len`] said, with the padding 1, 2, 3, ..., its length and the next header.
///
/// # Errors
///
/// `NoRoom` if `tail` is shorter than two bytes or longer than 257.
#[inline]
pub fn write_trailer(tail: &mut [u8], next_header: u8) -> Result<(), WireError> {
    let padding = tail
        .len()
        .checked_sub(TRAILER_LEN)
        .ok_or(WireError::NoRoom)?;
    let pad_len = u8::try_from(padding).map_err(|_| WireError::NoRoom)?;
    let (pad, trailer) = tail
        .split_at_mut_checked(padding)
        .ok_or(WireError::NoRoom)?;
    let mut value = 0_u8;
    for byte in pad {
        value = value.wrapping_add(1);
        *byte = value;
    }
    if let [len, next] = trailer {
        *len = pad_len;
        *next = next_header;
    }
    Ok(())
}

/// The end of a decrypted ESP payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Bytes before the padding.
    pub payload_len: usize,
    /// What the payload is.
    pub next_header: u8,
    /// The padding is 1, 2, 3, ... KLIPS counts a packet whose padding is not, and lets it pass.
    pub pad_ok: bool,
}

impl Trailer {
    /// Reads the trailer of `plaintext`, which begins after the IV and ends before the ICV.
    ///
    /// The padding is compared to its end, wherever it first differs.
    ///
    /// # Errors
    ///
    /// `Truncated` for fewer than two bytes; `BadLength` if the padding would start before the plaintext.
    #[inline]
    pub fn parse(plaintext: &[u8]) -> Result<Self, WireError> {
        let (body, [pad_len, next_header]) = plaintext
            .split_last_chunk::<2>()
            .ok_or(WireError::Truncated)?;
        let payload_len = body
            .len()
            .checked_sub(usize::from(*pad_len))
            .ok_or(WireError::BadLength)?;
        let (_, padding) = body
            .split_at_checked(payload_len)
            .ok_or(WireError::BadLength)?;
        let mut differs = 0;
        let mut value = 0_u8;
        for byte in padding {
            value = value.wrapping_add(1);
            differs |= byte ^ value;
        }
        Ok(Self {
            payload_len,
            next_header: *next_header,
            pad_ok: differs == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extending_moves_the_spi_and_comes_undone() {
        let packet = [9, 8, 7, 6, 0, 0, 0x10, 1, 0, 0, 0, 5, 0xaa];
        let mut frame = packet;
        let before = extend(&mut frame, 0x1001, 3).unwrap();
        assert_eq!(frame, [0, 0, 0x10, 1, 0, 0, 0, 3, 0, 0, 0, 5, 0xaa]);
        unextend(&mut frame, before).unwrap();
        assert_eq!(frame, packet);
        assert_eq!(extend(&mut frame[..7], 1, 1), Err(WireError::NoRoom));
    }

    #[test]
    fn header_round_trip() {
        let mut out = [0xa5; 10];
        let header = EspHeader {
            spi: 0x1234_5678,
            seq: 9,
        };
        header.write(&mut out).unwrap();
        assert_eq!(out, [0x12, 0x34, 0x56, 0x78, 0, 0, 0, 9, 0xa5, 0xa5]);
        assert_eq!(EspHeader::parse(&out), Ok((header, &[0xa5, 0xa5][..])));
        assert_eq!(EspHeader::parse(&out[..7]), Err(WireError::Truncated));
        assert_eq!(header.write(&mut out[..7]), Err(WireError::NoRoom));
    }

    #[test]
    fn padding_is_minimal_and_aligned() {
        for block in [1, 4, 8, 16] {
            let align = block.max(4);
            for len in 0..200 {
                let pad = pad_len(len, block);
                assert_eq!((len + pad) % align, 0, "{len} {block}");
                assert!((2..align + 2).contains(&pad), "{len} {block}");
            }
        }
        assert_eq!(pad_len(0, 0), 4);
        assert_eq!(
            pad_len(usize::MAX, 16) % 16,
            pad_len(15, 16) % 16,
            "no overflow"
        );
    }

    #[test]
    fn trailer_round_trip() {
        for pad in 2..=257 {
            let mut plaintext = vec![0xa5; 40 + pad];
            write_trailer(&mut plaintext[40..], 4).unwrap();
            let trailer = Trailer::parse(&plaintext).unwrap();
            assert_eq!(
                trailer,
                Trailer {
                    payload_len: 40,
                    next_header: 4,
                    pad_ok: true
                }
            );
        }
        assert_eq!(write_trailer(&mut [0], 4), Err(WireError::NoRoom));
        assert_eq!(write_trailer(&mut [0; 258], 4), Err(WireError::NoRoom));
    }

    #[test]
    fn bad_padding_is_told_apart() {
        let mut plaintext = [9, 9, 1, 2, 3, 3, 4];
        assert!(Trailer::parse(&plaintext).unwrap().pad_ok);
        plaintext[3] = 7;
        let trailer = Trailer::parse(&plaintext).unwrap();
        assert_eq!(
            trailer,
            Trailer {
                payload_len: 2,
                next_header: 4,
                pad_ok: false
            }
        );
        plaintext[5] = 6;
        assert_eq!(Trailer::parse(&plaintext), Err(WireError::BadLength));
        plaintext[5] = 5;
        assert_eq!(Trailer::parse(&plaintext).unwrap().payload_len, 0);
        assert_eq!(Trailer::parse(&[4]), Err(WireError::Truncated));
        assert_eq!(Trailer::parse(&[]), Err(WireError::Truncated));
    }
}
