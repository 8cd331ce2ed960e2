// SPDX-License-Identifier: GPL-2.0-only

//! Commands about SAs, and what all commands have in common.

use klips_core::pfkey::linux::{Mode, Range, Request, SaType};

use super::*;
use crate::cmd::setkey::statement::SaVerb;

#[test]
fn sas_of_every_protocol() {
    table(&[
        (
            "add 10.0.0.1 10.0.0.2 esp 0x1001 -m tunnel -u 17 -r 32 -lh 3600 -ls 3000 \
             -E aes-cbc 0x00112233445566778899aabbccddeeff -A hmac-sha1 \"ThisIsA20CharacterKe\";",
            "Add 10.0.0.1 10.0.0.2 esp 0x1001 tunnel 17 E12/Some(128) A3/Some(160)",
        ),
        (
            "add 3ffe:501:4819::1 3ffe:501:481d::1 ah 123456 -A hmac-sha2-256 \"12345678901234567890123456789012\" ;",
            "Add 3ffe:501:4819::1 3ffe:501:481d::1 ah 0x1e240 any 0 E0/None A5/Some(256)",
        ),
        (
            "add 10.0.0.1 10.0.0.2 ipcomp 12 -m transport -C deflate;",
            "Add 10.0.0.1 10.0.0.2 ipcomp 0xc transport 0 E2/None A0/None",
        ),
        (
            "add 10.0.0.1 10.0.0.2 esp 257 -E null;update 10.0.0.1 10.0.0.2 esp 257 -E simple -A null;",
            "Add 10.0.0.1 10.0.0.2 esp 0x101 any 0 E11/Some(0) A0/None\n\
             Update 10.0.0.1 10.0.0.2 esp 0x101 any 0 E11/Some(0) A251/Some(0)",
        ),
        (
            "add 10.0.0.1 10.0.0.2 esp 256 -E aes-gcm-16 0x00112233445566778899aabbccddeeff00112233;",
            "Add 10.0.0.1 10.0.0.2 esp 0x100 any 0 E20/Some(160) A0/None",
        ),
        (
            "get 10.0.0.1 10.0.0.2 esp 0x1;delete 10.0.0.1 10.0.0.2 ah 0xffffffff;deleteall 10.0.0.1 10.0.0.2 esp;",
            "Get 10.0.0.1 10.0.0.2 esp 0x1 any 0 E0/None A0/None\n\
             Delete 10.0.0.1 10.0.0.2 ah 0xffffffff any 0 E0/None A0/None\nDeleteAll 1 esp",
        ),
        (
            "flush;flush esp;dump;dump ipcomp;flush any;",
            "Flush None\nFlush Some(Esp)\nDump None\nDump Some(IpComp)\nFlush None",
        ),
        (
            "getspi 10.0.0.1 10.0.0.2 esp 0 -m tunnel -u 5;",
            "GetSpi(None) 10.0.0.1 10.0.0.2 esp 0x0 tunnel 5 E0/None A0/None",
        ),
    ]);
}

#[test]
fn what_an_sa_may_have_besides() {
    let statements = read(
        "add gate[4500] far-gate[34567] esp-udp 203.0.113.9 0x2000 -f seq-pad -f nocyclic-seq -bh 1000 -r 255
         -ctx 1 1 \"system_u:object_r:x\" -E 3des-cbc \"123456789012123456789012\";
         add gate gate esp-udp 0x2001 -lh 60 -E null;",
    );
    let Command::Sa(SaVerb::Add, pairs, spec) = &statements[0].command else {
        panic!("no add");
    };
    let sa = spec.whole(&pairs[0]);
    assert_eq!(
        (sa.nat_t_type, sa.nat_t_sport, sa.nat_t_dport),
        (Some(2), Some(4500), Some(34567))
    );
    assert_eq!((sa.src.port, sa.dst.port), (0, 0));
    assert_eq!(sa.nat_t_oa.unwrap().addr.to_string(), "203.0.113.9");
    assert_eq!(sa.sec_ctx.unwrap().text, b"system_u:object_r:x\0");
    assert_eq!((sa.hard.unwrap().bytes, sa.soft.unwrap().bytes), (1000, 0));
    assert_eq!(sa.info.replay, 255);
    let Command::Sa(_, pairs, spec) = &statements[1].command else {
        panic!("no add");
    };
    let sa = spec.whole(&pairs[0]);
    assert_eq!((sa.nat_t_sport, sa.nat_t_dport), (Some(4500), Some(4500)));
    assert_eq!(
        (sa.hard.unwrap().addtime, sa.soft.unwrap().addtime),
        (60, 0)
    );
    let range = |text: &str| match &read(text)[0].command {
        Command::Sa(SaVerb::GetSpi(range), ..) => *range,
        _ => panic!("no getspi"),
    };
    let some = |min, max| Some(Range { min, max });
    assert_eq!(range("getspi gate gate esp 0x100-511 ;"), some(256, 511));
    // What KAME's grammar wants there, and nobody looks at.
    let full = "getspi gate gate esp 4096 -E des-cbc \"12345678\";";
    assert_eq!(range(full), some(4096, 4096));
}

