// SPDX-License-Identifier: GPL-2.0-only

//! Command lines of `spi`: what they mean, what they send, and what is said about those that mean nothing.

use super::*;
use crate::testing::{hex, message, refusals_are_told, words};

/// 16 and 24 bytes of key.
const K16: &str = "0x000102030405060708090a0b0c0d0e0f";
const K24: &str = "0x000102030405060708090a0b0c0d0e0f1011121314151617";
/// 20 bytes: an AES-128 key and its salt, or a SHA1 key.
const K20: &str = "0x000102030405060708090a0b0c0d0e0f10111213";
const SAID: &str = "--said esp0x1234@10.0.0.2";

fn prog() -> Prog {
    Prog::new("ipsec spi")
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
    let text = error.stderr().strip_prefix("ipsec spi: ").expect(line);
    text.strip_suffix('\n').expect(line).to_owned()
}

fn sent(line: &str, pid: u32) -> String {
    message(&request(&action(line)).expect("a request"), 1, pid)
}

#[test]
fn nothing_asked_for_is_the_list() {
    for line in [
        "",
        "--debug",
        "--label x",
        "--listenreply",
        "--saref",
        "--sarefme 5",
    ] {
        assert!(matches!(action(line), Action::List(_)), "{line}");
    }
}

#[test]
fn esp_sends_what_the_tool_has_always_sent() {
    let line = format!(
        "--af inet --edst 10.0.0.2 --spi 0x1234 --proto esp --src 10.0.0.1 --esp 3des-md5-96 --enckey {K24} --authkey {K16}"
    );
    let want = "02030003 12000000 01000000 84000000
        0300 0100 00001234 00 01 02 03 00000000 00000000 00000000
        0300 0500 00000000 0200 0000 0a000001 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0300 0800 8000 0000 000102030405060708090a0b0c0d0e0f
        0400 0900 c000 0000 000102030405060708090a0b0c0d0e0f1011121314151617";
    assert_eq!(sent(&line, 0x84), hex(want));
}

#[test]
fn ipip_sends_what_the_tool_has_always_sent() {
    let line =
        "--af inet --edst 10.0.0.2 --spi 0x1235 --proto tun --src 10.0.0.1 --dst 10.0.0.2 --ip4";
    let want = "02030009 0b000000 01000000 a9000000
        0300 0100 00001235 00 01 00 00 00000000 00000000 00000000
        0300 0500 00000000 0200 0000 0a000001 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000";
    assert_eq!(sent(line, 0xa9), hex(want));
}

#[test]
fn delete_and_clear_send_what_the_tool_has_always_sent() {
    let want = "02040003 0b000000 01000000 c2000000
        0300 0100 00001234 00 01 00 00 00000000 00000000 00000000
        0300 0500 00000000 0200 0000 00000000 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000";
    assert_eq!(
        sent(
            "--del --af inet --edst 10.0.0.2 --spi 0x1234 --proto esp",
            0xc2
        ),
        hex(want)
    );
    assert_eq!(
        sent("--clear", 0xce),
        hex("02090000 02000000 01000000 ce000000")
    );
    assert_eq!(
        sent("--clear --proto esp", 0xce),
        hex("02090003 02000000 01000000 ce000000")
    );
}

#[test]
fn gcm_sends_one_key() {
    let line = format!("{SAID} --src 10.0.0.1 --esp aes128-gcm --enckey {K20} --replay_window 64");
    let want = "02030003 0f000000 01000000 07000000
        0300 0100 00001234 40 01 00 14 00000000 00000000 00000000
        0300 0500 00000000 0200 0000 0a000001 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0400 0900 a000 0000 000102030405060708090a0b0c0d0e0f 10111213 00000000";
    assert_eq!(sent(&line, 7), hex(want));
}

#[test]
fn extended_numbers_are_a_flag_and_want_a_window() {
    let line = format!("{SAID} --src 10.0.0.1 --esp aes128-gcm --enckey {K20} --replay_window 64");
    let (plain, extended) = (sent(&line, 7), sent(&format!("{line} --esn"), 7));
    assert_eq!(plain.len(), extended.len());
    // In hexadecimal: the second byte of the flags in the SA extension, which follows the header.
    let flags = 2 * (16 + 13)..2 * (16 + 14);
    assert_eq!(
        (&plain[flags.clone()], &extended[flags.clone()]),
        ("00", "04")
    );
    assert_eq!(plain[..flags.start], extended[..flags.start]);
    assert_eq!(plain[flags.end..], extended[flags.end..]);
    for line in [
        format!("{SAID} --esp aes128-gcm --enckey {K20} --esn"),
        "--said tun0x1234@10.0.0.2 --ip4 --esn --replay_window 64".to_owned(),
    ] {
        assert_eq!(
            complaint(&line),
            "--esn goes with --replay_window, for ESP and AH",
            "{line}"
        );
    }
}

