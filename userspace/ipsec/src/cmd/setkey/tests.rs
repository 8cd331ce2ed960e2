// SPDX-License-Identifier: GPL-2.0-only

//! Listings to the byte, as KAME's setkey printed them of af_key; but for the keys.

use std::fmt::Write;
use std::net::IpAddr;

use klips_core::pfkey::build::Origin;
use klips_core::pfkey::envelope;
use klips_core::pfkey::ext::{Key, Lifetime};
use klips_core::pfkey::linux::{
    compose, message, Action, Endpoint, Level, Message, Mode, MsgType, Policy, Sa, Sa2, SaType,
    SpdEntry, Template, Templates,
};

use super::show::{self, tests::shown};
use crate::testing::Random;

const CREATED: u64 = 1_795_245_036;

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The ESP SA of the listing.
fn esp() -> Sa<'static> {
    let (src, dst) = (addr("10.0.0.1"), addr("10.0.0.2"));
    let mut sa = Sa::named(
        SaType::Esp,
        0x1001,
        Endpoint::whole(src),
        Endpoint::whole(dst),
    );
    (sa.info.encrypt, sa.info.auth) = (12, 5);
    (sa.info.replay, sa.info.state) = (32, 1);
    let key = |bits| {
        Some(Key {
            bits,
            bytes: &[0xc0; 64][..usize::from(bits) / 8],
        })
    };
    (sa.encrypt_key, sa.auth_key) = (key(128), key(256));
    sa.sa2 = Some(Sa2 {
        mode: Mode::Tunnel,
        sequence: 0,
        reqid: 17,
    });
    let life = |addtime| {
        Some(Lifetime {
            addtime,
            ..Lifetime::default()
        })
    };
    (sa.hard, sa.soft, sa.current) = (life(3600), life(3000), life(CREATED));
    sa
}

/// The bytes of a dump's last message about it.
fn sa_bytes(sa: &Sa<'_>) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let origin = Origin { seq: 0, pid: 285 };
    compose::sa(&mut buf, MsgType::Dump, origin, sa)
        .unwrap()
        .to_vec()
}

fn policy_bytes(entry: &SpdEntry<'_>) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let origin = Origin { seq: 2, pid: 286 };
    let mut bytes = compose::policy(&mut buf, MsgType::SpdDump, origin, entry)
        .unwrap()
        .to_vec();
    bytes[6] = 2;
    bytes
}

const ESP: &str = "10.0.0.1 10.0.0.2 \n\
    \tesp mode=tunnel spi=4097(0x00001001) reqid=17(0x00000011)\n\
    \tE: aes-cbc  (128 bits)\n\
    \tA: hmac-sha256  (256 bits)\n\
    \tseq=0x00000000 replay=32 flags=0x00000000 state=mature \n\
    \tcreated: Nov 21 07:10:36 2026\tcurrent: Nov 21 07:10:37 2026\n\
    \tdiff: 1(s)\thard: 3600(s)\tsoft: 3000(s)\n\
    \tlast:                     \thard: 0(s)\tsoft: 0(s)\n\
    \tcurrent: 0(bytes)\thard: 0(bytes)\tsoft: 0(bytes)\n\
    \tallocated: 0\thard: 0\tsoft: 0\n\
    \tsadb_seq=0 pid=285 refcnt=0\n";

#[test]
fn sas() {
    assert_eq!(shown(&sa_bytes(&esp()), CREATED + 1, false), ESP);
    let mut comp = Sa {
        satype: SaType::IpComp,
        auth_key: None,
        encrypt_key: None,
        ..esp()
    };
    (comp.info.encrypt, comp.info.auth) = (2, 0);
    let text = shown(&sa_bytes(&comp), CREATED, false);
    assert!(text.contains("\n\tC: deflate \tseq=0x00000000 "), "{text}");
    let natted = Sa {
        nat_t_type: Some(2),
        nat_t_sport: Some(4500),
        nat_t_dport: Some(34567),
        ..esp()
    };
    let text = shown(&sa_bytes(&natted), CREATED, false);
    assert!(
        text.starts_with("10.0.0.1 10.0.0.2 \n\tesp-udp mode=tunnel "),
        "{text}"
    );
    let text = shown(&sa_bytes(&natted), CREATED, true);
    assert!(
        text.starts_with("10.0.0.1[4500] 10.0.0.2[34567] \n"),
        "{text}"
    );
}

/// The policy of the listing, with this priority.
fn entry(templates: &[Template], priority: u32) -> SpdEntry<'_> {
    let network = |text, port| Endpoint {
        prefix_len: 24,
        proto: 6,
        port,
        ..Endpoint::whole(addr(text))
    };
    SpdEntry {
        src: network("10.2.0.0", 0),
        dst: network("10.1.0.0", 80),
        policy: Policy {
            action: Action::Ipsec,
            direction: 1,
            id: 8,
            priority,
            templates: Templates::new(templates),
        },
        hard: None,
        soft: None,
        current: Some(Lifetime {
            addtime: CREATED + 1,
            ..Lifetime::default()
        }),
        sec_ctx: None,
    }
}

fn tunnel() -> Template {
    Template {
        proto: 50,
        mode: Mode::Tunnel,
        level: Level::Unique,
        reqid: 17,
        ends: Some((
            "10.0.0.2:0".parse().unwrap(),
            "10.0.0.1:4500".parse().unwrap(),
        )),
    }
}

