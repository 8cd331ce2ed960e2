// SPDX-License-Identifier: GPL-2.0-only

//! The Internet checksum, RFC 1071.

use core::net::Ipv6Addr;

/// The Internet checksum, RFC 1071: ones' complement of the ones' complement sum, host byte order.
///
/// Over a header whose checksum field is right it is zero.
#[inline]
pub fn of(data: &[u8]) -> u16 {
    // 64 bits hold the sum of more words than an address space has.
    let mut sum: u64 = 0;
    let mut rest = data;
    while let Some((word, tail)) = rest.split_first_chunk::<2>() {
        sum = sum.wrapping_add(u64::from(u16::from_be_bytes(*word)));
        rest = tail;
    }
    if let [last] = rest {
        sum = sum.wrapping_add(u64::from(u16::from_be_bytes([*last, 0])));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    let [.., high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

/// The checksum of a transport packet `data` of protocol `proto` between IPv6 addresses (RFC 8200 8.1), whose own checksum
/// field is zero; host byte order.
pub fn of_ipv6(src: Ipv6Addr, dst: Ipv6Addr, proto: u8, data: &[u8]) -> u16 {
    let len = u32::try_from(data.len()).unwrap_or(0);
    let pseudo = [
        !of(&src.octets()),
        !of(&dst.octets()),
        !of(&len.to_be_bytes()),
        u16::from(proto),
        !of(data),
    ];
    let sum = pseudo
        .iter()
        .fold(0_u32, |sum, word| sum.wrapping_add(u32::from(*word)));
    let folded = (sum & 0xffff).wrapping_add(sum >> 16);
    let [.., high, low] = (folded & 0xffff).wrapping_add(folded >> 16).to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_1071_example() {
        // Section 3: the sum of these words is ddf2.
        assert_eq!(
            of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            !0xddf2
        );
    }

    #[test]
    fn known_header_checksum() {
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(of(&header), 0);
        let mut blank = header;
        blank[10] = 0;
        blank[11] = 0;
        assert_eq!(of(&blank), 0xb861);
    }

    #[test]
    fn checksum_with_the_pseudo_header_of_ipv6() {
        // The whole, pseudo-header included, summed in one piece.
        let (src, dst): (Ipv6Addr, Ipv6Addr) = (
            "2001:db8::1".parse().unwrap(),
            "fe80::ffff:2".parse().unwrap(),
        );
        for len in [8_usize, 9, 1400, 1401] {
            let data: Vec<u8> = (0..len).map(|i| (i * 37 + 200) as u8).collect();
            let mut whole = [src.octets(), dst.octets()].concat();
            whole.extend_from_slice(&(len as u32).to_be_bytes());
            whole.extend_from_slice(&[0, 0, 0, 17]);
            whole.extend_from_slice(&data);
            assert_eq!(of_ipv6(src, dst, 17, &data), of(&whole), "{len}");
        }
    }

    #[test]
    fn checksum_of_odd_and_empty() {
        assert_eq!(of(&[]), 0xffff);
        assert_eq!(of(&[0x12]), !0x1200);
        assert_eq!(of(&[0xff; 64]), 0);
    }
}
