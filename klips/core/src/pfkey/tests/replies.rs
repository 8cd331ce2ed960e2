// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel says, checked against the reply tables, the reader, and the bytes that clients know.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::build::Origin;
use super::super::ext::*;
use super::super::layout::{Comb, CombTail};
use super::super::reply::{Limit, SaReport};
use super::super::request::*;
use super::super::types::{flags, state};
use super::samples::*;
use super::*;
use crate::said::{SaProto, Said};

const SRC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const DST: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const LIFE: Lifetime = Lifetime {
    allocations: 1,
    bytes: 2,
    addtime: 3,
    usetime: 4,
    packets: 5,
};

const SA: SaInfo = SaInfo {
    spi: 0x1234_5678,
    replay: 64,
    window: 0,
    state: state::MATURE,
    auth: 2,
    encrypt: 3,
    flags: flags::PFS,
    reference: 2,
};

fn longest_ident() -> Ident<'static> {
    Ident {
        kind: 2,
        id: 0,
        data: &[0; MAX_IDENT],
    }
}

fn full_report() -> SaReport<'static> {
    SaReport {
        sa: SA,
        src: SRC,
        dst: DST,
        proxy: Some(DST),
        current: Some(LIFE),
        hard: Some(LIFE),
        soft: Some(LIFE),
        ident_src: Some(longest_ident()),
        ident_dst: Some(longest_ident()),
        nat_t: NatT {
            kind: Some(2),
            sport: Some(4500),
            dport: Some(4501),
            oa: Some(DST),
        },
        saref: Some(SarefPair { me: 2, him: 3 }),
    }
}

fn header(kind: MsgType, satype: u8) -> Header {
    Header {
        version: 2,
        kind: kind.number(),
        satype,
        seq: 17.into(),
        pid: 4711.into(),
        ..Header::default()
    }
}

fn numbers(message: &[u8]) -> Vec<u16> {
    let envelope = envelope::check(message).expect("a message");
    envelope
        .extensions()
        .map(|ext| ext.expect("well formed").number())
        .collect()
}

/// Everything that holds of any reply, and its extensions.
#[track_caller]
fn sound(kind: MsgType, message: &[u8]) -> Vec<u16> {
    let envelope = envelope::check(message).expect("a message");
    assert_eq!(envelope.header().kind, kind.number());
    assert_eq!(envelope.header().errno, 0);
    let rule = KLIPS.reply(kind);
    let mut seen = 0;
    for ext in envelope.extensions() {
        let ext = ext.expect("well formed");
        let ext_type = ext.kind().expect("known");
        assert!(rule.permits(ext_type), "{ext_type:?} in {kind:?}");
        seen |= ext_type.bit();
        match ext.decode().expect("decodes") {
            Ext::Address(end) if !matches!(kind, MsgType::Acquire | MsgType::NatTNewMapping) => {
                assert_eq!((end.port, end.proto), (0, 0), "{ext_type:?}");
            }
            Ext::Lifetime(_) => assert_eq!(ext.words(), 5),
            Ext::Sa(_) => assert_eq!(ext.words(), 3),
            Ext::Key(_) => panic!("a key in a reply"),
            _ => {}
        }
    }
    assert!(rule.satisfied_by(seen), "{kind:?} lacks something");
    let numbers = numbers(message);
    assert!(numbers.is_sorted(), "{numbers:?}");
    numbers
}

#[test]
fn replies_about_sas() {
    let mut buf = [0xff; MAX_REPLY];
    let report = full_report();
    let add = reply::add(&mut buf, &header(MsgType::Add, 3), &report).unwrap();
    let all = [1, 3, 4, 5, 6, 10, 11, 27, 28, 29, 30, 32];
    assert_eq!(sound(MsgType::Add, add), all);
    assert_eq!(add[3], 3);
    assert_eq!(
        add[8..16],
        [17u32.to_ne_bytes(), 4711u32.to_ne_bytes()].concat()
    );
    let update = reply::update(&mut buf, &header(MsgType::Update, 3), &report).unwrap();
    let all = [1, 2, 3, 4, 5, 6, 7, 10, 11, 28, 29];
    assert_eq!(sound(MsgType::Update, update), all);
    let get = reply::get(&mut buf, &header(MsgType::Get, 3), &report).unwrap();
    let all = [1, 2, 3, 4, 5, 6, 7, 10, 11, 27, 28, 29, 30];
    assert_eq!(sound(MsgType::Get, get), all);
    let bare = SaReport {
        proxy: None,
        current: None,
        hard: None,
        soft: None,
        ident_src: None,
        ident_dst: None,
        nat_t: NatT::default(),
        saref: None,
        ..report
    };
    let get = reply::get(&mut buf, &header(MsgType::Get, 3), &bare).unwrap();
    assert_eq!(sound(MsgType::Get, get), [1, 5, 6]);
}