#[test]
fn everything_else_has_its_extension() {
    let line = format!(
        "{SAID} --esp aes-sha1-96 --enckey {K16} --authkey {K20} --life hard-bytes=4096,soft-packets=3 --natt nonesp \
         --sport 4500 --dport 4501 --outif 3 --sarefme 5 --saref_him 6 --iv 0x0011223344556677"
    );
    let want = "02030003 22000000 01000000 07000000
        0300 0100 00001234 00 01 03 0c 00000000 00000000 00000000
        0500 0300 00000000 0010000000000000 0000000000000000 0000000000000000 00000000 00000000
        0500 0400 00000000 0000000000000000 0000000000000000 0000000000000000 03000000 00000000
        0300 0500 00000000 0200 0000 00000000 0000000000000000
        0300 0600 00000000 0200 0000 0a000002 0000000000000000
        0400 0800 a000 0000 000102030405060708090a0b0c0d0e0f 10111213 00000000
        0300 0900 8000 0000 000102030405060708090a0b0c0d0e0f
        0100 1b00 02 000000
        0100 1c00 9411 0000
        0100 1d00 9511 0000
        0100 1f00 0300 0000
        0200 2000 05000000 06000000 00000000";
    assert_eq!(sent(&line, 7), hex(want));
}

#[test]
fn gaps_and_contradictions() {
    let table = [
        ("--esp 3des", "SA destination not specified."),
        ("--edst 10.0.0.2 --del", "SA SPI not specified."),
        ("--edst 10.0.0.2 --spi 0x1234 --del", "SA PROTO not specified."),
        (SAID, "No action chosen.  See 'ipsec spi --help' for usage."),
        ("--edst 10.0.0.2 --af inet6 --spi 4660 --proto esp --del", "Defined address family and address family of SA missmatch."),
        ("--af inet6 --said esp0x1234@10.0.0.2", "Error, specified address family (10) is different that of SAID: esp0x1234@10.0.0.2"),
        (
            "--del --clear",
            "Only one of '--ah', '--esp', '--comp', '--ip4', '--ip6', '--del' or '--clear'  options permitted.",
        ),
        (
            "--del --ip4",
            "Only one of '--ah', '--esp', '--comp', '--ip4', '--ip6', '--del' or '--clear' options permitted.",
        ),
        ("--said esp0x1234@10.0.0.2 --ip4", "'--ip4' makes an SA of protocol tun, not esp"),
        ("--said esp0x1234@10.0.0.2 --esp 3des", "'--esp 3des' needs an encryption key; give it with --enckey"),
    ];
    for (line, want) in table {
        assert_eq!(complaint(line), want, "{line}");
        assert_eq!(error(line).status(), 1, "{line}");
    }
}

#[test]
fn bad_values() {
    let table = [
        (
            "--ah md5",
            "Unknown authentication algorithm 'md5' follows '--ah' option.",
        ),
        (
            "--esp rot13",
            "Invalid encryption algorithm 'rot13' follows '--esp' option.",
        ),
        (
            "--comp zip",
            "Unknown compression algorithm 'zip' follows '--comp' option.",
        ),
        (
            "--spi 0xff",
            "Illegal reserved spi: 0xff => 0xff Must be larger than 0x100.",
        ),
        (
            "--said esp0xff@1.2.3.4",
            "Illegal reserved spi: esp0xff@1.2.3.4 => 0xff Must be larger than 0x100.",
        ),
        ("--af ipv6", "Invalid ADDRESS FAMILY parameter: ipv6."),
        (
            "--authkey 0102",
            "Authentication key must have a '0x', '0t' or '0s' prefix to select the format: (4 characters, not shown)",
        ),
        (
            "--enckey secret",
            "unknown format or syntax error in encryption key: (6 characters, not shown)",
        ),
        ("--iv 0xz", "unknown format or syntax error in IV: 0xz"),
        (
            "--replay_window 4097",
            "Failed -- Illegal window size: arg=4097, replay_window=4097, must be 1 <= size <= 4096.",
        ),
        (
            "--replay_window 0",
            "Failed -- Illegal window size: arg=0, replay_window=0, must be 1 <= size <= 4096.",
        ),
    ];
    for (line, want) in table {
        assert_eq!(complaint(line), want, "{line}");
        assert_eq!(error(line).status(), 1, "{line}");
    }
}

