// SPDX-License-Identifier: GPL-2.0-only

//! Command lines of `eroute`: what they mean, what they send, and what is said about those that mean nothing.

use klips_core::said::SaProto;

use super::*;
use crate::testing::{hex, message, refusals_are_told, words};

fn prog() -> Prog {
    Prog::new("ipsec eroute")
}

fn action(line: &str) -> Action {
    let read = line::read(&mut prog(), words(line));
    read.unwrap_or_else(|error| panic!("{line}: {}", error.stderr()))
        .0
}

fn error(line: &str) -> Error {
    match line::read(&mut prog(), words(line)) {
        Ok((action, _)) => panic!("{line} was taken for {action:?}"),
        Err(error) => error,
    }
}

/// The message of an error without the program's name in front and the line end behind.
fn complaint(line: &str) -> String {
    let error = error(line);
    assert_eq!(error.status(), 1, "{line}");
    let text = error.stderr().strip_prefix("ipsec eroute: ").expect(line);
    text.strip_suffix('\n').expect(line).to_owned()
}

#[test]
fn nothing_asked_for_is_the_list() {
    for line in ["", "--debug", "--label x", "--label=x --debug"] {
        assert_eq!(action(line), Action::List(Format::Classic), "{line}");
    }
}

#[test]
fn the_sa_in_parts_is_the_sa_in_one_word() {
    let selector = "--add --eraf inet --src 10.1.0.0/16 --dst 10.2.0.0/16";
    let parts = action(&format!(
        "{selector} --af inet --edst 10.0.0.2 --spi 0x1235 --proto tun"
    ));
    assert_eq!(
        parts,
        action(&format!("{selector} --said tun0x1235@10.0.0.2"))
    );
    assert_eq!(
        parts,
        action("--said=tun.1235@10.0.0.2 --dst 10.2/16 --src=10.1/16 --add --tr 0")
    );
    let Action::Set {
        how: Set::Add,
        said,
        ..
    } = parts
    else {
        panic!("{parts:?}");
    };
    assert_eq!((said.proto, said.spi), (SaProto::Ipip, 0x1235));
}

#[test]
fn add_sends_what_the_tool_has_always_sent() {
    let action = action(
        "--add --eraf inet --src 10.1.0.0/24 --dst 10.2.0.0/24 --af inet --edst 10.0.0.2 --spi 0x1235 --proto tun",
    );
    let want = "020e0009 1700 0000 01000000 93000000
        0300 0100 00001235 00000000 00000000 00000000 00000000
        0300 0500 00000000 0200 0000 00000000 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0300 1500 00000000 0200 0000 0a010000 0000000000000000
        0300 1600 00000000 0200 0000 0a020000 0000000000000000
        0300 1700 00000000 0200 0000 ffffff00 0000000000000000
        0300 1800 00000000 0200 0000 ffffff00 0000000000000000";
    assert_eq!(message(&request(&action), 1, 0x93), hex(want));
}

#[test]
fn delete_and_clear_send_what_the_tool_has_always_sent() {
    let delete = action("--del --eraf inet --src 10.1.0.0/24 --dst 10.2.0.0/24");
    let want = "020f0000 0e00 0000 01000000 9b000000
        0300 1500 00000000 0200 0000 0a010000 0000000000000000
        0300 1600 00000000 0200 0000 0a020000 0000000000000000
        0300 1700 00000000 0200 0000 ffffff00 0000000000000000
        0300 1800 00000000 0200 0000 ffffff00 0000000000000000";
    assert_eq!(message(&request(&delete), 1, 0x9b), hex(want));
    let clear = action("--clear");
    let want = "020f0000 0500 0000 01000000 a3000000
        0300 0100 00000000 00000000 04000000 00000000 00000000";
    assert_eq!(message(&request(&clear), 1, 0xa3), hex(want));
}

#[test]
fn ports_have_masks_and_the_protocol_an_extension_of_its_own() {
    let action = action(
        "--replace --src 10.1.0.0/16 --dst 10.2.0.1/32 --transport-proto tcp --dst-port 25 --said esp0x130@10.2.0.1",
    );
    let want = "020e0003 1800 0000 01000000 05000000
        0300 0100 00000130 00000000 02000000 00000000 00000000
        0300 0500 00000000 0200 0000 00000000 0000000000000000
        0300 0600 00000000 0200 0000 0a020001 0000000000000000
        0300 1500 00000000 0200 0000 0a010000 0000000000000000
        0300 1600 00000000 0200 0019 0a020001 0000000000000000
        0300 1700 00000000 0200 0000 ffff0000 0000000000000000
        0300 1800 00000000 0200 ffff ffffffff 0000000000000000
        0100 1a00 06000000";
    assert_eq!(message(&request(&action), 1, 5), hex(want));
}

