// SPDX-License-Identifier: GPL-2.0-only

//! Every request with everything it can carry, written and read again.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::build::Origin;
use super::super::ext::*;
use super::super::request::*;
use super::super::types::{flags, natt_type, state};
use super::*;
use crate::sa::alg;
use crate::said::{SaProto, Said};

const LIFE: Lifetime = Lifetime {
    allocations: 1,
    bytes: 1 << 40,
    addtime: 86_400,
    usetime: 3_600,
    packets: 77,
};

const IDENT: Ident<'_> = Ident {
    kind: 2,
    id: 9,
    data: b"gw.example.org\0\0",
};

fn v6(last: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into()
}

fn v4(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

fn full_params(kind: MsgType, src: IpAddr, dst: IpAddr) -> SaParams<'static> {
    let adds = kind == MsgType::Add;
    SaParams {
        said: Said {
            dst,
            spi: 0xfeed_beef,
            proto: SaProto::Esp,
        },
        src,
        proxy: Some(v4(9)),
        sa: SaInfo {
            spi: 0xfeed_beef,
            replay: 64,
            window: 4096,
            state: state::MATURE,
            auth: alg::AUTH_SHA1,
            encrypt: alg::ENC_AES,
            flags: flags::PFS,
            reference: 0x7fff,
        },
        hard: Some(LIFE),
        soft: Some(Lifetime::default()),
        auth_key: Some(Key {
            bits: 160,
            bytes: &[0xaa; 20],
        }),
        encrypt_key: Some(Key {
            bits: 256,
            bytes: &[0xee; 32],
        }),
        ident_src: Some(IDENT),
        ident_dst: Some(Ident { data: &[], ..IDENT }),
        nat_t: NatT {
            kind: adds.then_some(natt_type::NON_ESP),
            sport: Some(4500),
            dport: Some(1027),
            oa: adds.then(|| v4(77)),
        },
        out_if: adds.then_some(49152),
        saref: adds.then_some(SarefPair { me: 3, him: 4 }),
    }
}

fn flow(family: fn(u8) -> IpAddr) -> Flow {
    Flow {
        src: family(1),
        dst: family(2),
        src_mask: family(255),
        dst_mask: family(254),
        proto: 17,
        sport: 1701,
        dport: 53,
        sport_mask: 0xffff,
        dport_mask: 0xff00,
    }
}

#[track_caller]
fn survives(request: Request<'_>) {
    let bytes = recompose(&request);
    assert_eq!(read(&bytes), Ok(Ok(request)));
}

#[test]
fn add_and_update() {
    for (src, dst) in [(v4(1), v4(2)), (v6(1), v6(2))] {
        survives(Request::Add(full_params(MsgType::Add, src, dst)));
        let update = full_params(MsgType::Update, src, dst);
        assert!(update.changes_ports_only());
        survives(Request::Update(update));
    }
}

#[test]
fn windows_of_every_width() {
    let base = full_params(MsgType::Add, v4(1), v4(2));
    for size in [0_u16, 1, 64, 65, 255, 256, 4096] {
        let sa = base.sa.with_window(size);
        assert_eq!(sa.window_size(), size);
        assert_eq!(sa.replay, size.min(64) as u8);
        survives(Request::Add(SaParams { sa, ..base }));
    }
    // A small window in the wide field is written as KLIPS has it.
    let mut buf = [0; 64];
    let odd = SaInfo {
        replay: 32,
        window: 48,
        ..base.sa
    };
    let mut builder = Builder::new(&mut buf, MsgType::Add, 3, Origin::kernel(0));
    builder.sa(ExtType::Sa, &odd);
    let bytes = builder.into_bytes().unwrap();
    assert_eq!((bytes[24], &bytes[36..40]), (32, &[0; 4][..]));
}

#[test]
fn every_protocol_of_an_sa() {
    let with = |proto, auth, encrypt| {
        let mut params = full_params(MsgType::Add, v4(1), v4(2));
        params.said.proto = proto;
        params.sa.auth = auth;
        params.sa.encrypt = encrypt;
        Request::Add(params)
    };
    survives(with(SaProto::Ah, alg::AUTH_MD5, alg::NONE));
    survives(with(SaProto::Esp, alg::NONE, alg::ENC_AES_GCM_16));
    survives(with(SaProto::Esp, alg::AUTH_MD5, alg::ENC_NULL));
    survives(with(SaProto::Comp, alg::NONE, alg::COMP_DEFLATE));
    survives(with(SaProto::Ipip, alg::NONE, alg::NONE));
}