#[test]
fn names_stand_for_all_their_addresses() {
    let named = |text: &str| outline(text).lines().count();
    assert_eq!(named("get dual twin esp 5;"), 2);
    assert_eq!(named("get -4 dual twin esp 5;"), 1);
    assert_eq!(named("get -46 dual twin esp 5;"), 2);
    assert_eq!(named("get dual gate esp 5;"), 1);
    assert_eq!(named("spdadd -6 dual twin any -P in none;"), 1);
    assert_eq!(outline("deleteall dual twin ah;"), "DeleteAll 2 ah\n");
    for (text, want) in [
        ("get -n gate gate esp 5;", "1:8 'gate' is no address"),
        (
            "get -x gate gate esp 5;",
            "1:5 '-x' is none of the options of addresses: -4, -6 and -n",
        ),
        (
            "get -6 gate gate esp 5;",
            "1:8 no address is known for 'gate'",
        ),
        (
            "get nowhere gate esp 5;",
            "1:5 no address is known for 'nowhere'",
        ),
        ("get 10.0.0 gate esp 5;", "1:5 '10.0.0' is no address"),
        (
            "get 2001:db8::1 gate esp 5;",
            "1:17 source and destination are not of one family",
        ),
        (
            "get fe80::1%eth0 gate esp 5;",
            "1:5 'fe80::1%eth0' has a zone, which SAs and policies do not",
        ),
        (
            "get 10.0.0.0/24 gate esp 5;",
            "1:5 an SA is between addresses, not networks",
        ),
    ] {
        assert_eq!(mistake(text), want);
    }
}

#[test]
fn the_script_ends_where_it_says_so() {
    for word in ["exit", "quit", "bye"] {
        let text = format!("flush;{word};this is \"no script");
        assert_eq!(outline(&text), "Flush None\n");
    }
    assert_eq!(outline(" ; ;; # nothing"), "");
    let statements = read("#!/usr/sbin/setkey -f\nflush ;\n  spdflush;");
    assert_eq!(
        (statements[1].place.to_string().as_str(), statements[1].name),
        ("3:3", "spdflush")
    );
}

#[test]
fn what_is_sent_is_what_the_script_says() {
    let statements = read("delete 10.0.0.1 10.0.0.2 esp 0x1001;");
    let Command::Sa(SaVerb::Delete, pairs, spec) = &statements[0].command else {
        panic!("no delete");
    };
    let mut buf = [0; 256];
    let origin = klips_core::pfkey::build::Origin { seq: 0, pid: 1 };
    let request = Request::Delete(spec.named(&pairs[0]));
    let bytes = klips_core::pfkey::linux::compose::request(&mut buf, origin, &request).unwrap();
    let mut digits = String::new();
    for byte in bytes {
        write!(digits, "{byte:02x}").unwrap();
    }
    let want = crate::testing::hex(
        "02040003 0a000000 00000000 01000000 02000100 00001001 00000000 00000000
         03000500 ff200000 02000000 0a000001 00000000 00000000
         03000600 ff200000 02000000 0a000002 00000000 00000000",
    );
    assert_eq!(digits, want);
    assert_eq!((spec.satype, spec.mode), (SaType::Esp, Mode::Any));
}

#[test]
fn messages_are_as_long_as_those_of_kames_program() {
    let statements = read(
        "add 10.0.0.1 10.0.0.2 esp 0x1001 -m tunnel -u 17 -r 32 -lh 3600 -ls 3000
             -E aes-cbc 0x00112233445566778899aabbccddeeff
             -A hmac-sha256 0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff;
         add 10.0.0.2 10.0.0.1 ah 0x1002 -A hmac-sha1 0x00112233445566778899aabbccddeeff00112233;
         add 10.0.0.1 10.0.0.2 ipcomp 0x1003 -C deflate;
         spdadd 10.1.0.0/24 10.2.0.0/24 any -P out ipsec esp/tunnel/10.0.0.1-10.0.0.2/require;",
    );
    let mut buf = [0; 512];
    let origin = klips_core::pfkey::build::Origin { seq: 0, pid: 1 };
    let mut lens = Vec::new();
    for statement in &statements {
        let request = match &statement.command {
            Command::Sa(_, pairs, spec) => Request::Add(spec.whole(&pairs[0])),
            Command::Policy(_, selectors, spec) => {
                Request::SpdAdd(spec.entry(selectors[0].0, selectors[0].1))
            }
            _ => panic!("no such message"),
        };
        let bytes = klips_core::pfkey::linux::compose::request(&mut buf, origin, &request);
        lens.push(bytes.unwrap().len());
    }
    assert_eq!(lens, [224, 128, 96, 128]);
}
