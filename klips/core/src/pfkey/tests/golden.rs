// SPDX-License-Identifier: GPL-2.0-only

//! The classic programs' messages: read as what they mean, and written again to the byte.

#![cfg(target_endian = "little")]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::build::Origin;
use super::super::ext::{DebugMasks, Key, Outer, SaInfo, SarefPair};
use super::super::request::{
    AddAction, AddFlow, DelAction, DelFlow, Flow, FlushScope, Grpsa, SaParams, SaRef,
};
use super::super::types::{flags, state};
use super::samples::*;
use super::*;
use crate::sa::alg;
use crate::said::{SaProto, Said, Shunt};

fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

fn said(proto: SaProto, spi: u32, dst: IpAddr) -> Said {
    Said { dst, spi, proto }
}

fn networks() -> Flow {
    Flow {
        src: v4(10, 1, 0, 0),
        dst: v4(10, 2, 0, 0),
        src_mask: v4(255, 255, 255, 0),
        dst_mask: v4(255, 255, 255, 0),
        proto: 0,
        sport: 0,
        dport: 0,
        sport_mask: 0,
        dport_mask: 0,
    }
}

const fn origin(pid: u32) -> Origin {
    Origin { seq: 1, pid }
}

fn add_params(proto: SaProto, spi: u32) -> SaParams<'static> {
    SaParams {
        said: said(proto, spi, v4(10, 0, 0, 2)),
        src: v4(10, 0, 0, 1),
        proxy: None,
        sa: SaInfo {
            spi,
            state: state::MATURE,
            ..SaInfo::default()
        },
        hard: None,
        soft: None,
        auth_key: None,
        encrypt_key: None,
        ident_src: None,
        ident_dst: None,
        nat_t: Default::default(),
        out_if: None,
        saref: None,
    }
}

/// `written` are the bytes of the sample, and the sample reads as `expected`.
#[track_caller]
fn both_ways(sample: &str, written: Result<&[u8], NoRoom>, expected: Request<'_>) {
    let sample = hex(sample);
    assert_eq!(written.expect("room"), sample.as_slice());
    assert_eq!(request(&sample), expected);
}

#[test]
fn spi_adds_esp() {
    let key: Vec<u8> = (0..24).collect();
    let mut params = add_params(SaProto::Esp, 0x1234);
    params.sa.auth = alg::AUTH_MD5;
    params.sa.encrypt = alg::ENC_3DES;
    params.auth_key = Some(Key {
        bits: 128,
        bytes: &key[..16],
    });
    params.encrypt_key = Some(Key {
        bits: 192,
        bytes: &key,
    });
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::add(&mut buf, origin(0x84), &params);
    both_ways(SPI_ADD_ESP, written, Request::Add(params));
}

#[test]
fn spi_adds_a_tunnel() {
    let params = add_params(SaProto::Ipip, 0x1235);
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::add(&mut buf, origin(0xa9), &params);
    both_ways(SPI_ADD_TUN, written, Request::Add(params));
}

#[test]
fn spigrp_groups() {
    let (tun, esp) = (0x1235, 0x1234);
    let info = |spi| SaInfo {
        spi,
        ..SaInfo::default()
    };
    let pair = Grpsa {
        first: said(SaProto::Ipip, tun, v4(10, 0, 0, 2)),
        first_sa: info(tun),
        second: Some((said(SaProto::Esp, esp, v4(10, 0, 0, 2)), info(esp))),
        outer: None,
    };
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::grpsa(&mut buf, origin(0xb6), &pair);
    both_ways(SPIGRP, written, Request::Grpsa(pair));
}

#[test]
fn spigrp_groups_four() {
    let (tun, comp, here) = (0x1235, 0x1236, v4(10, 0, 0, 2));
    let info = |spi| SaInfo {
        spi,
        ..SaInfo::default()
    };
    let there = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into();
    let group = Grpsa {
        first: said(SaProto::Ipip, tun, here),
        first_sa: info(tun),
        second: Some((said(SaProto::Comp, comp, here), info(comp))),
        outer: Some(Outer {
            third: said(SaProto::Esp, 0x1234, here),
            fourth: Some(said(SaProto::Ah, 0x1237, there)),
        }),
    };
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::grpsa(&mut buf, origin(0xb6), &group);
    both_ways(SPIGRP_FOUR, written, Request::Grpsa(group));
}

#[test]
fn spi_deletes() {
    let name = SaRef {
        said: said(SaProto::Esp, 0x1234, v4(10, 0, 0, 2)),
        src: v4(0, 0, 0, 0),
        sa: SaInfo {
            spi: 0x1234,
            state: state::MATURE,
            ..SaInfo::default()
        },
    };
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::delete(&mut buf, origin(0xc2), &name);
    both_ways(SPI_DEL, written, Request::Delete(name));
}

#[test]
fn spi_clears() {
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::flush(&mut buf, origin(0xce), 0);
    both_ways(SPI_CLEAR, written, Request::Flush(FlushScope::All));
}

