// SPDX-License-Identifier: GPL-2.0-only

//! Changes of headers, after which the checksum is right again.

use super::{Header, HEADER_LEN};
use crate::wire::{checksum, WireError};
use core::net::Ipv4Addr;
use zerocopy::{network_endian::U16, FromBytes, IntoBytes};

/// Changes protocol and total length of the header at the start of `packet`, as transforms in place do.
///
/// The checksum is recomputed over the whole header, options included.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header; `total_len` must cover it. The packet is unchanged then.
#[inline]
pub fn set_proto_and_len(packet: &mut [u8], proto: u8, total_len: u16) -> Result<(), WireError> {
    edit(packet, |header| {
        if usize::from(total_len) < header.len() {
            return Err(WireError::BadLength);
        }
        header.proto = proto;
        header.total_len = U16::new(total_len);
        Ok(())
    })
}

/// Changes the type of service of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
#[inline]
pub fn set_tos(packet: &mut [u8], tos: u8) -> Result<(), WireError> {
    edit(packet, |header| {
        header.tos = tos;
        Ok(())
    })
}

/// Changes the source of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn set_src(packet: &mut [u8], src: Ipv4Addr) -> Result<(), WireError> {
    edit(packet, |header| {
        header.src = src.octets();
        Ok(())
    })
}

/// Changes the destination of the header at the start of `packet` and recomputes the checksum.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn set_dst(packet: &mut [u8], dst: Ipv4Addr) -> Result<(), WireError> {
    edit(packet, |header| {
        header.dst = dst.octets();
        Ok(())
    })
}

/// Computes the checksum of the header at the start of `packet` anew.
///
/// # Errors
///
/// `Truncated` or `BadLength` if there is no valid header.
pub fn renew_checksum(packet: &mut [u8]) -> Result<(), WireError> {
    edit(packet, |_| Ok(()))
}

/// Runs `change` on the header and puts the checksum right again.
#[inline]
fn edit(
    packet: &mut [u8],
    change: impl FnOnce(&mut Header) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let (mut header, _) = Header::read_from_prefix(packet).map_err(|_| WireError::Truncated)?;
    let len = header.len();
    if len < HEADER_LEN {
        return Err(WireError::BadLength);
    }
    let bytes = packet.get_mut(..len).ok_or(WireError::Truncated)?;
    change(&mut header)?;
    header.check = U16::ZERO;
    header
        .write_to_prefix(bytes)
        .map_err(|_| WireError::NoRoom)?;
    header.check = U16::new(checksum::of(bytes));
    header.write_to_prefix(bytes).map_err(|_| WireError::NoRoom)
}

#[cfg(test)]
mod tests {
    use super::super::{parse_header, tests::packet as sample};
    use super::*;

    #[test]
    fn edits_keep_the_checksum_right() {
        let mut packet = sample();
        set_proto_and_len(&mut packet, 50, 0x1ff).unwrap();
        assert_eq!(checksum::of(&packet[..20]), 0);
        let view = parse_header(&packet).unwrap();
        assert_eq!((view.proto, view.total_len), (50, 0x1ff));
        set_tos(&mut packet, 0xb8).unwrap();
        assert_eq!(checksum::of(&packet[..20]), 0);
        assert_eq!(parse_header(&packet).unwrap().tos, 0xb8);
    }

    #[test]
    fn edits_cover_options() {
        let mut packet = [0_u8; 24];
        packet[..20].copy_from_slice(&sample()[..20]);
        packet[0] = 0x46;
        packet[20..].copy_from_slice(&[7, 4, 4, 0]);
        set_proto_and_len(&mut packet, 4, 24).unwrap();
        assert_eq!(checksum::of(&packet), 0);
        assert_eq!(
            set_proto_and_len(&mut packet, 4, 23),
            Err(WireError::BadLength)
        );
        assert_eq!(set_tos(&mut packet[..22], 0), Err(WireError::Truncated));
    }
}
