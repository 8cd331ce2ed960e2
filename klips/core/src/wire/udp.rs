// SPDX-License-Identifier: GPL-2.0-only

//! The ports that begin a TCP or UDP header, and the UDP header, RFC 768.

use zerocopy::network_endian::U16;
use zerocopy::FromBytes;
use zerocopy_derive::{FromBytes, Immutable, KnownLayout, Unaligned};

/// Length of a UDP header, in bytes.
pub const HEADER_LEN: usize = 8;

/// IP protocol number of TCP.
pub const TCP: u8 = 6;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
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
    fn only_tcp_and_udp_have_ports() {
        let payload = [0x12, 0x34, 0x00, 0x50, 9, 9];
        assert_eq!(ports(TCP, &payload), Some((0x1234, 80)));
        assert_eq!(ports(UDP, &payload), Some((0x1234, 80)));
        assert_eq!(ports(132, &payload), None);
        assert_eq!(ports(1, &payload), None);
        assert_eq!(ports(UDP, &payload[..3]), None);
    }
}