#[test]
fn large_references_are_told_by_saref_alone() {
    let mut buf = [0xff; MAX_REPLY];
    for (reference, told) in [(0x7fff, 0x7fff), (0x8000, 0), (u32::MAX, 0)] {
        let report = SaReport {
            sa: SaInfo { reference, ..SA },
            saref: Some(SarefPair {
                me: reference,
                him: 0,
            }),
            ..full_report()
        };
        let add = reply::add(&mut buf, &header(MsgType::Add, 3), &report).unwrap();
        let envelope = envelope::check(add).unwrap();
        let decoded: Vec<_> = envelope.extensions().map(|e| e.unwrap().decode()).collect();
        assert!(decoded
            .iter()
            .any(|e| matches!(e, Ok(Ext::Sa(sa)) if sa.reference == told)));
        assert!(decoded
            .iter()
            .any(|e| matches!(e, Ok(Ext::Saref(pair)) if pair.me == reference)));
    }
}

#[test]
fn replies_about_names() {
    let mut buf = [0xff; MAX_REPLY];
    let said = Said {
        dst: DST,
        spi: SA.spi,
        proto: SaProto::Esp,
    };
    let name = SaRef {
        said,
        src: SRC,
        sa: SA,
    };
    let delete = reply::delete(&mut buf, &header(MsgType::Delete, 3), &name, 9).unwrap();
    assert_eq!(sound(MsgType::Delete, delete), [1, 5, 6]);
    let Ext::Sa(sa) = Extensions::new(&delete[16..])
        .next()
        .unwrap()
        .unwrap()
        .decode()
        .unwrap()
    else {
        panic!("no SA")
    };
    assert_eq!((sa.spi, sa.reference, sa.state), (SA.spi, 9, 0));

    let wanted = GetSpi {
        proto: SaProto::Esp,
        src: SRC,
        dst: DST,
        proxy: None,
        range: SpiRange { min: 256, max: 300 },
    };
    let larval = reply::get_spi(&mut buf, &header(MsgType::GetSpi, 3), &wanted, &SA).unwrap();
    assert_eq!(sound(MsgType::GetSpi, larval), [1, 5, 6]);
    assert_eq!(larval[16 + 9], state::LARVAL);

    let mut pair = Grpsa {
        first: said,
        first_sa: SA,
        second: Some((said, SA)),
        outer: None,
    };
    let grouped = reply::grpsa(&mut buf, &header(MsgType::Grpsa, 9), &pair).unwrap();
    assert_eq!(sound(MsgType::Grpsa, grouped), [1, 6, 18, 19, 20]);
    pair.outer = Some(Outer {
        third: said,
        fourth: Some(said),
    });
    let four = reply::grpsa(&mut buf, &header(MsgType::Grpsa, 9), &pair).unwrap();
    assert_eq!(sound(MsgType::Grpsa, four), [1, 6, 18, 19, 20, 33]);
    let told = envelope::open(four).unwrap().extensions().last();
    let told = told.and_then(Result::ok).map(|ext| ext.decode());
    assert!(matches!(told, Some(Ok(Ext::Group(outer))) if Some(outer) == pair.outer));
    (pair.second, pair.outer) = (None, None);
    let single = reply::grpsa(&mut buf, &header(MsgType::Grpsa, 9), &pair).unwrap();
    assert_eq!(sound(MsgType::Grpsa, single), [1, 6]);
}

#[test]
fn replies_about_flows_have_no_ports() {
    let mut buf = [0xff; MAX_REPLY];
    let flow = Flow {
        src: SRC,
        dst: SRC,
        src_mask: SRC,
        dst_mask: SRC,
        proto: 6,
        sport: 1,
        dport: 2,
        sport_mask: 3,
        dport_mask: 4,
    };
    let eroute = AddFlow {
        said: Said {
            dst: DST,
            spi: 260,
            proto: SaProto::Int,
        },
        sa: SA,
        src: Some(DST),
        flow,
        ident_src: Some(longest_ident()),
        ident_dst: None,
    };
    let message = reply::add_flow(&mut buf, &header(MsgType::AddFlow, 11), &eroute).unwrap();
    assert_eq!(
        sound(MsgType::AddFlow, message),
        [1, 5, 6, 21, 22, 23, 24, 26]
    );
    let mut deletion = DelFlow {
        sa: None,
        action: DelAction::Delete(flow),
        ident_src: None,
        ident_dst: Some(longest_ident()),
    };
    let message = reply::del_flow(&mut buf, &header(MsgType::DelFlow, 0), &deletion).unwrap();
    assert_eq!(sound(MsgType::DelFlow, message), [21, 22, 23, 24, 26]);
    deletion.sa = Some(SA);
    deletion.action = DelAction::Clear;
    let message = reply::del_flow(&mut buf, &header(MsgType::DelFlow, 0), &deletion).unwrap();
    assert_eq!(numbers(message), [1]);
}

