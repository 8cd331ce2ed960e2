// SPDX-License-Identifier: GPL-2.0-only

//! Command lines of `spigrp`: what they mean, what they send, and what is said about those that mean nothing.

use super::*;
use crate::testing::{hex, message, refusals_are_told, words};

fn prog() -> Prog {
    Prog::new("ipsec spigrp")
}

fn members(line: &str) -> Vec<Said> {
    match read(&mut prog(), words(line)) {
        Ok((Action::Group(members), _)) => members,
        other => panic!("{line}: {other:?}"),
    }
}

/// What goes to the kernel for a line, as hexadecimal digits.
fn sent(line: &str, pid: u32) -> String {
    message(&Request::Grpsa(request(&members(line)).unwrap()), 1, pid)
}

fn error(line: &str) -> Error {
    match read(&mut prog(), words(line)) {
        Ok((action, _)) => panic!("{line} was taken for {action:?}"),
        Err(error) => error,
    }
}

#[test]
fn pairs_send_what_the_tool_has_always_sent() {
    let sent = sent("inet 10.0.0.2 0x1235 tun inet 10.0.0.2 0x1234 esp", 0xb6);
    let want = "020d0009 0f000000 01000000 b6000000
        0300 0100 00001235 00000000 00000000 00000000 00000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0100 1200 03000000
        0300 1300 00001234 00000000 00000000 00000000 00000000
        0300 1400 00000000 0200 0000 0a000002 0000000000000000";
    assert_eq!(sent, hex(want));
}

#[test]
fn a_larger_group_is_one_message() {
    let three = "--said tun0x1235@10.0.0.2 comp0x1236@10.0.0.2 esp0x1234@10.0.0.2";
    let want = "020d0009 13000000 01000000 01000000
        0300 0100 00001235 00000000 00000000 00000000 00000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0100 1200 0a000000
        0300 1300 00001236 00000000 00000000 00000000 00000000
        0300 1400 00000000 0200 0000 0a000002 0000000000000000
        0400 2100 00000000 03 00 0200 00001234 0a000002 000000000000000000000000";
    assert_eq!(sent(three, 1), hex(want));
    let four = format!("{three} ah0x1237@2001:db8::2");
    let want = want
        .replace("13000000 01", "16000000 01")
        .replace("0400 2100", "0700 2100");
    let fourth = "02 00 0a00 00001237 20010db8 000000000000000000000002";
    assert_eq!(sent(&four, 1), hex(&want) + &hex(fourth));
}

#[test]
fn what_is_asked_is_a_sentence() {
    let said = "--said tun0x1@1.2.3.4 comp0x2@1.2.3.4 esp0x3@1.2.3.4 ah0x4@1.2.3.4";
    let four = members(said);
    let want = [
        "take tun0x1@1.2.3.4 out of its group",
        "group tun0x1@1.2.3.4 with comp0x2@1.2.3.4 outside it",
        "group tun0x1@1.2.3.4 with comp0x2@1.2.3.4, then esp0x3@1.2.3.4 outside it",
        "group tun0x1@1.2.3.4 with comp0x2@1.2.3.4, then esp0x3@1.2.3.4, then ah0x4@1.2.3.4 outside it",
    ];
    for (count, want) in (1..).zip(want) {
        assert_eq!(sentence(&four[..count]), want);
    }
    assert_eq!(request(&[]), None);
}

#[test]
fn one_sa_is_ungrouped() {
    let want = "020d0003 08000000 01000000 01000000
        0300 0100 00001234 00000000 00000000 00000000 00000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000";
    let sent = sent("--debug --label x --said esp0x1234@10.0.0.2", 1);
    assert_eq!(sent, hex(want));
}

#[test]
fn nothing_asked_for_is_the_list() {
    for line in ["", "--debug", "--label x"] {
        assert_eq!(
            read(&mut prog(), words(line)).map(|(action, _)| action),
            Ok(Action::List(Format::Classic)),
            "{line}"
        );
    }
}

