// SPDX-License-Identifier: GPL-2.0-only

//! Packets: the published ones, and damaged ones.

use klips_core::plan::{plan, Plan, Step};
use klips_core::reason::Discard;
use klips_core::wire::checksum;
use klips_core::wire::esp::{pad_len, write_trailer, EspHeader, Trailer};
use klips_core::wire::flow::{classify, classify_head};
use klips_core::wire::ipv4::{self, OuterV4};
use klips_core_tests::packets::{corpus, holds, slow_checksum};
use klips_core_tests::{hex, Rng};
use std::net::Ipv4Addr;

const AES_CBC: Step = Step::Esp {
    iv_len: 16,
    block: 16,
    icv_len: 0,
};

/// RFC 3602 section 4, case 5: a ping of 84 bytes in transport mode.
#[test]
fn rfc_3602_transport_mode() {
    let mut packet = hex("45000054 08f20000 4001f9fe c0a87b03 c0a87b64");
    assert_eq!(checksum::of(&packet), 0);
    packet.extend(hex("08000ebd a70a0000 8e9c083d b95b0700"));
    packet.extend(8..=0x37);
    assert_eq!(packet.len(), 84);

    let flow = classify(&packet).unwrap();
    assert_eq!((flow.proto, flow.len, flow.header_len), (1, 84, 20));
    let room = plan(
        [AES_CBC],
        flow.len,
        flow.header_len,
        klips_core::addr::Family::V4,
    )
    .unwrap();
    assert_eq!(
        room,
        Plan {
            headroom: 24,
            tailroom: 16,
            total_len: 0x7c
        }
    );

    let mut plaintext = packet[20..].to_vec();
    assert_eq!(pad_len(plaintext.len(), 16), 16);
    plaintext.resize(80, 0);
    write_trailer(&mut plaintext[64..], 1).unwrap();
    assert_eq!(
        plaintext[64..],
        hex("01020304 05060708 090a0b0c 0d0e 0e 01")
    );
    let trailer = Trailer::parse(&plaintext).unwrap();
    assert_eq!(
        trailer,
        Trailer {
            payload_len: 64,
            next_header: 1,
            pad_ok: true
        }
    );

    ipv4::set_proto_and_len(&mut packet, 50, 0x7c).unwrap();
    assert_eq!(
        packet[..20],
        hex("4500007c 08f20000 4032f9a5 c0a87b03 c0a87b64")
    );
    let (header, rest) = EspHeader::parse(&hex("00004321 00000001 e96e8c08"))
        .map(|(h, r)| (h, r.len()))
        .unwrap();
    assert_eq!(
        (header, rest),
        (
            EspHeader {
                spi: 0x4321,
                seq: 1
            },
            4
        )
    );
}

/// RFC 3602 section 4, case 7: a ping of 84 bytes in tunnel mode.
#[test]
fn rfc_3602_tunnel_mode() {
    let inner = hex("45000054 09040000 4001f988 c0a87b03 c0a87bc8");
    assert_eq!(checksum::of(&inner), 0);
    let room = plan(
        [Step::Ipip(klips_core::addr::Family::V4), AES_CBC],
        84,
        20,
        klips_core::addr::Family::V4,
    )
    .unwrap();
    assert_eq!(
        room,
        Plan {
            headroom: 44,
            tailroom: 12,
            total_len: 0x8c
        }
    );

    let mut tail = vec![0xa5; pad_len(84, 16)];
    write_trailer(&mut tail, 4).unwrap();
    assert_eq!(tail, hex("01020304 05060708 090a 0a 04"));

    let mut outer = [0xa5; 20];
    let header = OuterV4 {
        tos: 0,
        ttl: 64,
        proto: 50,
        src: Ipv4Addr::new(192, 168, 123, 3),
        dst: Ipv4Addr::new(192, 168, 123, 200),
        id: 0x0905,
        df: false,
        total_len: 0x8c,
    };
    header.write(&mut outer).unwrap();
    assert_eq!(
        outer[..],
        hex("4500008c 09050000 4032f91e c0a87b03 c0a87bc8")
    );
    let mut esp = [0; 8];
    EspHeader {
        spi: 0x8765,
        seq: 2,
    }
    .write(&mut esp)
    .unwrap();
    assert_eq!(esp[..], hex("00008765 00000002"));
}

