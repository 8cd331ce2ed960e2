// SPDX-License-Identifier: GPL-2.0-only

//! Packets: classification, and every header parser. What one parser says of a packet, the others say too.

use klips_core::reason::Discard;
use klips_core::spd;
use klips_core::wire::esp::{pad_len, write_trailer, EspHeader, Trailer};
use klips_core::wire::flow::{classify, classify_head};
use klips_core::wire::ip::{self, IpView, Walk};
use klips_core::wire::{checksum, ecn, ipv4, ipv6, plain, udp};
use klips_core_tests::packets::{holds, slow_checksum};

/// The bytes are a packet.
pub fn run(packet: &[u8]) {
    holds(packet);
    heads(packet);
    plain_is_a_flow(packet);
    for walk in [Walk::Insert, Walk::Find] {
        if let Ok(view) = ip::parse(packet, walk) {
            rewritten(packet, &view, walk);
        }
    }
    walks_agree(packet);
    edits(packet);
    esp(packet);
    assert_eq!(checksum::of(packet), slow_checksum(packet));
    if let [outer, inner, ..] = *packet {
        let left = ecn::leave_tunnel(outer, inner);
        assert!(left.is_none_or(|tos| tos & 0xfc == inner & 0xfc));
    }
}

/// The beginning of a packet says nothing else than all of it.
fn heads(packet: &[u8]) {
    let Ok(whole) = classify(packet) else {
        assert_eq!(classify_head(packet, 0), Err(Discard::TxBadInnerHeader));
        return;
    };
    let _ = spd::key(&whole, packet);
    assert_eq!(whole.reversed().reversed(), whole);
    for len in [whole.header_len, whole.header_len + 4, whole.header_len + 8] {
        let Some(head) = packet.get(..len) else { break };
        let flow = classify_head(head, packet.len()).expect("all headers are there");
        let ports = (flow.sport, flow.dport);
        assert!(ports == (0, 0) || ports == (whole.sport, whole.dport));
        assert_eq!(
            (flow.src, flow.dst, flow.proto),
            (whole.src, whole.dst, whole.proto)
        );
    }
}

/// What the short way takes, the long one takes too.
fn plain_is_a_flow(packet: &[u8]) {
    let Some(plain) = plain::parse(packet) else {
        return;
    };
    let flow = classify(packet).expect("it is plain");
    assert_eq!(
        (plain.len, plain.tos, plain.df),
        (flow.len, flow.tos, flow.df)
    );
    assert!(!flow.is_fragment && flow.ttl != 0);
    assert_eq!(plain.id.hash(), plain.id.by_way(0).hash());
    // What lies behind the packet does not tell flows apart, nor does the time to live.
    let mut other = packet[..plain.len].to_vec();
    other[if flow.src.is_ipv4() { 8 } else { 7 }] = 1;
    assert_eq!(plain::parse(&other).map(|other| other.id), Some(plain.id));
}

/// The header with another protocol in it is the same header.
fn rewritten(packet: &[u8], view: &IpView, walk: Walk) {
    assert!(view.header_len <= view.total_len && view.total_len <= packet.len());
    assert_eq!(view.payload(packet).len(), view.payload_len());
    assert_eq!(view.src.is_ipv4(), view.dst.is_ipv4());
    let mut changed = packet.to_vec();
    view.rewrite(&mut changed, 50, view.total_len)
        .expect("the length is right");
    let again = ip::parse(&changed, walk).expect("still a packet");
    assert_eq!((again.proto, again.header_len), (50, view.header_len));
    assert_eq!(
        (again.src, again.dst, again.total_len),
        (view.src, view.dst, view.total_len)
    );
    if view.src.is_ipv4() {
        assert_eq!(checksum::of(&changed[..view.header_len]), 0);
    }
    let before = changed.clone();
    assert!(view.rewrite(&mut changed, 51, view.header_len - 1).is_err());
    assert!(view.rewrite(&mut changed, 51, 1 << 17).is_err());
    assert_eq!(changed, before);
}

/// Two walks over the same extension headers.
fn walks_agree(packet: &[u8]) {
    let (insert, find) = (
        ip::parse(packet, Walk::Insert),
        ip::parse(packet, Walk::Find),
    );
    if let Ok(find) = find {
        let insert = insert.expect("not as far");
        assert!(insert.header_len <= find.header_len);
        assert_eq!(insert.is_fragment, find.is_fragment);
    }
    let Ok(view) = ipv6::parse(packet) else {
        return;
    };
    let find = find.expect("the same chain");
    if view.is_fragment {
        assert!(find.is_fragment && find.header_len < view.header_len);
    } else if !find.is_fragment {
        assert_eq!((find.header_len, find.proto), (view.header_len, view.proto));
        assert_eq!((find.tos, find.ttl), (view.class, view.hop_limit));
    }
}

/// One field changed, and nothing else.
fn edits(packet: &[u8]) {
    let mut changed = packet.to_vec();
    if let Ok(view) = ipv4::parse(packet) {
        ipv4::set_tos(&mut changed, 0xb8).expect("a header");
        let again = ipv4::parse(&changed).expect("still a packet");
        let mut wanted = view;
        wanted.tos = 0xb8;
        assert_eq!(again, wanted);
        assert_eq!(checksum::of(&changed[..view.header_len]), 0);
    }
    if let Ok(view) = ipv6::parse(packet) {
        ipv6::set_class(&mut changed, 0xb8).expect("a header");
        let again = ipv6::parse(&changed).expect("still a packet");
        assert_eq!(
            again,
            ipv6::Ipv6View {
                class: 0xb8,
                ..view
            }
        );
        let payload = view.payload(packet);
        let mut datagram = payload.to_vec();
        if udp::set_checksum_v6(view.src, view.dst, &mut datagram).is_ok() {
            let sum = checksum::of_ipv6(view.src, view.dst, udp::UDP, &datagram);
            assert!(matches!(sum, 0 | 0xffff), "{sum:x}");
        }
        let _ = udp::ports(view.proto, payload);
    }
}

/// ESP's header, and the trailer that follows the bytes.
fn esp(bytes: &[u8]) {
    if let Ok((header, rest)) = EspHeader::parse(bytes) {
        let mut again = [0; 8];
        header.write(&mut again).expect("room");
        assert_eq!((&again[..], rest), bytes.split_at(8));
    }
    if let Ok(trailer) = Trailer::parse(bytes) {
        let pad = usize::from(bytes[bytes.len() - 2]);
        assert_eq!(trailer.payload_len + pad + 2, bytes.len());
    }
    for block in [1, 4, 8, 16, 256] {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len() + pad_len(bytes.len(), block), 0xa5);
        write_trailer(&mut padded[bytes.len()..], 41).expect("a trailer's length");
        assert_eq!(padded.len() % block.max(4), 0);
        let trailer = Trailer::parse(&padded).expect("a trailer");
        assert_eq!(
            (trailer.payload_len, trailer.next_header, trailer.pad_ok),
            (bytes.len(), 41, true)
        );
    }
}
