// SPDX-License-Identifier: GPL-2.0-only

//! What is composed is read as it was.

use core::net::SocketAddr;

use super::*;
use crate::pfkey::ext::{Key, Lifetime};
use crate::pfkey::layout::Comb;

fn life(addtime: u64) -> Option<Lifetime> {
    Some(Lifetime {
        allocations: 1,
        bytes: 1 << 40,
        addtime,
        usetime: 3,
        packets: 0,
    })
}

fn end(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const KEY: Key<'_> = Key {
    bits: 100,
    bytes: &[7; 13],
};

/// An SA with everything that one can have.
fn full() -> Sa<'static> {
    let src = Endpoint::whole("2001:db8::1".parse().unwrap());
    let dst = Endpoint::whole("2001:db8::2".parse().unwrap());
    let mut sa = Sa::named(SaType::Esp, 0x1001, src, dst);
    sa.info.auth = 5;
    sa.info.encrypt = 12;
    sa.info.flags = types::flags::NOECN;
    sa.sa2 = Some(Sa2 {
        mode: Mode::Beet,
        sequence: 9,
        reqid: 17,
    });
    sa.proxy = Some(net("10.0.0.0", 8));
    (sa.hard, sa.soft, sa.current) = (life(1), life(2), life(3));
    (sa.auth_key, sa.encrypt_key) = (Some(KEY), Some(KEY));
    sa.nat_t_type = Some(2);
    (sa.nat_t_sport, sa.nat_t_dport) = (Some(4500), Some(34567));
    sa.nat_t_oa = Some(net("192.0.2.1", 32));
    sa.sec_ctx = Some(SecurityContext {
        doi: 1,
        alg: 1,
        text: b"system_u:object_r:x\0",
    });
    sa
}

fn templates() -> [Template; 2] {
    let one = Template {
        proto: 50,
        mode: Mode::Tunnel,
        level: Level::Unique,
        reqid: 3,
        ends: Some((end("192.0.2.1:4500"), end("192.0.2.2:4500"))),
    };
    let other = Template {
        proto: 108,
        mode: Mode::Transport,
        level: Level::Use,
        reqid: 0,
        ends: Some((end("[2001:db8::1]:0"), end("[2001:db8::2]:0"))),
    };
    [one, other]
}

fn entry(templates: &[Template]) -> SpdEntry<'_> {
    SpdEntry {
        src: Endpoint {
            port: 80,
            proto: 6,
            ..net("10.1.0.0", 24)
        },
        dst: net("10.2.0.0", 24),
        policy: Policy {
            action: Action::Ipsec,
            direction: Direction::Out.number(),
            id: 0,
            priority: 0x8000_0000,
            templates: Templates::new(templates),
        },
        hard: life(1),
        soft: None,
        current: None,
        sec_ctx: None,
    }
}

#[test]
fn requests() {
    let list = templates();
    let entry = entry(&list);
    let named = Sa {
        info: SaInfo {
            spi: 5,
            ..SaInfo::default()
        },
        ..Sa::named(SaType::Ah, 0, net("10.0.0.1", 32), net("10.0.0.2", 32))
    };
    let filter = Some(Filter {
        src: "10.1.0.0".parse().unwrap(),
        src_len: 16,
        dst: "10.2.0.0".parse().unwrap(),
        dst_len: 32,
    });
    let migration = request::Migration {
        src: entry.src,
        dst: entry.dst,
        policy: entry.policy,
        km_address: Some(KmAddress {
            local: "2001:db8::1".parse().unwrap(),
            remote: "2001:db8::9".parse().unwrap(),
        }),
    };
    let spi = Range {
        min: 0x100,
        max: 0x1ff,
    };
    for request in [
        Request::GetSpi {
            sa: Sa {
                info: SaInfo::default(),
                ..named
            },
            range: Some(spi),
            seq: 7,
        },
        Request::Update(full()),
        Request::Add(full()),
        Request::Delete(named),
        Request::Get(named),
        Request::Failed {
            satype: 3,
            errno: 110,
            seq: 9,
        },
        Request::Register { satype: 9 },
        Request::Flush(None),
        Request::Flush(Some(SaType::IpComp)),
        Request::Dump {
            satype: Some(SaType::Esp),
            filter,
        },
        Request::Promisc(true),
        Request::SpdUpdate(entry),
        Request::SpdAdd(entry),
        Request::SpdDelete(entry),
        Request::SpdGet(0x41),
        Request::SpdDelete2(0x42),
        Request::SpdDump,
        Request::SpdFlush,
        Request::Migrate(migration),
    ] {
        assert_eq!(read(&composed(&request)), Ok(Ok(request)));
    }
}