#[test]
fn an_ipv6_shunt_has_an_ipv4_sa() {
    let action = action("--add --eraf inet6 --src 0/0 --dst 2001:db8::/32 --said %trap");
    let text = message(&request(&action), 1, 5);
    assert!(text.starts_with(&hex("020e000b 1f00 0000")), "{text}");
    assert!(
        text.contains(&hex("0300 0600 00000000 0200 0000 00000000")),
        "{text}"
    );
    assert!(
        text.contains(&hex("0500 1600 00000000 0a00 0000 00000000 20010db8")),
        "{text}"
    );
}

#[test]
fn every_way_to_set_has_its_flags() {
    let flags = |option| {
        let action = action(&format!(
            "{option} --src 10.1/16 --dst 10.2/16 --said tun0x1000@1.2.3.4"
        ));
        let Request::AddFlow(add) = request(&action) else {
            panic!("{action:?}");
        };
        add.sa.flags
    };
    let all = ["--add", "--replace", "--addin", "--replacein"].map(flags);
    assert_eq!(all, [0, 2, 8, 10]);
}

#[test]
fn contradictions_and_gaps() {
    let only = "Only one of '--add', '--addin', '--replace', '--replacein', '--clear', or '--del' options permitted.";
    let only_short = "Only one of '--add', '--replace', '--clear', or '--del' options permitted.";
    let none = "exactly one of '--add', '--addin', '--replace', '--del' or '--clear' options must be specified.\n\
                Try ipsec eroute --help' for usage information.";
    let ports =
        "--transport-proto with either UDP or TCP must be specified if --src-port or --dst-port is used";
    let table = [
        ("--del --add", only),
        ("--add --clear", only_short),
        ("--src 10.1/16", none),
        (
            "--add --src 10.1/16 --dst 10.2/16",
            "add and addin options must have SA specified.",
        ),
        (
            "--replace --src 10.1/16 --dst 10.2/16 --edst 1.2.3.4",
            "add and addin options must have SA specified.",
        ),
        (
            "--add --dst 10.2/16 --said %drop",
            "Error -- add option '--src' is required.",
        ),
        (
            "--replace --src 10.2/16 --said %drop",
            "Error -- del option '--dst' is required.",
        ),
        (
            "--del --src 10.1/16",
            "Error -- del option '--dst' is required.",
        ),
        ("--del --src 10.1/16 --dst 10.2/16 --dst-port 25", ports),
        (
            "--del --src 10.1/16 --dst 10.2/16 --transport-proto esp --dst-port 25",
            ports,
        ),
    ];
    for (line, want) in table {
        assert_eq!(complaint(line), want, "{line}");
    }
}

#[test]
fn bad_values() {
    let table = [
        ("--src 0/0", "Error, unknown address family with 0/0 subnet not allowed. converting --src argument: 0/0"),
        ("--dst 10.1.0.0", "Error, no / in subnet specification converting --dst argument: 10.1.0.0"),
        ("--edst 1.2.3.256", "Error, byte overflow in dotted-decimal address converting --edst argument:1.2.3.256"),
        ("--said esp1234", "Error, no @ in SA specifier converting --sa argument:esp1234"),
        ("--said %nothing", "Error, unknown % keyword converting --sa argument:%nothing"),
        ("--spi 12x", "Invalid character in SPI parameter: 12x"),
        ("--spi 255", "Illegal reserved spi: 255 => 0xff Must be larger than 0x100."),
        (
            "--said esp0x80@1.2.3.4",
            "Illegal reserved spi: esp0x80@1.2.3.4 => 0x80 Must be larger than or equal to 0x100.",
        ),
        ("--proto xyz", "Invalid PROTO parameter: xyz"),
        ("--af inet5", "Invalid address family parameter for SAID: inet5"),
        ("--eraf ipv4", "Invalid address family parameter for eroute: ipv4"),
        ("--transport-proto nonsense", "Invalid character in --transport-proto parameter: nonsense"),
        ("--transport-proto 256", "--transport-proto parameter: 256 must be in the range 0 to 255 inclusive"),
        (
            "--del --src 10.1/16 --dst 10.2/16 --transport-proto 6 --src-port 65536",
            "--src-port parameter: 65536 must be in the range 0 to 65535 inclusive",
        ),
    ];
    for (line, want) in table {
        assert_eq!(complaint(line), want, "{line}");
    }
}

