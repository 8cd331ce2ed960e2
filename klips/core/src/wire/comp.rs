// SPDX-License-Identifier: GPL-2.0-only

//! IPComp, RFC 3173: the header, when it is worth a try, and when it was worth it.

use super::WireError;
use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Next header, flags and CPI, in bytes.
pub const HEADER_LEN: usize = 4;

/// The CPI of deflate that needs no negotiation, RFC 3173 3.3.
pub const CPI_DEFLATE: u16 = 2;

/// Shorter payloads are not tried, bytes.
const MIN_PAYLOAD: usize = 90;

const AH: u8 = 51;
const ESP: u8 = 50;
const COMP: u8 = 108;

#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    next_header: u8,
    flags: u8,
    cpi: U16,
}

/// An IPComp header, host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompHeader {
    /// What the compressed payload is.
    pub next_header: u8,
    /// Compression parameter index.
    pub cpi: u16,
}

impl CompHeader {
    /// Reads the header at the start of `payload`; the rest is compressed.
    ///
    /// # Errors
    ///
    /// `Truncated`; `BadLength` if the flags, which RFC 3173 reserves, are not zero.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let (header, rest) = Header::ref_from_prefix(payload).map_err(|_| WireError::Truncated)?;
        if header.flags != 0 {
            return Err(WireError::BadLength);
        }
        Ok((
            Self {
                next_header: header.next_header,
                cpi: header.cpi.get(),
            },
            rest,
        ))
    }

    /// Writes the header over the first four bytes of `out`.
    ///
    /// # Errors
    ///
    /// `NoRoom`.
    #[inline]
    pub fn write(&self, out: &mut [u8]) -> Result<(), WireError> {
        let header = Header {
            next_header: self.next_header,
            flags: 0,
            cpi: U16::new(self.cpi),
        };
        header.write_to_prefix(out).map_err(|_| WireError::NoRoom)
    }
}

/// Whether a payload of `len` bytes of protocol `proto` may be worth compressing: encrypted or compressed data is not,
/// little data neither.
#[inline]
pub const fn is_worth_trying(proto: u8, len: usize) -> bool {
    len >= MIN_PAYLOAD && !matches!(proto, AH | ESP | COMP)
}

/// How many bytes a payload of `len` bytes may be compressed to: what is saved must exceed the header by 32 bytes, or a
/// sixteenth of a larger payload.
#[inline]
pub const fn worthwhile_len(len: usize) -> usize {
    let gain = if len <= 512 { 32 } else { len >> 4 };
    len.saturating_sub(HEADER_LEN).saturating_sub(gain)
}

/// Gives up for a while on data that does not shrink (RFC 3173 2.2 calls it adaptive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adaptive {
    failures: u8,
    skip: u8,
    skipped_before: bool,
}

impl Adaptive {
    /// Failures in a row before the first pause.
    const PATIENCE: u8 = 8;
    /// Failures after a pause before the next one.
    const LESS_PATIENCE: u8 = 2;
    /// Packets of the first pause.
    const PAUSE: u8 = 4;
    /// Packets of every later pause.
    const LONG_PAUSE: u8 = 8;

    /// Whether to try this packet; counts down a pause.
    #[inline]
    pub fn tries(&mut self) -> bool {
        match self.skip.checked_sub(1) {
            Some(left) => {
                self.skip = left;
                false
            }
            None => true,
        }
    }

    /// Notes whether the packet shrank enough.
    #[inline]
    pub fn note(&mut self, shrank: bool) {
        if shrank {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let (patience, pause) = if self.skipped_before {
            (Self::LESS_PATIENCE, Self::LONG_PAUSE)
        } else {
            (Self::PATIENCE, Self::PAUSE)
        };
        if self.failures >= patience {
            self.failures = 0;
            self.skip = pause;
            self.skipped_before = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trip() {
        let mut bytes = [0xa5; 6];
        let header = CompHeader {
            next_header: 4,
            cpi: 0x1234,
        };
        header.write(&mut bytes).unwrap();
        assert_eq!(bytes, [4, 0, 0x12, 0x34, 0xa5, 0xa5]);
        assert_eq!(CompHeader::parse(&bytes), Ok((header, &[0xa5, 0xa5][..])));
        assert_eq!(CompHeader::parse(&bytes[..3]), Err(WireError::Truncated));
        bytes[1] = 1;
        assert_eq!(CompHeader::parse(&bytes), Err(WireError::BadLength));
        assert_eq!(header.write(&mut bytes[..3]), Err(WireError::NoRoom));
    }

    #[test]
    fn thresholds() {
        assert!(!is_worth_trying(6, 89) && is_worth_trying(6, 90));
        assert!(
            !is_worth_trying(50, 999) && !is_worth_trying(51, 999) && !is_worth_trying(108, 999)
        );
        assert_eq!(worthwhile_len(512), 476);
        assert_eq!(worthwhile_len(1600), 1496);
        assert_eq!(worthwhile_len(20), 0);
    }

    #[test]
    fn gives_up_and_comes_back() {
        let mut adaptive = Adaptive::default();
        let failures_until_pause = |adaptive: &mut Adaptive| {
            let mut n = 0;
            while adaptive.tries() {
                adaptive.note(false);
                n += 1;
            }
            n
        };
        assert_eq!(failures_until_pause(&mut adaptive), 8);
        for _ in 0..3 {
            assert!(!adaptive.tries());
        }
        assert_eq!(failures_until_pause(&mut adaptive), 2);
        for _ in 0..7 {
            assert!(!adaptive.tries());
        }
        assert!(adaptive.tries());
        adaptive.note(true);
        assert_eq!(failures_until_pause(&mut adaptive), 8);
    }
}