#[test]
fn policies() {
    let templates = [tunnel()];
    let want = "10.2.0.0/24[any] 10.1.0.0/24[80] tcp\n\
        \tin prio def + 5 ipsec\n\
        \tesp/tunnel/10.0.0.2-10.0.0.1[4500]/unique:17\n\
        \tcreated: Nov 21 07:10:37 2026  lastused:                     \n\
        \tlifetime: 0(s) validtime: 0(s)\n\
        \tspid=8 seq=2 pid=286\n\
        \trefcnt=2\n";
    assert_eq!(
        shown(&policy_bytes(&entry(&templates, 0x7fff_fffb)), 0, false),
        want
    );
    for (priority, want) in [
        (0, "\tin ipsec\n"),
        (0x8000_0000, "\tin prio def ipsec\n"),
        (375_423, "\tin prio high + 1073366401 ipsec\n"),
        (0xc000_0001, "\tin prio low - 1 ipsec\n"),
    ] {
        let text = shown(&policy_bytes(&entry(&templates, priority)), 0, false);
        assert!(text.contains(want), "{text}");
    }
    let mut socket = entry(&[], 0);
    (socket.policy.direction, socket.policy.action) = (5, Action::None);
    let text = shown(&policy_bytes(&socket), 0, false);
    assert!(
        text.starts_with("(per-socket policy) \n\tout(socket) none\n\tcreated: "),
        "{text}"
    );
    let all = Endpoint {
        proto: 255,
        prefix_len: 32,
        ..socket.src
    };
    let whole = SpdEntry {
        src: all,
        dst: all,
        ..entry(&[], 1)
    };
    let text = shown(&policy_bytes(&whole), 0, false);
    assert!(
        text.starts_with("10.2.0.0[any] 10.2.0.0[any] 255\n"),
        "{text}"
    );
}

#[test]
fn json_has_no_key() {
    let value = show::message_value(&sa_bytes(&esp())).to_string();
    for part in [
        r#""type":"dump","satype":"esp","process":285,"sequence":0,"error":null,"sa":{"src":"10.0.0.1","#,
        r#""spi":"0x1001","mode":"tunnel","reqid":17,"encryption":"aes-cbc","enc_key_bits":128,"#,
        r#""compression":null,"replay_window":32,"flags":"0x0","state":"mature""#,
        r#""hard":{"allocations":0,"bytes":0,"addtime":3600,"usetime":0}"#,
    ] {
        assert!(value.contains(part), "{part} is not in {value}");
    }
    assert!(
        !value.contains("c0c0") && !value.contains("192,192"),
        "{value}"
    );
    let templates = [tunnel()];
    let value = show::message_value(&policy_bytes(&entry(&templates, 7))).to_string();
    for part in [
        r#""src":"10.2.0.0/24","src_port":null,"dst":"10.1.0.0/24","dst_port":80,"protocol":"tcp""#,
        r#""policy":{"direction":"in","action":"ipsec","priority":7,"id":8,"templates":[{"protocol":"esp","#,
        r#""dst":"10.0.0.1","dst_port":4500,"level":"unique","reqid":17}]}"#,
        r#""references":2"#,
    ] {
        assert!(value.contains(part), "{part} is not in {value}");
    }
}

#[test]
fn messages_are_shown_without_keys_whatever_happened_to_them() {
    let templates = [tunnel()];
    let samples = [sa_bytes(&esp()), policy_bytes(&entry(&templates, 7))];
    let text = show::tests::decoded(&samples[0]);
    let mut want = String::from("sadb_msg{ version=2 type=10 errno=0 satype=3\n");
    writeln!(
        want,
        "  len={} reserved=0 seq=0 pid=285",
        samples[0].len() / 8
    )
    .unwrap();
    want.push_str("sadb_ext{ len=2 type=1 }\nsadb_sa{ spi=4097 replay=32 state=1\n  auth=5 encrypt=12 flags=0x00000000 }\n");
    assert!(text.starts_with(&want), "{text}");
    for part in [
        "sadb_address{ proto=255 prefixlen=32 reserved=0x0000 }\nsockaddr{ len=16 family=2 port=0\n 0a000001  }\n",
        "sadb_x_sa2{ mode=2 reqid=17\n  reserved1=0 reserved2=0 sequence=0 }\n",
        "sadb_key{ bits=128 reserved=0\n  key not shown }\n",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let bytes = show::tests::bytes(&samples[0]);
    assert!(
        bytes.starts_with("020a0003 ") && !bytes.contains("c0c0"),
        "{bytes}"
    );
    let mut random = Random::new(9);
    for round in 0..8000 {
        let damaged = random.damaged(&samples[round % 2], &[0, 1, 2, 8, 9, 16, 0x7f, 0xff]);
        assert!(show::tests::decoded(&damaged).starts_with("sadb_msg{ "));
        assert!(show::tests::bytes(&damaged).len() >= 2 * damaged.len().min(16));
        assert!(show::message_value(&damaged).to_string().starts_with('{'));
        if let Ok(envelope) = envelope::open(&damaged) {
            if let Ok(Message::Sa(_) | Message::Policy(_)) = message(&envelope) {
                assert!(shown(&damaged, 0, true).ends_with('\n'));
            }
        }
    }
}