#[test]
fn checksums_of_random_data() {
    let mut rng = Rng::new(21);
    for len in 0..600 {
        let data = rng.bytes(len);
        assert_eq!(checksum::of(&data), slow_checksum(&data), "{len}");
    }
    let long = vec![0xff; 70_000];
    assert_eq!(checksum::of(&long), slow_checksum(&long));
}

#[test]
fn edited_headers_keep_their_checksum() {
    let mut rng = Rng::new(22);
    for _ in 0..5000 {
        let words = 5 + rng.below(11) as u8;
        let mut packet = rng.bytes(80);
        packet[0] = 0x40 | words;
        let len = usize::from(words) * 4;
        let total = len as u16 + rng.below(1000) as u16;
        let before = packet.clone();
        ipv4::set_proto_and_len(&mut packet, 108, total).unwrap();
        assert_eq!(checksum::of(&packet[..len]), 0);
        assert_eq!(packet[len..], before[len..]);
        assert_eq!((packet[9], &packet[2..4]), (108, &total.to_be_bytes()[..]));
        for i in (0..len).filter(|i| ![2, 3, 9, 10, 11].contains(i)) {
            assert_eq!(packet[i], before[i], "byte {i}");
        }
    }
}

#[test]
fn trailers_of_every_length() {
    let mut rng = Rng::new(23);
    for block in [4, 8, 16] {
        for len in 0..300 {
            let mut plaintext = rng.bytes(len);
            let payload = plaintext.clone();
            plaintext.resize(len + pad_len(len, block), 0xa5);
            let next = rng.bits() as u8;
            write_trailer(&mut plaintext[len..], next).unwrap();
            assert_eq!(plaintext.len() % block, 0);
            assert_eq!(plaintext[..len], payload);
            let wanted = Trailer {
                payload_len: len,
                next_header: next,
                pad_ok: true,
            };
            assert_eq!(Trailer::parse(&plaintext), Ok(wanted));
        }
    }
}

#[test]
fn trailers_of_random_bytes() {
    let mut rng = Rng::new(24);
    for _ in 0..100_000 {
        let len = rng.below(300) as usize;
        let bytes = rng.bytes(len);
        match Trailer::parse(&bytes) {
            Ok(trailer) => {
                let pad = usize::from(bytes[len - 2]);
                assert_eq!(trailer.payload_len + pad + 2, len);
                let in_order =
                    (1..=pad).all(|i| usize::from(bytes[trailer.payload_len + i - 1]) == i);
                assert_eq!(trailer.pad_ok, in_order);
            }
            Err(_) => assert!(len < 2 || usize::from(bytes[len - 2]) + 2 > len),
        }
    }
}

#[test]
fn the_corpus_itself_is_good() {
    for (i, packet) in corpus().iter().enumerate() {
        let flow = classify(packet).unwrap_or_else(|why| panic!("packet {i}: {why:?}"));
        assert_eq!(flow.len, packet.len(), "packet {i}");
        // AH has no ports to show.
        let shows = flow.first_fragment && flow.proto != 51;
        assert_eq!(flow.dport != 0, shows, "packet {i}");
    }
}

#[test]
fn every_truncation() {
    for (i, packet) in corpus().iter().enumerate() {
        for len in 0..packet.len() {
            assert_eq!(
                classify(&packet[..len]),
                Err(Discard::TxBadInnerHeader),
                "packet {i} cut to {len}"
            );
            holds(&packet[..len]);
            // A head that is shorter than the packet may be enough, and must never say anything else.
            if let Ok(flow) = classify_head(&packet[..len], packet.len()) {
                let whole = classify(packet).unwrap();
                assert_eq!(
                    (flow.src, flow.dst, flow.proto),
                    (whole.src, whole.dst, whole.proto)
                );
                assert!(flow.sport == whole.sport || flow.sport == 0);
            }
        }
    }
}

#[test]
fn every_bit_flipped() {
    for packet in corpus() {
        for bit in 0..packet.len() * 8 {
            let mut damaged = packet.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            holds(&damaged);
        }
    }
}

#[test]
fn random_damage() {
    let mut rng = Rng::new(25);
    let corpus = corpus();
    for _ in 0..100_000 {
        let mut packet = corpus[rng.below(corpus.len() as u64) as usize].clone();
        for _ in 0..=rng.below(6) {
            let at = rng.below(packet.len() as u64) as usize;
            packet[at] = rng.bits() as u8;
        }
        if rng.one_in(3) {
            packet.truncate(rng.below(packet.len() as u64 + 1) as usize);
        }
        holds(&packet);
    }
}
