// SPDX-License-Identifier: GPL-2.0-only

//! Packets, and what must be true of them however they are damaged.

use crate::hex;
use klips_core::reason::Discard;
use klips_core::wire::esp::{EspHeader, Trailer};
use klips_core::wire::flow::classify;
use klips_core::wire::{ipv4, ipv6};

/// What `klips_core::wire::checksum::of` does, the long way round: word by word with the carry added at once.
pub fn slow_checksum(data: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        sum += (u32::from(pair[0]) << 8) | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Packets to damage: UDP and TCP over both families, options, extension headers, fragments.
pub fn corpus() -> Vec<Vec<u8>> {
    let v4 = |first: &str| hex(&format!("{first} c0a87b03 c0a87b64"));
    let v6 = |first: &str| hex(&format!("{first} 20010db8{:024} 20010db8{:024}", 1, 2));
    vec![
        [v4("4500001c 08f20000 40110000"), hex("00350035 00080000")].concat(),
        [
            v4("4500002c 08f24000 40060000"),
            hex("04010050 00000000 00000000 50020000 0000 0000 00000000"),
        ]
        .concat(),
        [
            v4("47000024 08f20000 40110000"),
            hex("07080400 00000000 00350035 00080000"),
        ]
        .concat(),
        [v4("4500001c 08f22000 40110000"), hex("00350035 00080000")].concat(),
        [v4("4500001c 08f20009 40110000"), hex("00350035 00080000")].concat(),
        [v6("60000000 00081140"), hex("00350035 00080000")].concat(),
        [
            v6("60000000 00200040"),
            hex("2b000104 00000000 2c000000 00000000 11000001 00000001 00350035 00080000"),
        ]
        .concat(),
        [
            v6("60000000 00143340"),
            hex("06010000 00000100 00000001 04010050 00000000"),
        ]
        .concat(),
    ]
}

/// Checks what must be true of any bytes, be they a packet or not.
pub fn holds(packet: &[u8]) {
    match classify(packet) {
        Ok(flow) => {
            assert!(
                flow.header_len <= flow.len && flow.len <= packet.len(),
                "{flow:?}"
            );
            assert_eq!(flow.src.is_ipv4(), flow.dst.is_ipv4());
            if flow.sport != 0 || flow.dport != 0 {
                assert!(flow.proto == 6 || flow.proto == 17, "{flow:?}");
                let bytes = [flow.sport.to_be_bytes(), flow.dport.to_be_bytes()].concat();
                assert!(flow.first_fragment);
                assert_eq!(packet[flow.header_len..flow.header_len + 4], bytes);
            }
        }
        Err(why) => assert_eq!(why, Discard::TxBadInnerHeader),
    }
    let _ = (
        ipv4::parse(packet),
        ipv6::parse(packet),
        EspHeader::parse(packet),
        Trailer::parse(packet),
    );
}
