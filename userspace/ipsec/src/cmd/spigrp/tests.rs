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

fn error(line: &str) -> Error {
    match read(&mut prog(), words(line)) {
        Ok((action, _)) => panic!("{line} was taken for {action:?}"),
        Err(error) => error,
    }
}

#[test]
fn pairs_send_what_the_tool_has_always_sent() {
    let members = members("inet 10.0.0.2 0x1235 tun inet 10.0.0.2 0x1234 esp");
    let requests = requests(&members);
    assert_eq!(requests.len(), 1);
    let want = "020d0009 0f000000 01000000 b6000000
        0300 0100 00001235 00000000 00000000 00000000 00000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0100 1200 03000000
        0300 1300 00001234 00000000 00000000 00000000 00000000
        0300 1400 00000000 0200 0000 0a000002 0000000000000000";
    assert_eq!(message(&Request::Grpsa(requests[0]), 1, 0xb6), hex(want));
}

#[test]
fn groups_are_pairs_from_the_inside() {
    let four = members("--said tun0x1@1.2.3.4 comp0x2@1.2.3.4 esp0x3@1.2.3.4 ah0x4@1.2.3.4");
    let pairs: Vec<String> = requests(&four).iter().map(sentence).collect();
    let want = [
        "group tun0x1@1.2.3.4 with comp0x2@1.2.3.4 outside it",
        "group comp0x2@1.2.3.4 with esp0x3@1.2.3.4 outside it",
        "group esp0x3@1.2.3.4 with ah0x4@1.2.3.4 outside it",
    ];
    assert_eq!(pairs, want);
}

#[test]
fn one_sa_is_ungrouped() {
    let requests = requests(&members("--debug --label x --said esp0x1234@10.0.0.2"));
    let want = "020d0003 08000000 01000000 01000000
        0300 0100 00001234 00000000 00000000 00000000 00000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000";
    assert_eq!(message(&Request::Grpsa(requests[0]), 1, 1), hex(want));
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
    let group = requests(&members("--said tun0x1000@1.2.3.4 esp0x1001@1.2.3.4"))[0];
    let error = explain(&prog(), &group, Refused::Errno(Errno::ENOENT));
    let want = "ipsec spigrp: pfkey write failed, returning -1 with errno=2.\n\
                ipsec spigrp: pfkey write failed, returning -1 with errno=2.\n\
                device does not exist.  See FreeS/WAN installation procedure.\n\
                ipsec spigrp: cannot group tun0x1000@1.2.3.4 with esp0x1001@1.2.3.4 outside it: at least one of them does \
                not exist\n";
    assert_eq!(error.stderr(), want);
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