#[test]
fn errors_are_a_header() {
    let mut buf = [0xff; MAX_REPLY];
    let sample = hex(SPI_DEL);
    let envelope = envelope::check(&sample).unwrap();
    let message = reply::error(&mut buf, envelope.header(), Errno::Esrch).unwrap();
    let mut expected = sample[..16].to_vec();
    expected[2] = 3;
    expected[4..6].copy_from_slice(&2u16.to_ne_bytes());
    assert_eq!(message, expected);
}

#[test]
fn echoes() {
    let mut buf = [0xff; MAX_REPLY];
    let sample = hex(SPI_CLEAR);
    let envelope = envelope::check(&sample).unwrap();
    assert_eq!(
        reply::echo(&mut buf, &envelope, None),
        Ok(sample.as_slice())
    );
    let plumb = recompose(&Request::PlumbIf(Interface::Ipsec(2)));
    let envelope = envelope::check(&plumb).unwrap();
    let message = reply::echo(&mut buf, &envelope, Some(Errno::Eexist)).unwrap();
    assert_eq!(message[2], 17);
    assert_eq!(message[3..], plumb[3..]);
}

#[test]
#[cfg(target_endian = "little")]
fn register_lists_algorithms() {
    let alg = |id, iv_bits, min_bits, max_bits| Alg {
        id,
        iv_bits,
        min_bits,
        max_bits,
    };
    let auth = [
        alg(9, 0, 128, 128),
        alg(3, 0, 160, 160),
        alg(2, 0, 128, 128),
    ];
    let encrypt = [
        alg(3, 64, 192, 192),
        alg(12, 128, 128, 256),
        alg(3, 64, 168, 168),
    ];
    let mut buf = [0xff; MAX_REPLY];
    let origin = Origin::kernel(5);
    let esp = reply::register(&mut buf, origin, 3, &auth, &encrypt).unwrap();
    assert_eq!(sound(MsgType::Register, esp), [14, 15]);
    let expected = hex("02070003 0a000000 05000000 00000000
         04000e00 00000000 09008000 80000000 0300a000 a0000000 02008000 80000000
         04000f00 00000000 0340c000 c0000000 0c808000 00010000 0340a800 a8000000");
    assert_eq!(esp, expected);
    let lists: Vec<Vec<Alg>> = Extensions::new(&esp[16..])
        .map(|ext| match ext.unwrap().decode().unwrap() {
            Ext::Supported(algs) => algs.iter().collect(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lists, [auth.to_vec(), encrypt.to_vec()]);
    let ah = reply::register(&mut buf, origin, 2, &auth[1..], &[]).unwrap();
    assert_eq!(sound(MsgType::Register, ah), [14]);
    assert_eq!(ah.len(), 5 * WORD);
}

#[test]
fn every_reply_fits() {
    let mut buf = [0; MAX_REPLY];
    let many = [Alg {
        id: 1,
        iv_bits: 0,
        min_bits: 0,
        max_bits: 0,
    }; MAX_ALGS];
    assert!(reply::register(&mut buf, Origin::kernel(1), 3, &many, &many).is_ok());
    let end = Endpoint {
        addr: DST,
        port: 1,
        proto: 6,
    };
    let id = longest_ident();
    assert!(reply::acquire(&mut buf, 1, &end, &end, Some(&id), Some(&id)).is_ok());
}

#[test]
fn no_room_is_an_error_at_every_size() {
    let report = full_report();
    let mut whole = [0; MAX_REPLY];
    let len = reply::get(&mut whole, &header(MsgType::Get, 3), &report)
        .unwrap()
        .len();
    for size in 0..len {
        let mut buf = std::vec![0; size];
        assert_eq!(
            reply::get(&mut buf, &header(MsgType::Get, 3), &report),
            Err(NoRoom)
        );
    }
    let mut buf = std::vec![0; len];
    assert!(reply::get(&mut buf, &header(MsgType::Get, 3), &report).is_ok());
}

#[test]
fn expire_carries_one_limit() {
    let said = Said {
        dst: DST,
        spi: SA.spi,
        proto: SaProto::Ah,
    };
    let mut buf = [0xff; MAX_REPLY];
    for (limit, number) in [(Limit::Hard(LIFE), 3), (Limit::Soft(LIFE), 4)] {
        let message = reply::expire(&mut buf, 1, &said, SRC, &SA, &LIFE, &limit).unwrap();
        assert_eq!(sound(MsgType::Expire, message), [1, 2, number, 5, 6]);
        assert_eq!(message[3], 2);
        assert_eq!(message[8..16], [1u32.to_ne_bytes(), [0; 4]].concat());
    }
}

#[test]
fn acquire_proposes_two_combinations() {
    let src = Endpoint {
        addr: SRC,
        port: 1024,
        proto: 17,
    };
    let mut buf = [0xff; MAX_REPLY];
    let message = reply::acquire(&mut buf, 1, &src, &src, None, None).unwrap();
    assert_eq!(sound(MsgType::Acquire, message), [5, 6, 13]);
    assert_eq!(message.len(), 29 * WORD);
    let exts: Vec<_> = Extensions::new(&message[16..]).flatten().collect();
    assert_eq!(exts[0].decode(), Ok(Ext::Address(src)));
    let Ok(Ext::Proposal(proposal)) = exts[2].decode() else {
        panic!("no proposal")
    };
    assert_eq!(proposal.replay, 64);
    let combs: Vec<_> = proposal
        .combs()
        .map(|c| (c.auth, c.encrypt, c.auth_minbits.get()))
        .collect();
    assert_eq!(combs, [(2, 3, 128), (3, 3, 160)]);
}

#[test]
fn proposals_are_read_in_both_sizes() {
    let comb = std::mem::size_of::<Comb>();
    for (stride, count) in [
        (comb, 2),
        (comb + std::mem::size_of::<CombTail>(), 2),
        (comb, 1),
    ] {
        let words = (1 + stride * count / 8) as u16;
        let mut bytes = [words.to_ne_bytes(), 13u16.to_ne_bytes(), [64, 0], [0, 0]].concat();
        for n in 1..=count {
            let mut one = std::vec![0; stride];
            one[0] = n as u8;
            bytes.extend(one);
        }
        let ext = Extensions::new(&bytes).next().unwrap().unwrap();
        let Ok(Ext::Proposal(proposal)) = ext.decode() else {
            panic!("no proposal")
        };
        let auths: Vec<_> = proposal
            .combs()
            .map(|comb| usize::from(comb.auth))
            .collect();
        assert_eq!(auths, (1..=count).collect::<Vec<_>>());
    }
}

#[test]
fn new_mapping_has_the_ports_twice() {
    let end = |port| Endpoint {
        addr: SRC,
        port,
        proto: 0,
    };
    let mut buf = [0xff; MAX_REPLY];
    let message = reply::new_mapping(&mut buf, 3, SA.spi, &end(4500), &end(1027)).unwrap();
    assert_eq!(sound(MsgType::NatTNewMapping, message), [1, 5, 6, 28, 29]);
    let exts: Vec<_> = Extensions::new(&message[16..])
        .flatten()
        .map(|e| e.decode())
        .collect();
    assert_eq!(exts[1], Ok(Ext::Address(end(4500))));
    assert_eq!(exts[4], Ok(Ext::NatTPort(1027)));
}

#[test]
fn walking_tells_what_is_wrong() {
    let mut buf = [0; MAX_REPLY];
    let name = header(MsgType::Delete, 3);
    let message = reply::error(&mut buf, &name, Errno::Einval).unwrap();
    assert_eq!(Extensions::new(&message[16..]).next(), None);
    let words = |n: u16| [n.to_ne_bytes(), 1u16.to_ne_bytes(), [0; 2], [0; 2]].concat();
    let mut walk = Extensions::new(&[0; 3]);
    assert_eq!(
        walk.next(),
        Some(Err(Malformed::Short { have: 3, need: 8 }))
    );
    assert_eq!(walk.next(), None);
    let bytes = words(0);
    let mut walk = Extensions::new(&bytes);
    assert_eq!(walk.next(), Some(Err(Malformed::IllegalLength(0))));
    assert_eq!(walk.next(), None);
    let bytes = [words(1), words(9)].concat();
    let mut walk = Extensions::new(&bytes);
    assert!(matches!(walk.next(), Some(Ok(ext)) if ext.number() == 1 && ext.payload() == [0; 4]));
    assert_eq!(
        walk.next(),
        Some(Err(Malformed::Short { have: 8, need: 72 }))
    );
}
