// SPDX-License-Identifier: GPL-2.0-only

//! Headers to be written around packets.

use super::{Header, DF, HEADER_LEN, VERSION_IHL};
use crate::wire::{checksum, WireError};
use core::net::Ipv4Addr;
use zerocopy::{network_endian::U16, IntoBytes};

/// An outer header to be written: 20 bytes, no options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OuterV4 {
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Protocol of the payload.
    pub proto: u8,
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// Identification; must differ between datagrams that may be fragmented.
    pub id: u16,
    /// Must not be fragmented.
    pub df: bool,
    /// Header and payload, in bytes.
    pub total_len: u16,
}

impl OuterV4 {
    /// Writes the header over the first 20 bytes of `packet`, checksum included.
    ///
    /// # Errors
    ///
    /// `NoRoom` if the buffer is shorter; `BadLength` if the total length is.
    #[inline]
    pub fn write(&self, packet: &mut [u8]) -> Result<(), WireError> {
        if usize::from(self.total_len) < HEADER_LEN {
            return Err(WireError::BadLength);
        }
        let mut header = Header {
            version_ihl: VERSION_IHL,
            tos: self.tos,
            total_len: U16::new(self.total_len),
            id: U16::new(self.id),
            flags_offset: U16::new(if self.df { DF } else { 0 }),
            ttl: self.ttl,
            proto: self.proto,
            check: U16::ZERO,
            src: self.src.octets(),
            dst: self.dst.octets(),
        };
        header.check = U16::new(checksum::of(header.as_bytes()));
        header
            .write_to_prefix(packet)
            .map_err(|_| WireError::NoRoom)
    }
}

/// What the outer headers of one way have in common.
#[derive(Clone, Copy)]
pub struct Template(Header);

impl Template {
    /// A header of 20 bytes.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, ttl: u8, proto: u8) -> Self {
        Self(Header {
            version_ihl: VERSION_IHL,
            tos: 0,
            total_len: U16::ZERO,
            id: U16::ZERO,
            flags_offset: U16::ZERO,
            ttl,
            proto,
            check: U16::ZERO,
            src: src.octets(),
            dst: dst.octets(),
        })
    }

    /// Source address.
    pub fn src(&self) -> Ipv4Addr {
        self.0.src.into()
    }

    /// Destination address.
    pub fn dst(&self) -> Ipv4Addr {
        self.0.dst.into()
    }

    /// Writes a header over the first 20 bytes of `packet`, all but the checksum, which is 0: whoever sends the packet puts
    /// it in.
    ///
    /// # Errors
    ///
    /// `NoRoom` if the buffer is shorter.
    #[inline]
    pub fn write(
        &self,
        packet: &mut [u8],
        tos: u8,
        total_len: u16,
        id: u16,
        df: bool,
    ) -> Result<(), WireError> {
        let header = Header {
            tos,
            total_len: U16::new(total_len),
            id: U16::new(id),
            flags_offset: U16::new(if df { DF } else { 0 }),
            ..self.0
        };
        header
            .write_to_prefix(packet)
            .map_err(|_| WireError::NoRoom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_header_without_its_checksum() {
        let mut outer = OuterV4 {
            tos: 0xb8,
            ttl: 64,
            proto: 50,
            src: Ipv4Addr::new(192, 0, 2, 1),
            dst: Ipv4Addr::new(192, 0, 2, 2),
            id: 0x1234,
            df: true,
            total_len: 120,
        };
        let template = Template::new(outer.src, outer.dst, outer.ttl, outer.proto);
        assert_eq!((template.src(), template.dst()), (outer.src, outer.dst));
        for df in [true, false] {
            outer.df = df;
            let (mut whole, mut bare) = ([0; 24], [0; 24]);
            outer.write(&mut whole).unwrap();
            template.write(&mut bare, 0xb8, 120, 0x1234, df).unwrap();
            assert_eq!(bare[10..12], [0, 0]);
            bare[10..12].copy_from_slice(&whole[10..12]);
            assert_eq!(bare, whole);
        }
        let short = template.write(&mut [0; 19], 0, 20, 0, false);
        assert_eq!(short, Err(WireError::NoRoom));
    }

    #[test]
    fn no_room_is_an_error() {
        let outer = OuterV4 {
            tos: 0,
            ttl: 64,
            proto: 4,
            src: Ipv4Addr::LOCALHOST,
            dst: Ipv4Addr::LOCALHOST,
            id: 0,
            df: false,
            total_len: 20,
        };
        assert_eq!(outer.write(&mut [0; 19]), Err(WireError::NoRoom));
        assert_eq!(
            OuterV4 {
                total_len: 19,
                ..outer
            }
            .write(&mut [0; 20]),
            Err(WireError::BadLength)
        );
    }
}