#[test]
fn answers_and_notifications() {
    let mut buf = std::vec![0xa5; 4096];
    for kind in [MsgType::Get, MsgType::Expire, MsgType::NatTNewMapping] {
        let bytes = compose::sa(&mut buf, kind, ORIGIN, &full()).unwrap();
        assert_eq!(told(bytes), Message::Sa(full()));
    }
    let list = templates();
    let bytes = compose::policy(&mut buf, MsgType::SpdDump, ORIGIN, &entry(&list)).unwrap();
    assert_eq!(told(bytes), Message::Policy(entry(&list)));

    let alg = Alg {
        id: 12,
        iv_len: 16,
        min_bits: 128,
        max_bits: 256,
    };
    let bytes = compose::algorithms(&mut buf, 3, ORIGIN, &[], &[alg, alg]).unwrap();
    let Message::Algorithms {
        auth: None,
        encrypt: Some(algs),
    } = told(bytes)
    else {
        panic!("not understood");
    };
    assert!(algs.iter().eq([alg, alg]));

    let bytes = compose::bare(&mut buf, MsgType::Flush, 0, ORIGIN).unwrap();
    assert_eq!(told(bytes), Message::Done);
}

#[test]
fn acquire() {
    let mut buf = std::vec![0xa5; 4096];
    let list = templates();
    let bytes = compose::policy(&mut buf, MsgType::SpdAdd, ORIGIN, &entry(&list)).unwrap();
    let fields = Fields::collect(&bytes[16..]).unwrap();
    let wanted = message::Acquire {
        satype: 3,
        src: net("192.0.2.1", 32),
        dst: net("192.0.2.2", 32),
        policy: fields.policy,
        proposal: Some(crate::pfkey::ext::Proposal {
            replay: 32,
            combs: &[],
        }),
    };
    let comb = Comb {
        auth: 5,
        encrypt: 12,
        ..Comb::default()
    };
    let mut buf = std::vec![0xa5; 4096];
    let bytes = compose::acquire(&mut buf, ORIGIN, &wanted, [comb; 3].into_iter()).unwrap();
    let Message::Acquire(acquire) = told(bytes) else {
        panic!("not understood");
    };
    assert_eq!((acquire.policy, acquire.src), (wanted.policy, wanted.src));
    let combs = acquire.proposal.unwrap().combs();
    assert_eq!(combs.map(|comb| comb.encrypt).collect::<Vec<_>>(), [12; 3]);
}

#[test]
fn refusals_have_the_header_of_the_request() {
    let mut buf = [0xa5; 16];
    let bytes = composed(&Request::SpdDump);
    let asked = *envelope::check(&bytes).unwrap().header();
    let answer = compose::error(&mut buf, &asked, Errno::Enoent).unwrap();
    assert_eq!(told(answer), Message::Refused { errno: 2 });
    assert_eq!(&answer[8..], &bytes[8..]);
}

#[test]
fn a_message_that_does_not_fit_is_no_message() {
    let whole = composed(&Request::Add(full()));
    for len in 0..whole.len() {
        let mut buf = std::vec![0; len];
        assert!(compose::request(&mut buf, ORIGIN, &Request::Add(full())).is_err());
    }
}
