// SPDX-License-Identifier: GPL-2.0-only

//! What openiked and charon wrote to af_key on a little-endian machine, in hex, and what it means. Keys are not theirs.

use super::*;
use crate::pfkey::ext::{Key, Lifetime};

/// openiked: an SPI for an SA to come.
pub(in crate::pfkey) const GETSPI: &str = "
    02010003 0a000000 04000000 27010000
    02001000 00010000 ffffffff 00000000
    03000500 00000000 02000000 0a090002 00000000 00000000
    03000600 00000000 02000000 0a090001 00000000 00000000";

/// openiked: the outgoing SA.
pub(in crate::pfkey) const ADD: &str = "
    02030003 20000000 05000000 27010000
    02000100 372919b6 4001060c 00000000
    02001300 02000000 00000000 00000000
    03000500 00000000 02000000 0a090001 00000000 00000000
    03000600 00000000 02000000 0a090002 00000000 00000000
    04000400 00000000 53e3a5db 00000000 32240000 00000000 00000000 00000000
    04000300 00000000 00000000 01000000 302a0000 00000000 00000000 00000000
    05000900 00010000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    07000800 80010000 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
                      202122232425262728292a2b2c2d2e2f";

/// openiked: the policy for what comes out of the tunnel and is forwarded.
pub(in crate::pfkey) const SPDUPDATE: &str = "
    020d0000 12000000 07000000 27010000
    02001300 00000000 00000000 00000000
    03000500 ff180000 02000000 0a020000 00000000 00000000
    03000600 ff180000 02000000 0a010000 00000000 00000000
    08001200 02000300 00000000 00000000
    30003200 02020000 00000000 00000000
    02000000 0a090002 00000000 00000000 02000000 0a090001 00000000 00000000";

/// charon: does the policy still live.
pub(in crate::pfkey) const SPDGET: &str = "
    02100000 0a000000 0c000000 8c000000
    02001200 02000300 4a000000 00000000
    03000500 ff180000 02000000 0a020000 00000000 00000000
    03000600 ff180000 02000000 0a010000 00000000 00000000";

/// setkey: both lists of algorithms, though of no satype.
pub(in crate::pfkey) const REGISTER: &str = "02070000 02000000 00000000 1c010000";

/// setkey's getspi, answered by af_key.
pub(in crate::pfkey) const LARVAL: &str = "
    02010003 18000000 00000000 6d010000
    02000100 0d6b53a2 00000000 00000000
    04000300 00000000 00000000 00000000 1e000000 00000000 00000000 00000000
    04000400 00000000 00000000 00000000 00000000 00000000 00000000 00000000
    04000200 00000000 00000000 00000000 ef43016b 00000000 00000000 00000000
    03000500 00200000 02000000 0a000001 00000000 00000000
    03000600 00200000 02000000 0a000002 00000000 00000000
    02001300 01000000 00000000 00000000";

#[test]
fn getspi_has_its_range_in_the_order_of_the_machine() {
    let bytes = hex(GETSPI);
    let Ok(Ok(Request::GetSpi { sa, range, seq })) = read(&bytes) else {
        panic!("not understood");
    };
    let range = range.unwrap();
    assert_eq!((range.min, range.max, seq), (0x100, u32::MAX, 4));
    assert_eq!(sa.dst.addr.to_string(), "10.9.0.1");
}

#[test]
fn an_sa_is_read_whole() {
    let bytes = hex(ADD);
    let Ok(Ok(Request::Add(sa))) = read(&bytes) else {
        panic!("not understood");
    };
    assert_eq!(
        (sa.satype, sa.info.spi, sa.info.replay),
        (SaType::Esp, 0x3729_19b6, 64)
    );
    assert_eq!((sa.info.auth, sa.info.encrypt), (6, 12));
    assert_eq!(sa.sa2.unwrap().mode, Mode::Tunnel);
    let hard = Lifetime {
        bytes: 1 << 32,
        addtime: 10800,
        ..Lifetime::default()
    };
    assert_eq!(sa.hard, Some(hard));
    let key: Vec<u8> = (0..48).collect();
    let bits = 384;
    assert_eq!(sa.auth_key, Some(Key { bits, bytes: &key }));
    assert!(!format!("{sa:?}").contains("17, 18"));
}

#[test]
fn a_policy_has_its_templates() {
    let bytes = hex(SPDUPDATE);
    let Ok(Ok(Request::SpdUpdate(entry))) = read(&bytes) else {
        panic!("not understood");
    };
    assert_eq!(
        (entry.src, entry.dst),
        (net("10.2.0.0", 24), net("10.1.0.0", 24))
    );
    assert_eq!(entry.policy.direction, Direction::Forward.number());
    let ends = ("10.9.0.2:0".parse().unwrap(), "10.9.0.1:0".parse().unwrap());
    let template = Template {
        proto: 50,
        mode: Mode::Tunnel,
        level: Level::Require,
        reqid: 0,
        ends: Some(ends),
    };
    assert_eq!(entry.policy.templates, Templates::new(&[template]));
}

#[test]
fn others_are_understood_too() {
    assert_eq!(read(&hex(SPDGET)), Ok(Ok(Request::SpdGet(0x4a))));
    assert_eq!(
        read(&hex(REGISTER)),
        Ok(Ok(Request::Register { satype: 0 }))
    );
}

#[test]
fn an_answer_is_read() {
    let bytes = hex(LARVAL);
    let Message::Sa(sa) = told(&bytes) else {
        panic!("not understood");
    };
    assert_eq!(
        (sa.info.spi, sa.src),
        (
            225_137_570,
            Endpoint {
                proto: 0,
                ..net("10.0.0.1", 32)
            }
        )
    );
    assert_eq!(sa.hard.unwrap().addtime, 30);
    assert_eq!(sa.current.unwrap().addtime, 1_795_245_039);
    // And is what a kernel of our own would say.
    let mut buf = [0xa5; 512];
    let origin = Origin { seq: 0, pid: 0x16d };
    let again = compose::sa(&mut buf, MsgType::GetSpi, origin, &sa).unwrap();
    assert_eq!(again, bytes);
}
