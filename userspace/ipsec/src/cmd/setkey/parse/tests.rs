// SPDX-License-Identifier: GPL-2.0-only

//! Every production of the language, and every way to get it wrong.

use std::fmt::Write;
use std::net::IpAddr;

use klips_core::pfkey::linux::{Direction, Level, Mode, Range, Request, SaType};

use super::*;
use crate::cmd::setkey::statement::{PolicyVerb, SaVerb};
use crate::testing::Random;

/// The names that there are in these tests.
fn resolver(name: &str) -> Vec<IpAddr> {
    let addrs: &[&str] = match name {
        "gate" => &["192.0.2.1"],
        "far-gate" => &["192.0.2.2"],
        "dual" => &["192.0.2.3", "2001:db8::3"],
        "twin" => &["192.0.2.4", "2001:db8::4"],
        _ => &[],
    };
    addrs.iter().map(|addr| addr.parse().unwrap()).collect()
}

fn read(text: &str) -> Vec<Statement> {
    script(text, &resolver).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// The first mistake of a script, with its place.
fn mistake(text: &str) -> String {
    let Err(wrong) = script(text, &resolver) else {
        panic!("{text} is right");
    };
    format!("{} {}", wrong[0].place, wrong[0].why)
}

/// What the statements of a script are, in one line each.
fn outline(text: &str) -> String {
    let mut lines = String::new();
    for statement in read(text) {
        match &statement.command {
            Command::Sa(verb, pairs, spec) => {
                for ends in pairs {
                    let sa = spec.whole(ends);
                    let sa2 = sa.sa2.unwrap();
                    write!(
                        lines,
                        "{verb:?} {} {} {} {:#x} {} {}",
                        sa.src.addr,
                        sa.dst.addr,
                        sa.satype.name(),
                        sa.info.spi,
                        sa2.mode.name(),
                        sa2.reqid
                    )
                    .unwrap();
                    let bits =
                        |key: Option<klips_core::pfkey::ext::Key<'_>>| key.map(|key| key.bits);
                    writeln!(
                        lines,
                        " E{}/{:?} A{}/{:?}",
                        sa.info.encrypt,
                        bits(sa.encrypt_key),
                        sa.info.auth,
                        bits(sa.auth_key)
                    )
                    .unwrap();
                }
            }
            Command::DeleteAll(pairs, satype) => {
                writeln!(lines, "DeleteAll {} {}", pairs.len(), satype.name()).unwrap();
            }
            Command::Flush(satype) => writeln!(lines, "Flush {satype:?}").unwrap(),
            Command::Dump(satype) => writeln!(lines, "Dump {satype:?}").unwrap(),
            Command::Policy(verb, selectors, spec) => {
                for (src, dst) in selectors {
                    let entry = spec.entry(*src, *dst);
                    let end = |end: &klips_core::pfkey::linux::Endpoint| {
                        format!("{}/{}[{}]", end.addr, end.prefix_len, end.port)
                    };
                    write!(
                        lines,
                        "{verb:?} {} {} {} {} {:#x} {}",
                        end(&entry.src),
                        end(&entry.dst),
                        entry.src.proto,
                        spec.direction.name(),
                        spec.priority,
                        spec.action.name()
                    )
                    .unwrap();
                    for one in &spec.templates {
                        let ends = one.ends.map(|(src, dst)| format!("{src}-{dst}"));
                        write!(
                            lines,
                            " {}/{}/{}/{}:{}",
                            one.proto,
                            one.mode.name(),
                            ends.unwrap_or_default(),
                            one.level.name(),
                            one.reqid
                        )
                        .unwrap();
                    }
                    writeln!(lines).unwrap();
                }
            }
            Command::SpdGet(id) => writeln!(lines, "SpdGet {id}").unwrap(),
            Command::SpdFlush => lines.push_str("SpdFlush\n"),
            Command::SpdDump => lines.push_str("SpdDump\n"),
        }
    }
    lines
}

/// Checks scripts against their outlines.
fn table(rows: &[(&str, &str)]) {
    for (text, want) in rows {
        assert_eq!(outline(text).trim_end(), *want, "{text}");
    }
}

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
fn policies() {
    table(&[
        (
            "spdadd 10.0.11.41/32[21] 10.0.11.33/32[any] any\n\t-P out ipsec esp/tunnel/192.168.0.1-192.168.1.2/require ;",
            "Add 10.0.11.41/32[21] 10.0.11.33/32[0] 255 out 0x80000000 ipsec 50/tunnel/192.168.0.1:0-192.168.1.2:0/require:0",
        ),
        (
            "spdadd ::/0 ::/0 icmp6 135,0 -P in none;spdadd 0.0.0.0/0 0.0.0.0/0 icmp 8,0 -P out discard;",
            "Add ::/0[135] ::/0[0] 58 in 0x80000000 none\nAdd 0.0.0.0/0[8] 0.0.0.0/0[0] 1 out 0x80000000 discard",
        ),
        (
            "spdupdate 10.1.0.0/24 10.2.0.0/24 tcp -P fwd prio def + 5 ipsec esp/transport//use ah/transport//require;",
            "Update 10.1.0.0/24[0] 10.2.0.0/24[0] 6 fwd 0x7ffffffb ipsec 50/transport//use:0 51/transport//require:0",
        ),
        (
            "spdadd 10.1.0.1 10.2.0.1[80] 17 -P in ipsec ipcomp/transport//use esp/tunnel/gate[4500]-far-gate[4501]/unique:7;",
            "Add 10.1.0.1/32[0] 10.2.0.1/32[80] 17 in 0x80000000 ipsec 108/transport//use:0 \
             50/tunnel/192.0.2.1:4500-192.0.2.2:4501/unique:7",
        ),
        (
            "spdadd gate gate gre 0x00010002 -P in ipsec esp / tunnel / gate - far-gate / unique;\
             spdadd gate gate gre 1.2.3.4 -P in none;",
            "Add 192.0.2.1/32[1] 192.0.2.1/32[2] 47 in 0x80000000 ipsec 50/tunnel/192.0.2.1:0-192.0.2.2:0/unique:0\n\
             Add 192.0.2.1/32[258] 192.0.2.1/32[772] 47 in 0x80000000 none",
        ),
        (
            "spdadd gate gate ip4 -P out ipsec esp/tunnel/2001:db8::1-2001:db8::2 ah/transport/me-any/default;",
            "Add 192.0.2.1/32[0] 192.0.2.1/32[0] 4 out 0x80000000 ipsec \
             50/tunnel/[2001:db8::1]:0-[2001:db8::2]:0/default:0 51/transport//default:0",
        ),
        (
            "spddelete 10.1.0.0/24 [any] 10.2.0.0/24 any -P out;spddelete gate gate any -P in none;\
             spdget gate gate any -P in ipsec esp/transport//require;spdget 18;spdflush;spddump;",
            "Delete 10.1.0.0/24[0] 10.2.0.0/24[0] 255 out 0x0 discard\n\
             Delete 192.0.2.1/32[0] 192.0.2.1/32[0] 255 in 0x0 discard\n\
             Get 192.0.2.1/32[0] 192.0.2.1/32[0] 255 in 0x0 discard\nSpdGet 18\nSpdFlush\nSpdDump",
        ),
    ]);
    let context = read("spdadd gate gate any -ctx 1 2 \"label\" -P out none;");
    let Command::Policy(PolicyVerb::Add, _, spec) = &context[0].command else {
        panic!("no spdadd");
    };
    assert_eq!(spec.context.as_ref().unwrap().text, b"label\0");
}

#[test]
fn priorities_count_downwards_in_the_kernel() {
    for (text, want) in [
        ("", 0x8000_0000_u32),
        ("prio def", 0x8000_0000),
        ("priority low", 0xc000_0000),
        ("prio high", 0x4000_0000),
        ("prio high + 1073366401", 375_423),
        ("prio low-1", 0xc000_0001),
        ("prio low -1", 0xc000_0001),
        ("prio def +5", 0x7fff_fffb),
        ("prio 100", 0x8000_0000 - 100),
        ("prio -100", 0x8000_0000 + 100),
        ("prio - 100", 0x8000_0000 + 100),
        ("prio 2147483647", 1),
        ("prio -2147483647", u32::MAX),
    ] {
        let line = format!("spdadd gate gate any -P in {text} none;");
        let statements = read(&line);
        let Command::Policy(_, _, spec) = &statements[0].command else {
            panic!("no spdadd");
        };
        assert_eq!(spec.priority, want, "{text}");
    }
    for text in [
        "2147483648",
        "-2147483648",
        "low+",
        "middle",
        "5+5",
        "def+-1",
    ] {
        let line = format!("spdadd gate gate any -P in prio {text} none;");
        assert!(
            mistake(&line).starts_with("1:33 a priority is "),
            "{}",
            mistake(&line)
        );
    }
}

#[test]
fn a_policy_inwards_has_a_copy_forwards() {
    let statements = read(
        "spdadd gate gate any -P in ipsec esp/transport//unique:7 ah/transport//use;\
         spdadd gate gate any -P out none;",
    );
    let Command::Policy(_, _, spec) = &statements[0].command else {
        panic!("no spdadd");
    };
    let copy = spec.forwarded().unwrap();
    assert_eq!(
        (copy.direction, copy.priority),
        (Direction::Forward, spec.priority)
    );
    let levels = copy.templates.iter().map(|one| (one.level, one.reqid));
    assert!(levels.eq([(Level::Require, 0), (Level::Use, 0)]));
    let Command::Policy(_, _, spec) = &statements[1].command else {
        panic!("no spdadd");
    };
    assert!(spec.forwarded().is_none());
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
fn mistakes_are_told_with_their_place() {
    for (text, want) in [
        ("flush", "1:1 the script ends before the ';' behind this"),
        (
            "flush\n\n foo;",
            "3:2 the protocol is esp, esp-udp, ah or ipcomp, not 'foo'",
        ),
        (
            "add gate gate esp;",
            "1:18 the SPI is missing before this ';'",
        ),
        (
            "add gate gate esp 0xff -E null;",
            "1:19 SPIs below 256 are reserved, as 0xff is",
        ),
        (
            "add gate gate ipcomp 65536 -C deflate;",
            "1:22 the SPI of IPComp has 16 bits, which 65536 does not fit in",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc 0x012;",
            "1:36 the key has an odd number of digits, 3",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc 0x01g2;",
            "1:40 this is no hexadecimal digit of a key",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc 0x;",
            "1:36 the key has no digits",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc 0x0102;",
            "1:36 aes-cbc has a key of 128, 192 or 256 bits, not of 16 bits",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc;",
            "1:28 aes-cbc has a key of 128, 192 or 256 bits, which is missing",
        ),
        (
            "add gate gate esp 0x100 -E null \"x\";",
            "1:33 null has no key",
        ),
        (
            "add gate gate esp 0x100 -E aes-cbc word;",
            "1:36 a key is hexadecimal digits behind 0x, or text between quotation marks",
        ),
        (
            "add gate gate esp 0x100;",
            "1:15 an SA of ESP has a cipher (-E), if only null",
        ),
        (
            "add gate gate ah 0x100 -E null;",
            "1:15 an SA of AH has authentication (-A) and nothing else",
        ),
        (
            "add gate gate ipcomp 9 -E null;",
            "1:15 an SA of IPComp has compression (-C) and nothing else",
        ),
        (
            "add gate gate esp 0x100 -E null -C deflate;",
            "1:15 an SA of ESP has no compression: that is an SA of IPComp",
        ),
        (
            "add gate gate esp 0x100 -E null -E null;",
            "1:33 -E is here twice",
        ),
        (
            "add gate gate esp 0x100 -E null -m tunnel;",
            "1:33 behind an algorithm stands another one (-E, -A, -C) or ';'",
        ),
        (
            "add gate gate esp 0x100 -m fast;",
            "1:28 the mode is any, transport, tunnel or beet, not 'fast'",
        ),
        (
            "add gate gate esp 0x100 -r 256;",
            "1:28 the replay window, in packets, is a number from 0 to 255, which '256' is not",
        ),
        (
            "add gate[70000] gate esp 5;",
            "1:5 a port is a number up to 65535, which 70000 is not",
        ),
        (
            "add gate[500 gate esp 5;",
            "1:5 the ']' behind the port of gate is missing",
        ),
        (
            "add gate gate esp 0x100 -f thick;",
            "1:28 behind -f stands zero-pad, seq-pad, random-pad or nocyclic-seq, not 'thick'",
        ),
        (
            "getspi gate gate esp 0x200-0x100;",
            "1:22 the range ends before it begins",
        ),
        (
            "spdadd 10.0.0.0/33 gate any -P in none;",
            "1:8 the prefix of 10.0.0.0 is a number up to 32, which '33' is not",
        ),
        (
            "spdadd gate gate nothing -P in none;",
            "1:18 there is no protocol 'nothing'",
        ),
        (
            "spdadd gate gate any in none;",
            "1:22 -P and a policy are wanted here, not 'in'",
        ),
        (
            "spdadd gate gate icmp 8,x -P in none;",
            "1:23 behind ICMP stand a type and a code, such as 8,0; not '8,x'",
        ),
        (
            "spdadd gate[1] gate icmp 8,0 -P in none;",
            "1:26 this protocol has no ports, but the networks do",
        ),
        (
            "spdadd gate gate any -P up none;",
            "1:25 the direction is in, out or fwd, not 'up'",
        ),
        (
            "spdadd gate gate any -P in;",
            "1:27 discard, none or ipsec is missing before this ';'",
        ),
        (
            "spdadd gate gate any -P in ipsec;",
            "1:28 behind ipsec stands protocol/mode/source-destination/level",
        ),
        (
            "spdadd gate gate any -P in ipsec esp;",
            "1:34 the mode is transport or tunnel, not ''",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/tunnel//use;",
            "1:34 a tunnel has ends: source-destination",
        ),
        (
            "spdadd gate gate any -P out ipsec esp/tunnel/gate-far-gate/use;",
            "1:35 a tunnel on the way out cannot be optional",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/transport//always;",
            "1:34 the level is default, use, require or unique, not 'always'",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/transport//use/x;",
            "1:34 'esp/transport//use/x' has a '/' too many",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/tunnel/gate/use;",
            "1:34 the ends of an SA are source-destination, not 'gate'",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/tunnel/gate-nowhere/use;",
            "1:34 no address is known for 'nowhere'",
        ),
        (
            "spdadd gate gate any -P in ipsec esp/tunnel/dual-twin/use;",
            "1:34 dual and twin have more addresses than one; write those that are meant",
        ),
        ("spdget 3;", "1:8 no policy of the table has this number"),
        (
            "get gate gate esp 5 6;",
            "1:21 '6' is none of -m, -u, -r, -lh, -ls, -bh, -bs, -f, -ctx, -E, -A and -C",
        ),
        ("spdflush esp;", "1:10 ';' is wanted here, not 'esp'"),
        (
            "spdflush \"secret\";",
            "1:10 ';' is wanted here, not a quotation",
        ),
        (
            "\"flush\";",
            "1:1 a quotation is no command; commands are add, ",
        ),
    ] {
        let found = mistake(text);
        assert!(
            found == want || want.ends_with(' ') && found.starts_with(want),
            "{text}\n{found}"
        );
    }
    let unique = mistake("spdadd gate gate any -P in ipsec esp/transport//unique:16384;");
    assert!(
        unique.starts_with("1:34 unique has a number from 1 to 16383"),
        "{unique}"
    );
}

#[test]
fn what_is_not_supported_has_a_reason() {
    for text in [
        "add gate gate esp-old 0x100 -E null;",
        "add gate gate ah-old 0x100 -A null;",
        "add gate gate tcp 0x1000 -A tcp-md5 \"key\";",
        "add gate gate ah 0x100 -A keyed-md5 \"1234567890123456\";",
        "add gate gate esp 0x100 -E des-deriv \"12345678\";",
        "add gate gate esp 0x100 -f zero-pad -E null;",
        "add gate gate ipcomp 9 -C deflate -R;",
        "spdadd tagged \"ipsec\" -P out none;",
        "spdadd gate gate any -P in ipsec esp/tunnel/any-me/require;",
    ] {
        let told = mistake(text);
        assert!(told.contains(" is not supported: "), "{told}");
    }
    for text in ["entrust", "bypass"] {
        let told = mistake(&format!("spdadd gate gate any -P in {text};"));
        assert!(told.contains("policies of sockets"), "{told}");
    }
}

#[test]
fn all_mistakes_are_found_and_no_key_is_told() {
    let text = "foo 1;\nflush;\nadd gate gate esp 0x100 -E aes-cbc 0xc0ffee11c0ffee1;\n\
                add gate gate esp \"c0ffee\";spdflush 0xc0ffee11c0ffee;\nadd gate gate esp 0x100 -A null 0xc0ffee11;";
    let Err(wrong) = script(text, &resolver) else {
        panic!("no mistake");
    };
    let places: Vec<String> = wrong.iter().map(|one| one.place.to_string()).collect();
    assert_eq!(places, ["1:1", "3:36", "4:19", "4:37", "5:33"]);
    for one in wrong {
        assert!(!one.why.contains("c0ffee"), "{}", one.why);
    }
    let many = "foo;".repeat(100);
    assert_eq!(script(&many, &resolver).err().unwrap().len(), MOST_MISTAKES);
}

#[test]
fn damaged_scripts_are_read_or_refused() {
    let sample = "add gate[4500] far-gate esp-udp 0x1001 -m tunnel -ctx 1 1 \"x\" -E aes-cbc 0x00112233445566778899aabbccddeeff;\n\
                  spdadd 10.1.0.0/24[any] 2001:db8::/64 icmp6 1,2 -P in prio low - 5 ipsec esp/tunnel/gate-far-gate/unique:7;\n\
                  getspi gate gate ah 0x100-0x200; spdget 18; deleteall dual twin ipcomp; flush esp; # end";
    let mut random = Random::new(5);
    for _ in 0..20_000 {
        let damaged = random.damaged(sample.as_bytes(), b" ;#\"/-[]:,0x9az\n\xc3\xbc");
        let text = String::from_utf8_lossy(&damaged);
        if let Err(wrong) = script(&text, &resolver) {
            assert!(!wrong.is_empty());
            for one in wrong {
                assert!(one.place.line >= 1 && one.place.column >= 1);
                assert!(!one.why.is_empty() && !one.why.contains('\n'));
            }
        }
    }
}

#[test]
fn long_scripts_are_read_in_no_time() {
    let mut text = String::new();
    for n in 0..10_000_u32 {
        let [_, _, a, b] = n.to_be_bytes();
        writeln!(
            text,
            "add 10.0.0.1 10.9.{a}.{b} esp {:#x} -m tunnel -E aes-cbc 0x00112233445566778899aabbccddeeff;",
            0x1000 + n
        )
        .unwrap();
    }
    let began = std::time::Instant::now();
    assert_eq!(read(&text).len(), 10_000);
    assert!(began.elapsed().as_secs() < 5);
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
