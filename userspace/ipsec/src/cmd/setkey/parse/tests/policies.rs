// SPDX-License-Identifier: GPL-2.0-only

//! Commands about policies.

use klips_core::pfkey::linux::{Direction, Level};

use super::*;
use crate::cmd::setkey::statement::PolicyVerb;

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
