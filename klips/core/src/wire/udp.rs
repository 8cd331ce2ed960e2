// SPDX-License-Identifier: GPL-2.0-only

//! The ports that begin a TCP or UDP header, and the UDP header, RFC 768.

use super::{checksum, WireError};
use core::net::Ipv6Addr;
use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, IntoBytes};
use zerocopy_derive::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a UDP header, in bytes.
pub const HEADER_LEN: usize = 8;

/// IP protocol number of TCP.
pub const TCP: u8 = 6;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;

/// Zero bytes between UDP and ESP in the drafts of RFC 3948, where an IKE message has its cookie.
pub const NON_IKE_MARKER: usize = 8;

/// A UDP header in front of ESP (RFC 3948).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encap {
    /// Source port, host byte order.
    pub sport: u16,
    /// Destination port, host byte order.
    pub dport: u16,
    /// Header and payload, in bytes.
    pub len: u16,
}

impl Encap {
    /// Writes the header over the first eight bytes of `out`, without a checksum, as IPv4 wants it (RFC 3948 2.1).
    ///
    /// # Errors
    ///
    /// `NoRoom`.
    pub fn write(&self, out: &mut [u8]) -> Result<(), WireError> {
        let header = Header {
            ports: Ports {
                src: U16::new(self.sport),
                dst: U16::new(self.dport),
            },
            len: U16::new(self.len),
            check: U16::ZERO,
        };
        header.write_to_prefix(out).map_err(|_| WireError::NoRoom)
    }
}

/// Fills in the checksum of the datagram `datagram` between IPv6 addresses, where it is not optional.
///
/// # Errors
///
/// `Truncated` if there is no whole header.
pub fn set_checksum_v6(src: Ipv6Addr, dst: Ipv6Addr, datagram: &mut [u8]) -> Result<(), WireError> {
    let (header, _) = Header::mut_from_prefix(datagram).map_err(|_| WireError::Truncated)?;
    header.check = U16::ZERO;
    let check = match checksum::of_ipv6(src, dst, UDP, datagram) {
        // Zero means that there is none; its complement is as right.
        0 => u16::MAX,
        check => check,
    };
    let (header, _) = Header::mut_from_prefix(datagram).map_err(|_| WireError::Truncated)?;
    header.check = U16::new(check);
    Ok(())
}

#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    ports: Ports,
    len: U16,
    check: U16,
}

#[derive(FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Ports {
    src: U16,
    dst: U16,
}

/// Source and destination port of a TCP or UDP payload, host byte order.
///
/// `None` for other protocols (SCTP included, as KLIPS has it) and for a payload that is too short.
#[inline]
pub fn ports(proto: u8, payload: &[u8]) -> Option<(u16, u16)> {
    if proto != TCP && proto != UDP {
        return None;
    }
    let (ports, _) = Ports::ref_from_prefix(payload).ok()?;
    Some((ports.src.get(), ports.dst.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encapsulation_header() {
        let mut bytes = [0xa5; 9];
        let encap = Encap {
            sport: 4500,
            dport: 0x1234,
            len: 100,
        };
        encap.write(&mut bytes).unwrap();
        assert_eq!(bytes, [0x11, 0x94, 0x12, 0x34, 0, 100, 0, 0, 0xa5]);
        assert_eq!(ports(UDP, &bytes), Some((4500, 0x1234)));
        assert_eq!(encap.write(&mut bytes[..7]), Err(WireError::NoRoom));
    }

    #[test]
    fn only_tcp_and_udp_have_ports() {
        let payload = [0x12, 0x34, 0x00, 0x50, 9, 9];
        assert_eq!(ports(TCP, &payload), Some((0x1234, 80)));
        assert_eq!(ports(UDP, &payload), Some((0x1234, 80)));
        assert_eq!(ports(132, &payload), None);
        assert_eq!(ports(1, &payload), None);
        assert_eq!(ports(UDP, &payload[..3]), None);
    }
}