#[test]
fn some_mistakes_end_with_255() {
    let life = error("--life soft");
    assert_eq!(
        life.stderr(),
        "ipsec spi: expected '-' after severity of lifetime parameter to --life option.\n"
    );
    assert_eq!(life.status(), 255);
    let unknown = error("--nonsense");
    assert!(unknown
        .stderr()
        .starts_with("ipsec spi: unrecognized option '--nonsense'\nipsec spi:Usage: ipsec spi\n"));
    assert_eq!((unknown.stdout(), unknown.status()), ("", 255));
    let help = error("--help");
    assert!(
        help.stdout().starts_with("ipsec spi:Usage: ipsec spi\n"),
        "{}",
        help.stdout()
    );
    assert_eq!((help.stderr(), help.status()), ("", 255));
    let version = error("--version");
    let want = format!("ipsec spi, {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.stdout(), version.status()), (want.as_str(), 1));
}

#[test]
fn a_name_that_tells_the_key_size_is_held_to_it() {
    let want = "the encryption key has 128 bits, and '--esp aes256-sha1' takes 256";
    assert_eq!(
        complaint(&format!(
            "{SAID} --esp aes256-sha1 --enckey {K16} --authkey {K20}"
        )),
        want
    );
    let want = "the encryption key has 128 bits, and '--esp aes128-gcm' takes 160";
    assert_eq!(
        complaint(&format!("{SAID} --esp aes128-gcm --enckey {K16}")),
        want
    );
    let want = "'--esp aes-gcm' takes no authentication key";
    assert_eq!(
        complaint(&format!(
            "{SAID} --esp aes-gcm --enckey {K20} --authkey {K20}"
        )),
        want
    );
}

#[test]
fn refusals_keep_their_first_line_and_name_the_request() {
    let add = action(&format!(
        "{SAID} --esp aes-sha1 --enckey {K20} --authkey {K20}"
    ));
    let error = explain(&prog(), &add, Refused::Errno(Errno::EINVAL));
    let want = "ipsec spi: pfkey write failed (errno=22): Invalid argument, check kernel log messages for specifics.\n\
                ipsec spi: cannot add the SA esp0x1234@10.0.0.2 (--esp aes-sha1): the encryption key has 160 bits, and \
                --esp aes-sha1 takes 128, 192 or 256\n";
    assert_eq!(error.stderr(), want);
    let delete = action("--said esp0x1234@10.0.0.2 --del");
    let error = explain(&prog(), &delete, Refused::Errno(Errno::ESRCH));
    let want = "ipsec spi: pfkey write failed (errno=3): SA does not exist.  Cannot delete.\n\
                ipsec spi: cannot delete the SA esp0x1234@10.0.0.2: there is no SA of this name\n";
    assert_eq!(error.stderr(), want);
    let error = explain(&prog(), &delete, Refused::Truncated(8));
    assert_eq!(
        error.stderr(),
        "ipsec spi: pfkey write truncated to 8 bytes\n"
    );
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let add = action(&format!("{SAID} --esp 3des --enckey {K24}"));
    assert!(!format!("{add:?} {add}").contains("0001"), "{add:?}");
}

#[test]
fn lines_without_sense_are_told_as_such() {
    let pieces = [
        "--ah hmac-md5-96",
        "--esp aes128-gcm",
        "--esp 3des",
        "--comp deflate",
        "--ip4",
        "--ip6",
        "--del",
        "--clear",
        "--af inet",
        "--af inet6",
        "--edst 192.0.2.2",
        "--edst ::1",
        "--spi 0x1001",
        "--spi 3",
        "--proto esp",
        "--proto tun",
        "--said esp0x1001@192.0.2.2",
        "--src 192.0.2.1",
        "--dst 192.0.2.2",
        "--authkey 0x5ec2e7",
        "--enckey 5ec2e7",
        "--enckey 0t5ec2e7",
        "--iv 0x01",
        "--replay_window 64",
        "--replay_window x",
        "--life soft-bytes=1",
        "--life soft",
        "--natt nonesp",
        "--sport 4500",
        "--dport x",
        "--outif 1",
        "--sarefme 2",
        "--saref",
        "--listenreply",
        "--json",
        "--debug",
        "--label y",
        "stray",
        "--no",
    ];
    refusals_are_told(&pieces, &["5ec2e7"], |line| line::read(&mut prog(), line));
}

/// A line that the fuzzer has found: the option took the next one for its value, and the key stood alone.
#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    let text = error("--esp 3des-md5-96 --enckey --enckey 0x0123456789abcdef")
        .stderr()
        .to_owned();
    assert!(
        text.starts_with("ipsec spi: unexpected argument: (18 characters, not shown)\n"),
        "{text}"
    );
    assert!(!text.contains("0123456789"), "{text}");
}
