// SPDX-License-Identifier: GPL-2.0-only

//! Every reason to refuse a message, one row each.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::build::Origin;
use super::super::ext::*;
use super::super::types::{flags, state};
use super::*;
use crate::said::{SaProto, Said};

const SRC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const DST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

const ESP: SaInfo = SaInfo {
    spi: 0x1000,
    replay: 32,
    window: 0,
    state: state::MATURE,
    auth: 3,
    encrypt: 12,
    flags: 0,
    reference: 0,
};

/// The smallest good ADD of an ESP SA, with its SA extension as given, and whatever `more` appends.
fn add_with(sa: SaInfo, satype: u8, more: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    message(MsgType::Add, satype, |b| {
        named(b, &sa);
        more(b);
    })
}

fn named(b: &mut Builder<'_>, sa: &SaInfo) {
    b.sa(ExtType::Sa, sa)
        .address(ExtType::AddressSrc, SRC)
        .address(ExtType::AddressDst, DST);
}

fn message(kind: MsgType, satype: u8, fill: impl FnOnce(&mut Builder<'_>)) -> Vec<u8> {
    let mut buf = [0xff; MAX_REPLY];
    let mut b = Builder::new(&mut buf, kind, satype, Origin { seq: 1, pid: 2 });
    fill(&mut b);
    b.into_bytes().unwrap().to_vec()
}

fn add() -> Vec<u8> {
    add_with(ESP, 3, |_| {})
}

/// An extension in words of native bytes, the first word being length, type and four bytes.
fn ext(b: &mut Builder<'_>, words: u16, kind: ExtType, first: [u8; 4], rest: &[u8]) {
    b.raw(
        &[
            words.to_ne_bytes().as_slice(),
            kind.number().to_ne_bytes().as_slice(),
            first.as_slice(),
            rest,
        ]
        .concat(),
    );
}

fn with_byte(mut bytes: Vec<u8>, place: usize, value: u8) -> Vec<u8> {
    bytes[place] = value;
    bytes
}

#[track_caller]
fn refused(what: &str, bytes: &[u8], errno: Errno) {
    assert_eq!(read(bytes), Ok(Err(errno)), "{what}");
}

#[test]
fn the_base_messages_are_good() {
    assert!(matches!(read(&add()), Ok(Ok(Request::Add(_)))));
}

#[test]
fn not_a_message() {
    let mut long = add();
    long.extend_from_slice(&[0; 8]);
    let rows: &[(&str, Vec<u8>, Errno)] = &[
        ("nothing", std::vec![], Errno::Emsgsize),
        ("half a header", add()[..15].to_vec(), Errno::Emsgsize),
        ("version 1", with_byte(add(), 0, 1), Errno::Einval),
        ("longer than it says", long, Errno::Emsgsize),
        (
            "shorter than it says",
            add()[..80].to_vec(),
            Errno::Emsgsize,
        ),
        ("reserved", with_byte(add(), 6, 1), Errno::Einval),
        ("type 0", with_byte(add(), 1, 0), Errno::Einval),
        ("type 25", with_byte(add(), 1, 25), Errno::Einval),
        // Where several things are wrong the order decides.
        (
            "short and version",
            with_byte(add()[..80].to_vec(), 0, 1),
            Errno::Einval,
        ),
        (
            "short and type",
            with_byte(add()[..80].to_vec(), 1, 99),
            Errno::Emsgsize,
        ),
    ];
    for (what, bytes, errno) in rows {
        assert_eq!(
            envelope::check(bytes).err(),
            Some(SendError(*errno)),
            "{what}"
        );
    }
}

#[test]
fn satypes_and_errnos() {
    for kind in MsgType::ALL {
        let high = message(*kind, 12, |_| {});
        refused("satype above the largest", &high, Errno::Einval);
    }
    for kind in [
        MsgType::GetSpi,
        MsgType::Update,
        MsgType::Add,
        MsgType::Delete,
        MsgType::Get,
        MsgType::Grpsa,
        MsgType::AddFlow,
    ] {
        let rule = KLIPS.request(kind);
        assert_eq!(rule.satype, dialect::SatypeRule::Protocol, "{kind:?}");
        for satype in [0, 1, 4, 5, 6, 7, 8] {
            refused(
                "unmappable",
                &message(kind, satype, |b| named(b, &ESP)),
                Errno::Einval,
            );
        }
    }
    for kind in [MsgType::Acquire, MsgType::Register, MsgType::Expire] {
        refused("satype 0", &message(kind, 0, |_| {}), Errno::Einval);
    }
    let register = message(MsgType::Register, 3, |_| {});
    assert!(matches!(read(&register), Ok(Ok(_))));
    refused("errno", &with_byte(register, 2, 22), Errno::Einval);
}

#[test]
fn extensions_that_do_not_fit() {
    let overlong = add_with(ESP, 3, |b| {
        ext(b, 2, ExtType::PlumbIf, [0; 4], &[]);
    });
    let rows: &[(&str, Vec<u8>)] = &[
        ("longer than the message", overlong),
        (
            "length 0",
            add_with(ESP, 3, |b| ext(b, 0, ExtType::PlumbIf, [0; 4], &[])),
        ),
        ("type 0", with_byte(add(), 18, 0)),
        ("type 34", with_byte(add(), 18, 34)),
        ("X_GROUP", with_byte(add(), 18, 33)),
        ("duplicate", add_with(ESP, 3, |b| named(b, &ESP))),
        (
            "not permitted",
            add_with(ESP, 3, |b| _ = b.debug(&DebugMasks::default())),
        ),
        ("nothing required", message(MsgType::Add, 3, |_| {})),
        (
            "one missing",
            message(MsgType::Add, 3, |b| {
                b.sa(ExtType::Sa, &ESP).address(ExtType::AddressSrc, SRC);
            }),
        ),
        (
            "expire with anything",
            message(MsgType::Expire, 3, |b| named(b, &ESP)),
        ),
        (
            "register with anything",
            message(MsgType::Register, 3, |b| {
                _ = b.saref(Some(&SarefPair::default()))
            }),
        ),
    ];
    for (what, bytes) in rows {
        refused(what, bytes, Errno::Einval);
    }
}

#[test]
fn sas_that_make_no_sense() {
    let rows: &[(&str, u8, SaInfo)] = &[
        ("larval", 3, SaInfo { state: 0, ..ESP }),
        ("dying", 3, SaInfo { state: 2, ..ESP }),
        ("dead", 3, SaInfo { state: 3, ..ESP }),
        ("no such state", 3, SaInfo { state: 4, ..ESP }),
        ("reserved SPI", 3, SaInfo { spi: 255, ..ESP }),
        ("SPI 0", 3, SaInfo { spi: 0, ..ESP }),
        ("replay 65", 3, SaInfo { replay: 65, ..ESP }),
        (
            "reference 2^15",
            3,
            SaInfo {
                reference: 1 << 15,
                ..ESP
            },
        ),
        (
            "AH without auth",
            2,
            SaInfo {
                auth: 0,
                encrypt: 0,
                ..ESP
            },
        ),
        ("AH with encrypt", 2, ESP),
        ("ESP without encrypt", 3, SaInfo { encrypt: 0, ..ESP }),
        (
            "ESP of nothing",
            3,
            SaInfo {
                encrypt: 11,
                auth: 0,
                ..ESP
            },
        ),
        (
            "COMP without algorithm",
            10,
            SaInfo {
                encrypt: 0,
                auth: 0,
                ..ESP
            },
        ),
        ("COMP with auth", 10, ESP),
        ("a shunt", 11, ESP),
    ];
    for (what, satype, sa) in rows {
        refused(what, &add_with(*sa, *satype, |_| {}), Errno::Einval);
        let update = message(MsgType::Update, *satype, |b| named(b, sa));
        refused(what, &update, Errno::Einval);
    }
    let good = [
        SaInfo {
            reference: u32::MAX,
            ..ESP
        },
        SaInfo {
            reference: 0x7fff,
            ..ESP
        },
        SaInfo {
            replay: 64,
            spi: 256,
            ..ESP
        },
        SaInfo { flags: !0, ..ESP },
    ];
    for sa in good {
        assert!(
            matches!(read(&add_with(sa, 3, |_| {})), Ok(Ok(_))),
            "{sa:?}"
        );
    }
    let reserved = with_byte(add(), 16 + 20, 1);
    refused("reserved bytes of the SA", &reserved, Errno::Einval);
    for (what, replay, window) in [
        ("wide window beside a small one", 32, 128_u32),
        ("wide window that is none", 64, 64),
        ("wide window too wide", 64, 4097),
        ("wide window far too wide", 64, 0x1_0080),
    ] {
        let mut wide = with_byte(add(), 16 + 8, replay);
        wide[16 + 20..16 + 24].copy_from_slice(&window.to_ne_bytes());
        refused(what, &wide, Errno::Einval);
    }
}

#[test]
fn an_sa_may_be_16_bytes_anywhere() {
    let bytes = message(MsgType::Delete, 3, |b| {
        let spi = ESP.spi.to_be_bytes();
        ext(
            b,
            2,
            ExtType::Sa,
            spi,
            &[0, state::MATURE, 0, 0, 0, 0, 0, 0],
        );
        b.address(ExtType::AddressSrc, SRC)
            .address(ExtType::AddressDst, DST);
    });
    assert!(matches!(read(&bytes), Ok(Ok(Request::Delete(name))) if name.said.spi == ESP.spi));
}

#[test]
fn lifetimes_have_four_words_or_five() {
    for (words, good) in [(3, false), (4, true), (5, true), (6, false)] {
        let bytes = add_with(ESP, 3, |b| {
            ext(
                b,
                words,
                ExtType::LifetimeHard,
                [1; 4],
                &std::vec![7; usize::from(words) * 8 - 8],
            );
        });
        match read(&bytes) {
            Ok(Ok(Request::Add(params))) => {
                assert!(good);
                let hard = params.hard.unwrap();
                assert_eq!(hard.usetime, u64::from_ne_bytes([7; 8]));
                assert_eq!(hard.packets, if words == 5 { 0x0707_0707 } else { 0 });
            }
            other => assert!(!good, "{other:?}"),
        }
    }
}

#[test]
fn addresses() {
    let at_dst = 16 + 24 + 24;
    let long = message(MsgType::Add, 3, |b| {
        b.sa(ExtType::Sa, &ESP).address(ExtType::AddressSrc, SRC);
        ext(
            b,
            4,
            ExtType::AddressDst,
            [0; 4],
            &[&2u16.to_ne_bytes()[..], &[0; 22]].concat(),
        );
    });
    let short6 = message(MsgType::Add, 3, |b| {
        b.sa(ExtType::Sa, &ESP).address(ExtType::AddressSrc, SRC);
        ext(
            b,
            3,
            ExtType::AddressDst,
            [0; 4],
            &[&10u16.to_ne_bytes()[..], &[0; 14]].concat(),
        );
    });
    let mixed = message(MsgType::Add, 3, |b| {
        b.sa(ExtType::Sa, &ESP)
            .address(ExtType::AddressSrc, SIX)
            .address(ExtType::AddressDst, DST);
    });
    let header_only = message(MsgType::Add, 3, |b| {
        named(b, &ESP);
        ext(b, 1, ExtType::AddressProxy, [0; 4], &[]);
    });
    let rows: &[(&str, Vec<u8>, Errno)] = &[
        (
            "prefix length",
            with_byte(add(), at_dst + 5, 24),
            Errno::Eafnosupport,
        ),
        ("reserved", with_byte(add(), at_dst + 6, 1), Errno::Einval),
        (
            "AF_UNSPEC",
            with_byte(add(), at_dst + 8, 0),
            Errno::Epfnosupport,
        ),
        (
            "AF_KEY",
            with_byte(add(), at_dst + 8, 15),
            Errno::Epfnosupport,
        ),
        ("IPv4 of four words", long, Errno::Einval),
        ("IPv6 of three words", short6, Errno::Einval),
        ("no socket address", header_only, Errno::Einval),
        ("two families", mixed, Errno::Einval),
    ];
    for (what, bytes, errno) in rows {
        refused(what, bytes, *errno);
    }
    assert!(
        matches!(read(&with_byte(add(), at_dst + 4, 17)), Ok(Ok(_))),
        "proto is free"
    );
}

#[test]
fn keys_and_identities() {
    let key = |words, bits: u16, reserved: u16| {
        let first = [bits.to_ne_bytes(), reserved.to_ne_bytes()].concat();
        add_with(ESP, 3, |b| {
            let rest = std::vec![0x5a; usize::from(words) * 8 - 8];
            ext(b, words, ExtType::KeyAuth, first.try_into().unwrap(), &rest);
        })
    };
    let ident = |kind: u16, reserved: u16, data: &[u8]| {
        let first = [kind.to_ne_bytes(), reserved.to_ne_bytes()].concat();
        add_with(ESP, 3, |b| {
            let words = (2 + data.len() / 8) as u16;
            let rest = [&[0; 8], data].concat();
            ext(
                b,
                words,
                ExtType::IdentitySrc,
                first.try_into().unwrap(),
                &rest,
            );
        })
    };
    let rows: &[(&str, Vec<u8>)] = &[
        ("no bits", key(1, 0, 0)),
        ("no bits but bytes", key(2, 0, 0)),
        ("one word short", key(3, 160, 0)),
        ("one word over", key(5, 160, 0)),
        ("reserved of a key", key(4, 160, 1)),
        ("identity type 5", ident(5, 0, &[])),
        ("reserved of an identity", ident(1, 1, &[])),
        ("unterminated", ident(2, 0, b"no zero.")),
        ("too long", ident(2, 0, &[0; MAX_IDENT + 8])),
    ];
    for (what, bytes) in rows {
        refused(what, bytes, Errno::Einval);
    }
    for good in [
        key(4, 160, 0),
        key(2, 1, 0),
        ident(4, 0, &[0; MAX_IDENT]),
        ident(2, 0, b"gateway\0"),
    ] {
        assert!(matches!(read(&good), Ok(Ok(_))));
    }
    let bytes = key(2, 9, 0);
    assert!(matches!(request(&bytes), Request::Add(p) if p.auth_key.unwrap().bytes == [0x5a; 2]));
}

#[test]
fn spi_ranges() {
    let get = |min, max| {
        message(MsgType::GetSpi, 3, |b| {
            b.address(ExtType::AddressSrc, SRC)
                .address(ExtType::AddressDst, DST)
                .spi_range(&SpiRange { min, max });
        })
    };
    refused("upside down", &get(0x2000, 0x1000), Errno::Einval);
    refused("reserved SPIs", &get(255, 0x1000), Errno::Eexist);
    refused("only reserved SPIs", &get(0, 0), Errno::Eexist);
    refused(
        "reserved field",
        &with_byte(get(256, 512), 16 + 48 + 12, 1),
        Errno::Einval,
    );
    assert!(matches!(read(&get(256, 256)), Ok(Ok(_))));
}

#[test]
fn groups() {
    let group = |fill: fn(&mut Builder<'_>)| {
        message(MsgType::Grpsa, 9, |b| {
            b.sa(ExtType::Sa, &ESP).address(ExtType::AddressDst, DST);
            fill(b);
        })
    };
    let rows: &[(&str, Vec<u8>)] = &[
        ("satype alone", group(|b| _ = b.satype2(3))),
        (
            "no satype",
            group(|b| _ = b.sa(ExtType::Sa2, &ESP).address(ExtType::AddressDst2, DST)),
        ),
        (
            "no destination",
            group(|b| _ = b.satype2(3).sa(ExtType::Sa2, &ESP)),
        ),
        (
            "unmappable",
            group(|b| {
                _ = b
                    .satype2(5)
                    .sa(ExtType::Sa2, &ESP)
                    .address(ExtType::AddressDst2, DST)
            }),
        ),
        (
            "reserved",
            group(|b| ext(b, 1, ExtType::Satype2, [3, 0, 1, 0], &[])),
        ),
        (
            "bad second SA",
            group(|b| {
                _ = b
                    .satype2(3)
                    .sa(ExtType::Sa2, &SaInfo { replay: 65, ..ESP })
                    .address(ExtType::AddressDst2, DST);
            }),
        ),
        (
            "a source",
            group(|b| _ = b.address(ExtType::AddressSrc, SRC)),
        ),
    ];
    for (what, bytes) in rows {
        refused(what, bytes, Errno::Einval);
    }
}

/// GRPSA of two SAs, and an X_GROUP of these bytes behind its header.
fn larger_group(more: &[u8]) -> Vec<u8> {
    message(MsgType::Grpsa, 9, |b| {
        b.sa(ExtType::Sa, &ESP)
            .address(ExtType::AddressDst, DST)
            .satype2(3)
            .sa(ExtType::Sa2, &ESP)
            .address(ExtType::AddressDst2, DST);
        let words = (more.len() / 8 + 1) as u16;
        ext(b, words, ExtType::Group, [0; 4], more);
    })
}

/// A member of an X_GROUP: a satype, a family, and a byte behind an IPv4 address.
fn member(satype: u8, reserved: u8, family: u16, padding: u8) -> Vec<u8> {
    let mut bytes = std::vec![satype, reserved];
    bytes.extend(family.to_ne_bytes());
    bytes.extend([0, 0, 0x12, 0x34, 192, 0, 2, 1]);
    bytes.extend([0; 11]);
    bytes.push(padding);
    bytes
}

#[test]
fn larger_groups() {
    let good = member(3, 0, 2, 0);
    let long = [&good[..], &[0; 8]].concat();
    let rows: &[(&str, Vec<u8>)] = &[
        ("no member", larger_group(&[])),
        ("a word of a member", larger_group(&good[..8])),
        ("two words of a member", larger_group(&good[..16])),
        ("a member and a word", larger_group(&long)),
        ("three members", larger_group(&good.repeat(3))),
        ("satype 0", larger_group(&member(0, 0, 2, 0))),
        ("satype of no protocol", larger_group(&member(5, 0, 2, 0))),
        ("satype 12", larger_group(&member(12, 0, 2, 0))),
        ("reserved of a member", larger_group(&member(3, 1, 2, 0))),
        ("behind the address", larger_group(&member(3, 0, 2, 1))),
        (
            "the second member",
            larger_group(&[good.clone(), member(3, 0, 2, 1)].concat()),
        ),
    ];
    for (what, bytes) in rows {
        refused(what, bytes, Errno::Einval);
    }
    let body = larger_group(&good).len() - good.len();
    for at in body - 4..body {
        let bytes = with_byte(larger_group(&good), at, 1);
        refused("reserved", &bytes, Errno::Einval);
    }
    for family in [0, 1, 15, 0x0200] {
        let bytes = larger_group(&member(3, 0, family, 0));
        refused("family", &bytes, Errno::Epfnosupport);
    }
    for good in [
        good.clone(),
        good.repeat(2),
        member(11, 0, 2, 0),
        member(3, 0, 10, 7),
    ] {
        assert!(matches!(read(&larger_group(&good)), Ok(Ok(_))));
    }
}

#[test]
fn larger_groups_have_a_second_sa_and_are_told_once() {
    let outer = Outer {
        third: Said {
            dst: DST,
            spi: 7,
            proto: SaProto::Ah,
        },
        fourth: None,
    };
    let alone = message(MsgType::Grpsa, 9, |b| {
        b.sa(ExtType::Sa, &ESP)
            .address(ExtType::AddressDst, DST)
            .group(Some(&outer));
    });
    refused("no second SA", &alone, Errno::Einval);
    let half = message(MsgType::Grpsa, 9, |b| {
        b.sa(ExtType::Sa, &ESP)
            .address(ExtType::AddressDst, DST)
            .satype2(3)
            .group(Some(&outer));
    });
    refused("half a second SA", &half, Errno::Einval);
    let twice = message(MsgType::Grpsa, 9, |b| {
        b.sa(ExtType::Sa, &ESP)
            .address(ExtType::AddressDst, DST)
            .satype2(3)
            .sa(ExtType::Sa2, &ESP)
            .address(ExtType::AddressDst2, DST)
            .group(Some(&outer))
            .group(Some(&outer));
    });
    refused("twice", &twice, Errno::Einval);
    let elsewhere = message(MsgType::Delete, 3, |b| {
        named(b, &ESP);
        b.group(Some(&outer));
    });
    refused("in DELETE", &elsewhere, Errno::Einval);
}

#[test]
fn flows() {
    let four = [
        ExtType::AddressSrcFlow,
        ExtType::AddressDstFlow,
        ExtType::AddressSrcMask,
        ExtType::AddressDstMask,
    ];
    let delete = |sa_flags: Option<u32>, kinds: &[ExtType]| {
        message(MsgType::DelFlow, 0, |b| {
            if let Some(flags) = sa_flags {
                b.sa(
                    ExtType::Sa,
                    &SaInfo {
                        flags,
                        ..SaInfo::default()
                    },
                );
            }
            for kind in kinds {
                b.address(*kind, DST);
            }
        })
    };
    for missing in 0..4 {
        let mut three = four.to_vec();
        three.remove(missing);
        refused("three of four", &delete(None, &three), Errno::Einval);
        refused(
            "three of four",
            &delete(Some(flags::POLICYONLY), &three),
            Errno::Einval,
        );
        let clear = delete(Some(flags::CLEARFLOW), &three);
        assert!(matches!(read(&clear), Ok(Ok(_))), "clear needs none");
    }
    refused("nothing", &delete(None, &[]), Errno::Einval);
    refused(
        "SA without the flag",
        &delete(Some(flags::INFLOW), &[]),
        Errno::Einval,
    );
    assert!(matches!(read(&delete(None, &four)), Ok(Ok(_))));

    let mixed = message(MsgType::DelFlow, 0, |b| {
        for kind in &four[..3] {
            b.address(*kind, DST);
        }
        b.address(ExtType::AddressDstMask, SIX);
    });
    refused("two families", &mixed, Errno::Einval);
    let protocol = message(MsgType::DelFlow, 0, |b| {
        for kind in four {
            b.address(kind, DST);
        }
        ext(b, 1, ExtType::Protocol, [17, 1, 2, 1], &[]);
    });
    refused("reserved of the protocol", &protocol, Errno::Einval);
    let protocol = with_byte(protocol.clone(), protocol.len() - 1, 0);
    assert!(
        matches!(read(&protocol), Ok(Ok(_))),
        "direction and flags are free"
    );
}

#[test]
fn messages_that_nobody_serves() {
    for kind in [MsgType::Dump, MsgType::Promisc, MsgType::Pchange] {
        refused("not implemented", &message(kind, 0, |_| {}), Errno::Enosys);
    }
    let dump = message(MsgType::Dump, 0, |b| named(b, &ESP));
    refused("malformed comes first", &dump, Errno::Einval);
    let promisc = message(MsgType::Promisc, 0, |b| {
        ext(b, 2, ExtType::Sensitivity, [0; 4], &[0; 8])
    });
    refused("unprocessable comes first", &promisc, Errno::Einval);
    let mut buf = [0; MAX_REPLY];
    let end = Endpoint {
        addr: DST,
        port: 0,
        proto: 0,
    };
    let acquire = reply::acquire(&mut buf, 1, &end, &end, None, None).unwrap();
    refused("acquire", acquire, Errno::Einval);
    let mapping = reply::new_mapping(&mut buf, 1, 0x1000, &end, &end).unwrap();
    refused("new mapping", mapping, Errno::Einval);
}

#[test]
fn extensions_that_nobody_processes() {
    let current = message(MsgType::Update, 3, |b| {
        b.lifetime(ExtType::LifetimeCurrent, Some(&Lifetime::default()));
        named(b, &ESP);
    });
    refused("LIFETIME_CURRENT", &current, Errno::Einval);
    let sensitive = add_with(ESP, 3, |b| ext(b, 2, ExtType::Sensitivity, [0; 4], &[0; 8]));
    refused("SENSITIVITY", &sensitive, Errno::Einval);
    let current = add_with(ESP, 3, |b| {
        _ = b.lifetime(ExtType::LifetimeCurrent, Some(&Lifetime::default()))
    });
    refused("LIFETIME_CURRENT in ADD", &current, Errno::Einval);
}

#[test]
fn numbers_and_bits() {
    for ext in ExtType::ALL {
        assert_eq!(ext.bit(), 1 << ext.number());
        assert_eq!(ExtType::from_number(ext.number()), Some(*ext));
    }
    assert_eq!(ExtType::from_number(0), None);
    assert_eq!(ExtType::from_number(34), None);
    assert_eq!(ExtType::ALL.len(), 33);
    assert_eq!(MsgType::ALL.len(), 19);
}

/// Message type, required and additionally permitted extensions, by number.
type Row = (u8, &'static [u16], &'static [u16]);

const REQUESTS: &[Row] = &[
    (1, &[5, 6, 16], &[7]),
    (2, &[1, 5, 6], &[2, 3, 4, 7, 8, 9, 10, 11, 12, 28, 29]),
    (
        3,
        &[1, 5, 6],
        &[3, 4, 7, 8, 9, 10, 11, 12, 27, 28, 29, 30, 31, 32],
    ),
    (4, &[1, 5, 6], &[]),
    (5, &[1, 5, 6], &[]),
    (6, &[5, 6, 13], &[7, 10, 11, 12]),
    (7, &[], &[]),
    (8, &[], &[]),
    (9, &[], &[]),
    (10, &[], &[]),
    (13, &[1, 6], &[18, 19, 20, 33]),
    (14, &[1, 6, 21, 22, 23, 24], &[5, 10, 11, 26]),
    (15, &[], &[1, 10, 11, 21, 22, 23, 24, 26]),
    (16, &[25], &[]),
    (17, &[1, 5, 6, 28, 29], &[]),
    (18, &[31], &[]),
    (19, &[31], &[]),
];

const REPLIES: &[Row] = &[
    (1, &[1, 5, 6], &[]),
    (2, &[1, 5, 6], &[2, 3, 4, 7, 10, 11, 12, 28, 29]),
    (3, &[1, 5, 6], &[3, 4, 10, 11, 12, 27, 28, 29, 30, 31, 32]),
    (4, &[1, 5, 6], &[]),
    (
        5,
        &[1, 5, 6],
        &[2, 3, 4, 7, 8, 9, 10, 11, 12, 27, 28, 29, 30],
    ),
    (6, &[5, 6, 13], &[7, 10, 11, 12]),
    (7, &[], &[14, 15]),
    (8, &[1, 2, 5, 6], &[3, 4]),
    (13, &[1, 6], &[18, 19, 20, 33]),
    (14, &[1, 6, 21, 22, 23, 24], &[5, 26]),
    (15, &[21, 22, 23, 24], &[1, 26]),
];

#[test]
fn tables() {
    let bits = |numbers: &[u16]| numbers.iter().fold(0u64, |all, number| all | (1 << number));
    let same = |row: &Row, rule: dialect::Rule| {
        assert_eq!(rule.required, bits(row.1), "{row:?}");
        assert_eq!(rule.permitted, bits(row.1) | bits(row.2), "{row:?}");
    };
    for row in REQUESTS {
        same(row, KLIPS.request(MsgType::from_number(row.0).unwrap()));
    }
    for row in REPLIES {
        same(row, KLIPS.reply(MsgType::from_number(row.0).unwrap()));
    }
}