#[test]
fn eroute_adds() {
    let eroute = AddFlow {
        said: said(SaProto::Ipip, 0x1235, v4(10, 0, 0, 2)),
        sa: SaInfo {
            spi: 0x1235,
            ..SaInfo::default()
        },
        src: Some(v4(0, 0, 0, 0)),
        flow: networks(),
        ident_src: None,
        ident_dst: None,
    };
    assert_eq!(eroute.action(), AddAction::Add);
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::add_flow(&mut buf, origin(0x93), &eroute);
    both_ways(EROUTE_ADD, written, Request::AddFlow(eroute));
}

fn deletion(sa: Option<SaInfo>, action: DelAction) -> Request<'static> {
    Request::DelFlow(DelFlow {
        sa,
        action,
        ident_src: None,
        ident_dst: None,
    })
}

#[test]
fn eroute_deletes() {
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::delete_flow(&mut buf, origin(0x9b), &networks());
    both_ways(
        EROUTE_DEL,
        written,
        deletion(None, DelAction::Delete(networks())),
    );
}

#[test]
fn eroute_clears() {
    let sa = SaInfo {
        flags: flags::CLEARFLOW,
        ..SaInfo::default()
    };
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::clear_flows(&mut buf, origin(0xa3));
    both_ways(EROUTE_CLEAR, written, deletion(Some(sa), DelAction::Clear));
}

#[test]
fn klipsdebug_sets() {
    let masks = DebugMasks {
        netlink: DebugMasks::SET,
        pfkey: !0,
        ..DebugMasks::default()
    };
    let mut buf = [0xff; MAX_REPLY];
    let written = compose::debug(&mut buf, origin(0xbb), &masks);
    both_ways(KLIPSDEBUG_SET, written, Request::Debug(masks));
}

#[test]
fn pluto_routes_with_a_trap() {
    let sample = hex(PLUTO_TRAP);
    let Request::AddFlow(eroute) = request(&sample) else {
        panic!("not an ADDFLOW")
    };
    assert_eq!(eroute.said.shunt(), Some(Shunt::Trap));
    assert_eq!(eroute.action(), AddAction::Add);
    assert_eq!(eroute.src, Some(v4(10, 9, 0, 1)));
    assert_eq!(eroute.flow, networks());
}

#[test]
fn pluto_adds_esp_with_a_port_in_the_address() {
    let sample = hex(PLUTO_ADD_ESP_OUT);
    let Request::Add(params) = request(&sample) else {
        panic!("not an ADD")
    };
    assert_eq!(params.said, said(SaProto::Esp, 0xcefcf4c3, v4(10, 9, 0, 2)));
    assert_eq!(params.sa.replay, 64);
    assert_eq!((params.sa.auth, params.sa.encrypt), (3, 12));
    assert_eq!(params.auth_key.map(|key| key.bytes.len()), Some(20));
    assert_eq!(params.encrypt_key.map(|key| key.bits), Some(128));
    assert!(!params.changes_ports_only());
}

#[test]
fn pluto_sends_references_of_another_layout() {
    let sample = hex(PLUTO_ADD_ESP_IN);
    let Request::Add(params) = request(&sample) else {
        panic!("not an ADD")
    };
    assert_eq!(params.saref, Some(SarefPair { me: 0, him: 0 }));
    assert_eq!(params.said.dst, v4(10, 9, 0, 1));
}

#[test]
fn pluto_chooses_the_action_by_flags() {
    for (sample, expected) in [
        (PLUTO_TRAP, AddAction::Add),
        (PLUTO_INFLOW, AddAction::InboundPolicy { replace: false }),
        (PLUTO_REPLACE, AddAction::Replace),
        (PLUTO_REPLACE_TRAP, AddAction::Replace),
    ] {
        let sample = hex(sample);
        let Request::AddFlow(eroute) = request(&sample) else {
            panic!("not an ADDFLOW")
        };
        assert_eq!(eroute.action(), expected);
    }
}

#[test]
fn pluto_names_its_sas() {
    let out = said(SaProto::Esp, 0xc20d56f1, v4(10, 9, 0, 2));
    assert!(matches!(request(&hex(PLUTO_GET)), Request::Get(name) if name.said == out));
    let out = said(SaProto::Esp, 0xcefcf4c3, v4(10, 9, 0, 2));
    assert!(matches!(request(&hex(PLUTO_DELETE_OUT)), Request::Delete(name) if name.said == out));
    let inner = said(SaProto::Ipip, 0x1001, v4(10, 9, 0, 2));
    assert!(matches!(
        request(&hex(PLUTO_GRPSA_OUT)),
        Request::Grpsa(Grpsa { first, second: Some((second, _)), .. }) if first == inner && second == out
    ));
}

#[test]
fn pluto_unroutes_without_an_sa() {
    let expected = deletion(None, DelAction::Delete(networks()));
    assert_eq!(request(&hex(PLUTO_UNROUTE)), expected);
}

#[test]
fn every_sample_survives_being_rewritten() {
    for sample in ALL {
        let sample = hex(sample);
        let read = request(&sample);
        assert_eq!(request(&recompose(&read)), read);
    }
}