#[test]
fn mistakes() {
    let table = [
        ("--said", "expecting 3 or more args with --said, got 2."),
        (
            "inet 10.0.0.2 0x1234",
            "expecting 5 or more args without --said, got 4.",
        ),
        (
            "--said a b c d e",
            "expecting at most 4 SAs in a group, got 5.",
        ),
        ("inet 10.0.0.2 0x1234 xyz", "Badly formed proto: xyz"),
        ("inet 10.0.0.2 12x esp", "Badly formed spi: 12x"),
        (
            "ipx 10.0.0.2 0x1234 esp",
            "Address family ipx not supported",
        ),
        (
            "inet 10.0.0.2 0x1234 esp inet 10.0.0 0x1235 esp",
            "Error, syntax error in dotted-decimal address converting 2th address argument:10.0.0",
        ),
        (
            "--said esp1234",
            "Error, no @ in SA specifier converting --sa argument:esp1234",
        ),
        ("--label", "--label option requires an argument."),
        ("--nonsense", "unrecognized option '--nonsense'"),
    ];
    for (line, want) in table {
        let error = error(line);
        assert_eq!(error.stderr(), format!("ipsec spigrp: {want}\n"), "{line}");
        assert_eq!(error.status(), 1, "{line}");
    }
    assert!(error("--said")
        .stdout()
        .starts_with("Usage: ipsec spigrp\n"));
    let version = format!("ipsec spigrp, {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(error("--version").stderr(), version);
    assert_eq!(error("--help").status(), 1);
}

#[test]
fn a_refusal_starts_twice() {
    let pair = members("--said tun0x1000@1.2.3.4 esp0x1001@1.2.3.4");
    let refused = Refused::Errno(Errno::ENOENT);
    let error = explain(&prog(), &pair, refused, &KnownSas::of(""));
    let want = "ipsec spigrp: pfkey write failed, returning -1 with errno=2.\n\
                ipsec spigrp: pfkey write failed, returning -1 with errno=2.\n\
                device does not exist.  See FreeS/WAN installation procedure.\n\
                ipsec spigrp: cannot group tun0x1000@1.2.3.4 with esp0x1001@1.2.3.4 outside it: at least one of them does \
                not exist\n";
    assert_eq!(error.stderr(), want);
}

#[test]
fn a_refusal_names_who_is_meant() {
    let known =
        "tun0x1@1.2.3.4 comp0x2@1.2.3.4 \ncomp0x2@1.2.3.4 \nesp0x3@1.2.3.4 \nah0x4@1.2.3.4 \n";
    let table = [
        (
            Errno::ENOENT,
            "esp0x3@1.2.3.4 ah0x4@1.2.3.4 ah0x9@1.2.3.4",
            "ah0x9@1.2.3.4 does not exist",
        ),
        (
            Errno::ENOENT,
            "esp0x8@1.2.3.4 ah0x4@1.2.3.4 ah0x9@1.2.3.4",
            "esp0x8@1.2.3.4 and ah0x9@1.2.3.4 do not exist",
        ),
        // It was made meanwhile.
        (
            Errno::ENOENT,
            "esp0x3@1.2.3.4 ah0x4@1.2.3.4",
            "at least one of them does not exist",
        ),
        (Errno::ENOENT, "esp0x9@1.2.3.4", "it does not exist"),
        (
            Errno::EEXIST,
            "esp0x3@1.2.3.4 comp0x2@1.2.3.4 ah0x4@1.2.3.4",
            "comp0x2@1.2.3.4 is in a group already",
        ),
        (
            Errno::EEXIST,
            "tun0x1@1.2.3.4 comp0x2@1.2.3.4",
            "tun0x1@1.2.3.4 and comp0x2@1.2.3.4 are in groups already",
        ),
        (
            Errno::EEXIST,
            "esp0x3@1.2.3.4 ah0x4@1.2.3.4 esp0x3@1.2.3.4 esp0x3@1.2.3.4",
            "esp0x3@1.2.3.4 cannot be there more than once",
        ),
        (
            Errno::EEXIST,
            "esp0x3@1.2.3.4 ah0x4@1.2.3.4",
            "one of them is grouped with another SA already",
        ),
        (
            Errno::EINVAL,
            "esp0x3@1.2.3.4 ah0x4@1.2.3.4",
            "there would be more than 4 in the group, or SAs of both directions, or one of another dialect",
        ),
        (Errno::EINVAL, "esp0x3@1.2.3.4", "Invalid argument"),
        (Errno::ENOMEM, "esp0x3@1.2.3.4 ah0x4@1.2.3.4", "Out of memory"),
    ];
    for (errno, line, want) in table {
        let members = members(&format!("--said {line}"));
        assert_eq!(
            reason(errno, &members, &KnownSas::of(known)),
            want,
            "{line}"
        );
    }
}

#[test]
fn lines_without_sense_are_told_as_such() {
    let pieces = [
        "--said",
        "esp0x1001@192.0.2.2",
        "tun0x1000@192.0.2.2",
        "inet 192.0.2.2 0x1001 esp",
        "inet6 ::1 0x1001 tun",
        "inet 192.0.2.2 0y esp",
        "ipx 192.0.2.2 0x1001 esp",
        "inet 192.0.2.2 0x1001 x",
        "--json",
        "--debug",
        "--label y",
        "--no",
    ];
    refusals_are_told(&pieces, &[], |line| read(&mut prog(), line));
}