#[test]
fn names_of_sas() {
    let sa = SaInfo {
        spi: 0x1000,
        state: state::LARVAL,
        ..SaInfo::default()
    };
    let name = SaRef {
        said: Said {
            dst: v6(2),
            spi: 0x1000,
            proto: SaProto::Ah,
        },
        src: v6(1),
        sa,
    };
    survives(Request::Delete(name));
    survives(Request::Get(name));
    survives(Request::Grpsa(Grpsa {
        first: name.said,
        first_sa: sa,
        second: None,
        outer: None,
    }));
    let outer = Said {
        dst: v4(2),
        spi: 7,
        proto: SaProto::Ipip,
    };
    let mut group = Grpsa {
        first: name.said,
        first_sa: sa,
        second: Some((outer, SaInfo { spi: 7, ..sa })),
        outer: None,
    };
    survives(Request::Grpsa(group));
    assert!(group.members().eq([name.said, outer]));
    for (third, fourth) in [
        (outer, None),
        (name.said, Some(outer)),
        (outer, Some(name.said)),
    ] {
        group.outer = Some(Outer { third, fourth });
        survives(Request::Grpsa(group));
        let all = [Some(name.said), Some(outer), Some(third), fourth];
        assert!(group.members().eq(all.into_iter().flatten()));
    }
}

#[test]
fn get_spi() {
    survives(Request::GetSpi(GetSpi {
        proto: SaProto::Comp,
        src: v4(1),
        dst: v4(2),
        proxy: Some(v6(3)),
        range: SpiRange {
            min: 256,
            max: u32::MAX,
        },
    }));
}

#[test]
fn flows_of_both_families_under_a_shunt_of_ipv4() {
    for family in [v4 as fn(u8) -> IpAddr, |n| v6(n.into())] {
        let sa = SaInfo {
            spi: 260,
            flags: flags::REPLACEFLOW | flags::INFLOW,
            ..SaInfo::default()
        };
        let eroute = AddFlow {
            said: Said {
                dst: v4(0),
                spi: 260,
                proto: SaProto::Int,
            },
            sa,
            src: None,
            flow: flow(family),
            ident_src: Some(IDENT),
            ident_dst: None,
        };
        assert_eq!(eroute.action(), AddAction::InboundPolicy { replace: true });
        survives(Request::AddFlow(eroute));
        let delete = |flags, action| {
            Request::DelFlow(DelFlow {
                sa: Some(SaInfo { flags, ..sa }),
                action,
                ident_src: None,
                ident_dst: Some(IDENT),
            })
        };
        survives(delete(0, DelAction::Delete(flow(family))));
        survives(delete(flags::INFLOW, DelAction::Delete(flow(family))));
        survives(delete(flags::POLICYONLY, DelAction::Policy(flow(family))));
        survives(delete(flags::CLEARFLOW, DelAction::Clear));
    }
}

#[test]
fn the_small_ones() {
    for satype in 1..=11 {
        survives(Request::Register { satype });
        survives(Request::Expire { satype });
    }
    survives(Request::Flush(FlushScope::All));
    survives(Request::Flush(FlushScope::Nothing));
    for proto in [SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp] {
        survives(Request::Flush(FlushScope::Proto(proto)));
    }
}

#[test]
fn every_interface_number() {
    for number in 0..=u16::MAX {
        let interface = Interface::from_number(number);
        assert_eq!(interface.number(), Some(number));
    }
    assert_eq!(Interface::from_number(49152), Interface::Ipsec(0));
    assert_eq!(Interface::from_number(40960), Interface::MastTransport(0));
    assert_eq!(Interface::from_number(40959), Interface::Mast(40959));
    assert_eq!(Interface::Mast(40960).number(), None);
    assert_eq!(Interface::MastTransport(8192).number(), None);
    assert_eq!(Interface::Ipsec(16384).number(), None);
    survives(Request::PlumbIf(Interface::Ipsec(2)));
    survives(Request::UnplumbIf(Interface::Ipsec(0)));
}

#[test]
fn keys_stay_out_of_debug_output() {
    let mut params = full_params(MsgType::Add, v4(1), v4(2));
    let key = [0xd7; 16];
    params.auth_key = Some(Key {
        bits: 128,
        bytes: &key,
    });
    params.encrypt_key = params.auth_key;
    let bytes = recompose(&Request::Add(params));
    let envelope = envelope::check(&bytes).unwrap();
    let text = std::format!(
        "{:?} {:?} {:?} {:?}",
        parse(&envelope),
        envelope,
        envelope.extensions().collect::<Vec<_>>(),
        envelope
            .extensions()
            .flatten()
            .map(|ext| ext.decode())
            .collect::<Vec<_>>(),
    );
    for secret in ["d7, d7", "215, 215", "d7d7"] {
        assert!(!text.contains(secret), "{text}");
    }
}
