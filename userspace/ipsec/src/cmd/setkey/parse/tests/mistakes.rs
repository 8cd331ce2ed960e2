// SPDX-License-Identifier: GPL-2.0-only

//! Every way to get a script wrong, and what is said of it.

use super::*;
use crate::testing::Random;

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
                add gate gate esp \"c0ffee\";spdflush 0xc0ffee11c0ffee;\nadd gate gate esp 0x100 -A null 0xc0ffee11;\n\
                add gate gate esp 0xc0ffee1122 -E null;add gate gate esp 0x100 -m tunnel 0xc0ffee1122;\n\
                add gate gate esp 0x100 -u 0xc0ffee1122;add gate gate esp 0x100 -A 0xc0ffee1122;\n\
                0xc0ffee1122;get 0xc0ffee1122 gate esp 5;spdadd gate gate 0xc0ffee1122 -P in none;";
    let Err(wrong) = script(text, &resolver) else {
        panic!("no mistake");
    };
    let places: Vec<String> = wrong.iter().map(|one| one.place.to_string()).collect();
    let want = [
        "1:1", "3:36", "4:19", "4:37", "5:33", "6:19", "6:74", "7:28", "7:68", "8:1", "8:18",
        "8:59",
    ];
    assert_eq!(places, want);
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