#[test]
fn nothing_is_said_twice() {
    let table = [
        (
            "--src 10.1/16 --src 10.3/16",
            "Error, --src parameter redefined:10.3/16, already defined as:10.1/16",
        ),
        (
            "--edst 1.2.3.4 --edst 1.2.3.5",
            "Error, EDST parameter redefined:1.2.3.5, already defined as:1.2.3.4",
        ),
        (
            "--said %drop --spi 0x200",
            "Error, SPI parameter redefined:0x200, already defined in SA:%drop",
        ),
        (
            "--proto esp --said %drop",
            "Error, SAID parameter redefined:%drop, already defined as:esp",
        ),
    ];
    for (line, want) in table {
        assert_eq!(complaint(line), want, "{line}");
    }
}

#[test]
fn usage_goes_to_stdout() {
    let unknown = error("--nonsense");
    assert_eq!(
        unknown.stderr(),
        "ipsec eroute: unrecognized option '--nonsense'\n"
    );
    assert!(
        unknown.stdout().starts_with("Usage: ipsec eroute\n"),
        "{}",
        unknown.stdout()
    );
    let help = error("--help");
    assert_eq!((help.stderr(), help.status()), ("", 1));
    assert!(
        help.stdout().contains("--transport-proto <PROTO>"),
        "{}",
        help.stdout()
    );
    let version = error("--version");
    let want = format!(
        "ipsec eroute {}\nSee `ipsec --copyright' for copyright information.\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!((version.stdout(), version.status()), (want.as_str(), 1));
}

#[test]
fn labels_name_the_caller() {
    let labelled = error("--label boot --spi 1");
    let want =
        "ipsec eroute --label boot: Illegal reserved spi: 1 => 0x1 Must be larger than 0x100.\n";
    assert_eq!(labelled.stderr(), want);
}

#[test]
fn refusals_keep_their_first_lines_and_name_the_request() {
    let add = action("--add --src 10.1/16 --dst 10.2/16 --transport-proto 6 --dst-port 25 --said tun0x1000@1.2.3.4");
    let error = explain(&prog(), &add, Refused::Errno(Errno::EEXIST));
    let want = "ipsec eroute: pfkey write failed, returning -1 with errno=17.\n\
                eroute already in use.  Delete old one first.\n\
                ipsec eroute: cannot add the eroute 10.1.0.0/16 -> 10.2.0.0/16 port 25 (protocol 6) => tun0x1000@1.2.3.4: \
                the table has one for exactly these packets; '--replace' changes it\n";
    assert_eq!((error.stderr(), error.status()), (want, 1));
    let delete = action("--del --src 10.1/16 --dst 10.2/16");
    let error = explain(&prog(), &delete, Refused::Errno(Errno::ENOENT));
    let want = "ipsec eroute: pfkey write failed, returning -1 with errno=2.\n\
                eroute doesn't exist.  Can't delete.\n\
                ipsec eroute: cannot delete the eroute 10.1.0.0/16 -> 10.2.0.0/16: the table has none for exactly these \
                packets\n";
    assert_eq!(error.stderr(), want);
}

#[test]
fn lines_without_sense_are_told_as_such() {
    let pieces = [
        "--add",
        "--addin",
        "--replace",
        "--replacein",
        "--del",
        "--clear",
        "--eraf inet",
        "--eraf inet6",
        "--eraf x",
        "--src 10.1/16",
        "--src 2001:db8::/32",
        "--src 10/33",
        "--dst 10.2/16",
        "--dst ::/0",
        "--transport-proto tcp",
        "--transport-proto 300",
        "--src-port 25",
        "--dst-port 70000",
        "--af inet",
        "--edst 192.0.2.2",
        "--edst ::1",
        "--spi 0x1000",
        "--spi 1",
        "--proto tun",
        "--proto x",
        "--said %drop",
        "--said esp0x1@1",
        "--json",
        "--debug",
        "--label y",
        "stray",
        "-x",
        "--no",
    ];
    refusals_are_told(&pieces, &[], |line| line::read(&mut prog(), line));
}
