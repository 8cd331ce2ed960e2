// SPDX-License-Identifier: GPL-2.0-only

//! Every sentence and exit status that scripts may know, of all that the tools say before they ask the kernel.
//!
//! A row is a command line, its exit status, where the text goes, and the text. Texts that go on (with a usage, say) end
//! in `...`.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Out,
    Err,
    /// To standard error, and a usage to standard output behind it.
    ErrUsage,
}
use To::{Err, ErrUsage, Out};

type Row = (&'static str, i32, To, &'static str);

fn check(rows: &[Row]) {
    for (line, status, to, want) in rows {
        let ran = Command::new(env!("CARGO_BIN_EXE_ipsec"))
            .arg0("ipsec")
            .args(line.split(' ').filter(|word| !word.is_empty()))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let (out, err) = (
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr),
        );
        let (text, other) = match to {
            Out => (&out, err.as_ref()),
            Err | ErrUsage => (&err, out.as_ref()),
        };
        match want.strip_suffix("...") {
            Some(start) => assert!(text.starts_with(start), "ipsec {line}: {text}"),
            None => assert_eq!(text.trim_end_matches('\n'), *want, "ipsec {line}"),
        }
        match to {
            ErrUsage => assert!(other.starts_with("Usage: ipsec "), "ipsec {line}: {other}"),
            _ => assert_eq!(other, "", "ipsec {line}"),
        }
        assert_eq!(ran.status.code(), Some(*status), "ipsec {line}");
    }
}

const NETS: &str = "--src 10.1.0.0/16 --dst 10.2.0.0/16";

#[test]
fn eroute() {
    const ONLY_ONE: &str = "ipsec eroute: Only one of '--add', '--addin', '--replace', '--replacein', '--clear', or '--del' options permitted.";
    const ONLY_ONE_SHORT: &str =
        "ipsec eroute: Only one of '--add', '--replace', '--clear', or '--del' options permitted.";
    check(&[
        ("eroute --help", 1, Out, "Usage: ipsec eroute..."),
        ("eroute --version", 1, Out, "ipsec eroute ..."),
        ("eroute --no", 1, ErrUsage, "ipsec eroute: unrecognized option '--no'"),
        ("eroute --sr", 1, ErrUsage, "ipsec eroute: option '--sr' is ambiguous..."),
        ("eroute --said", 1, ErrUsage, "ipsec eroute: option '--said' requires an argument"),
        ("eroute --optionsfrom /no/file", 1, Err, "ipsec eroute: optionsfrom failed: unable to open file"),
        ("eroute --label x --spi y", 1, Err, "ipsec eroute --label x: Invalid character in SPI parameter: y"),
        ("eroute --add --addin", 1, Err, ONLY_ONE),
        ("eroute --clear --replace", 1, Err, ONLY_ONE),
        ("eroute --del --replacein", 1, Err, ONLY_ONE),
        ("eroute --add --clear", 1, Err, ONLY_ONE_SHORT),
        ("eroute --add --del", 1, Err, ONLY_ONE_SHORT),
        ("eroute --eraf ipx", 1, Err, "ipsec eroute: Invalid address family parameter for eroute: ipx"),
        ("eroute --af ipx", 1, Err, "ipsec eroute: Invalid address family parameter for SAID: ipx"),
        ("eroute --src 0/0", 1, Err, "ipsec eroute: Error, unknown address family with 0/0 subnet not allowed. converting --src argument: 0/0"),
        ("eroute --dst 10.0.0.0/33", 1, Err, "ipsec eroute: Error, ..."),
        ("eroute --edst 1.2.3.4.5", 1, Err, "ipsec eroute: Error, ..."),
        ("eroute --said esp0x1001", 1, Err, "ipsec eroute: Error, ..."),
        ("eroute --spi 12z", 1, Err, "ipsec eroute: Invalid character in SPI parameter: 12z"),
        ("eroute --spi 0xff", 1, Err, "ipsec eroute: Illegal reserved spi: 0xff => 0xff Must be larger than 0x100."),
        ("eroute --said esp0xff@192.0.2.2", 1, Err, "ipsec eroute: Illegal reserved spi: esp0xff@192.0.2.2 => 0xff Must be larger than or equal to 0x100."),
        ("eroute --proto tcp", 1, Err, "ipsec eroute: Invalid PROTO parameter: tcp"),
        ("eroute --said esp0x1001@192.0.2.2 --edst 192.0.2.3", 1, Err, "ipsec eroute: Error, EDST parameter redefined:192.0.2.3, already defined in SA:esp0x1001@192.0.2.2"),
        ("eroute --said esp0x1001@192.0.2.2 --spi 0x200", 1, Err, "ipsec eroute: Error, SPI parameter redefined:0x200, already defined in SA:esp0x1001@192.0.2.2"),
        ("eroute --said esp0x1001@192.0.2.2 --proto ah", 1, Err, "ipsec eroute: Error, PROTO parameter redefined:ah, already defined in SA:esp0x1001@192.0.2.2"),
        ("eroute --edst 192.0.2.2 --edst 192.0.2.3", 1, Err, "ipsec eroute: Error, EDST parameter redefined:192.0.2.3, already defined as:192.0.2.2"),
        ("eroute --spi 0x200 --spi 0x201", 1, Err, "ipsec eroute: Error, SPI parameter redefined:0x201, already defined as:0x200"),
        ("eroute --proto ah --proto esp", 1, Err, "ipsec eroute: Error, PROTO parameter redefined:esp, already defined as:ah"),
        ("eroute --spi 0x200 --said %drop", 1, Err, "ipsec eroute: Error, SAID parameter redefined:%drop, already defined as:0x200"),
        ("eroute --src 10.1/16 --src 10.2/16", 1, Err, "ipsec eroute: Error, --src parameter redefined:10.2/16, already defined as:10.1/16"),
        ("eroute --transport-proto quux", 1, Err, "ipsec eroute: Invalid character in --transport-proto parameter: quux"),
        ("eroute --transport-proto 256", 1, Err, "ipsec eroute: --transport-proto parameter: 256 must be in the range 0 to 255 inclusive"),
        ("eroute --add", 1, Err, "ipsec eroute: add and addin options must have SA specified."),
        ("eroute --add --said %drop", 1, Err, "ipsec eroute: Error -- add option '--src' is required."),
        ("eroute --add --said %drop --src 10/8", 1, Err, "ipsec eroute: Error -- add option '--dst' is required."),
        ("eroute --replace --said %drop", 1, Err, "ipsec eroute: Error -- del option '--src' is required."),
        ("eroute --del --src 10/8", 1, Err, "ipsec eroute: Error -- del option '--dst' is required."),
        ("eroute --spi 0x1000", 1, Err, "ipsec eroute: exactly one of '--add', '--addin', '--replace', '--del' or '--clear' options must be specified.\nTry ipsec eroute --help' for usage information."),
    ]);
    let ports = "ipsec eroute: --transport-proto with either UDP or TCP must be specified if --src-port or --dst-port is used";
    let line = |rest: &str| -> &'static str {
        Box::leak(format!("eroute --del {NETS} {rest}").into_boxed_str())
    };
    check(&[
        (line("--src-port 25"), 1, Err, ports),
        (line("--transport-proto icmp --dst-port 25"), 1, Err, ports),
        (
            line("--transport-proto tcp --src-port 65536"),
            1,
            Err,
            "ipsec eroute: --src-port parameter: 65536 must be in the range 0 to 65535 inclusive",
        ),
        (
            line("--transport-proto tcp --dst-port 65536"),
            1,
            Err,
            "ipsec eroute: --dst-port parameter: 65536 must be in the range 0 to 65535 inclusive",
        ),
    ]);
}

#[test]
fn spi() {
    const TWO: &str = "ipsec spi: Only one of '--ah', '--esp', '--comp', '--ip4', '--ip6', '--del' or '--clear'  options permitted.";
    const ONE: &str = "ipsec spi: Only one of '--ah', '--esp', '--comp', '--ip4', '--ip6', '--del' or '--clear' options permitted.";
    const KEY: &str = "prefix to select the format: (4 characters, not shown)";
    let key = |name: &str| -> &'static str {
        Box::leak(
            format!("ipsec spi: {name} key must have a '0x', '0t' or '0s' {KEY}").into_boxed_str(),
        )
    };
    check(&[
        ("spi --help", 255, Out, "ipsec spi:Usage: ..."),
        ("spi --version", 1, Out, concat!("ipsec spi, ", env!("CARGO_PKG_VERSION"))),
        ("spi --no", 255, Err, "ipsec spi: unrecognized option '--no'\nipsec spi:Usage: ..."),
        ("spi --del --clear", 1, Err, TWO),
        ("spi --clear --del", 1, Err, TWO),
        ("spi --ip4 --ah hmac-md5-96", 1, Err, TWO),
        ("spi --ip4 --esp 3des", 1, Err, TWO),
        ("spi --ip4 --comp deflate", 1, Err, TWO),
        ("spi --del --ip4", 1, Err, ONE),
        ("spi --del --ip6", 1, Err, ONE),
        ("spi --ah md4", 1, Err, "ipsec spi: Unknown authentication algorithm 'md4' follows '--ah' option."),
        ("spi --esp rot13", 1, Err, "ipsec spi: Invalid encryption algorithm 'rot13' follows '--esp' option."),
        ("spi --comp zip", 1, Err, "ipsec spi: Unknown compression algorithm 'zip' follows '--comp' option."),
        ("spi --spi 0xff", 1, Err, "ipsec spi: Illegal reserved spi: 0xff => 0xff Must be larger than 0x100."),
        ("spi --said esp0xff@192.0.2.2", 1, Err, "ipsec spi: Illegal reserved spi: esp0xff@192.0.2.2 => 0xff Must be larger than 0x100."),
        ("spi --spi 1y", 1, Err, "ipsec spi: Invalid character in SPI parameter: 1y"),
        ("spi --authkey 0123", 1, Err, key("Authentication")),
        ("spi --enckey 0123", 1, Err, key("Encryption")),
        ("spi --iv 0123", 1, Err, "ipsec spi: IV must have a '0x', '0t' or '0s' prefix to select the format: 0123"),
        ("spi --authkey secret", 1, Err, "ipsec spi: unknown format or syntax error in authentication key: (6 characters, not shown)"),
        ("spi --enckey secret", 1, Err, "ipsec spi: unknown format or syntax error in encryption key: (6 characters, not shown)"),
        ("spi --iv 0xz", 1, Err, "ipsec spi: unknown format or syntax error in IV: 0xz"),
        ("spi --enckey @/no/key", 1, Err, "ipsec spi: cannot read the encryption key from '/no/key': ..."),
        ("spi --replay_window 0", 1, Err, "ipsec spi: Failed -- Illegal window size: arg=0, replay_window=0, must be 1 <= size <= 4096."),
        ("spi --replay_window 4097", 1, Err, "ipsec spi: Failed -- Illegal window size: arg=4097, replay_window=4097, must be 1 <= size <= 4096."),
        ("spi --af ipx", 1, Err, "ipsec spi: Invalid ADDRESS FAMILY parameter: ipx."),
        ("spi --af inet6 --said esp0x1001@192.0.2.2", 1, Err, "ipsec spi: Error, specified address family (10) is different that of SAID: esp0x1001@192.0.2.2"),
        ("spi --del", 1, Err, "ipsec spi: SA destination not specified."),
        ("spi --del --edst 192.0.2.2", 1, Err, "ipsec spi: SA SPI not specified."),
        ("spi --del --edst 192.0.2.2 --spi 0x1001", 1, Err, "ipsec spi: SA PROTO not specified."),
        ("spi --del --edst 192.0.2.2 --spi 0x1001 --proto esp --af inet6", 1, Err, "ipsec spi: Defined address family and address family of SA missmatch."),
        ("spi --said esp0x1001@192.0.2.2", 1, Err, "ipsec spi: No action chosen.  See 'ipsec spi --help' for usage."),
        ("spi --life bytes=1", 255, Err, "ipsec spi: missing lifetime severity in bytes=1..."),
        ("spi --life soft", 255, Err, "ipsec spi: expected '-' after severity of lifetime parameter to --life option."),
        ("spi --life soft-years=1", 255, Err, "ipsec spi: missing lifetime type after '-' in soft-years=1"),
        ("spi --life soft-bytes:1", 255, Err, "ipsec spi: expected '=' after type of lifetime parameter to --life option."),
        ("spi --life soft-bytes=1k", 255, Err, "ipsec spi: Invalid character='k' at offset 12 in lifetime option parameter: soft-bytes=1k"),
    ]);
}

#[test]
fn spigrp() {
    check(&[
        ("spigrp --help", 1, Out, "Usage: ipsec spigrp..."),
        (
            "spigrp --version",
            1,
            Err,
            concat!("ipsec spigrp, ", env!("CARGO_PKG_VERSION")),
        ),
        (
            "spigrp --label",
            1,
            Err,
            "ipsec spigrp: --label option requires an argument.",
        ),
        (
            "spigrp --said",
            1,
            ErrUsage,
            "ipsec spigrp: expecting 3 or more args with --said, got 2.",
        ),
        (
            "spigrp inet",
            1,
            ErrUsage,
            "ipsec spigrp: expecting 5 or more args without --said, got 2.",
        ),
        (
            "spigrp inet 192.0.2.2 0x1001 tcp",
            1,
            Err,
            "ipsec spigrp: Badly formed proto: tcp",
        ),
        (
            "spigrp inet 192.0.2.2 0y 0z",
            1,
            Err,
            "ipsec spigrp: Badly formed proto: 0z",
        ),
        (
            "spigrp inet 192.0.2.2 0y esp",
            1,
            Err,
            "ipsec spigrp: Badly formed spi: 0y",
        ),
        (
            "spigrp ipx 192.0.2.2 0x1001 esp",
            1,
            Err,
            "ipsec spigrp: Address family ipx not supported",
        ),
        (
            "spigrp inet 192.0.2.2 0x1001 esp inet 1.2.3.4.5 0x1 ah",
            1,
            Err,
            "ipsec spigrp: Error, ...",
        ),
        (
            "spigrp --said a@1 b@2 c@3 d@4 e@5",
            1,
            ErrUsage,
            "ipsec spigrp: expecting at most 4 SAs in a group, got 5.",
        ),
    ]);
}

#[test]
fn tncfg() {
    const TWO: &str = "ipsec tncfg: exactly one of\n\t'--attach', '--detach', '--create', '--delete' or '--clear'\noptions must be specified.";
    const NONE: &str = "ipsec tncfg: exactly one of '--attach', '--detach' or '--clear' options must be specified.\nTry ipsec tncfg --help' for usage information.";
    check(&[
        ("tncfg --help", 1, Out, "Usage: ipsec tncfg..."),
        ("tncfg -help", 1, Out, "Usage: ipsec tncfg..."),
        (
            "tncfg --version",
            1,
            Out,
            "ipsec tncfg, use ipsec --version instead",
        ),
        ("tncfg --attach --detach", 1, Err, TWO),
        ("tncfg --create ipsec9 -clear", 1, Err, TWO),
        ("tncfg --virtual ipsec0", 1, Err, NONE),
        (
            "tncfg --attach --virtual ipsec0",
            1,
            Err,
            "ipsec tncfg: physical I/F parameter missing.",
        ),
        (
            "tncfg --attach --physical eth0",
            1,
            Err,
            "ipsec tncfg: virtual I/F parameter missing.",
        ),
        (
            "tncfg --detach",
            1,
            Err,
            "ipsec tncfg: virtual I/F parameter missing.",
        ),
        ("tncfg --create eth0", 5, Err, ""),
        ("tncfg --delete ipsecX", 5, Err, ""),
    ]);
}

#[test]
fn klipsdebug_pf_key_and_ranbits() {
    check(&[
        ("klipsdebug --help", 1, Out, "Usage: ipsec klipsdebug..."),
        ("klipsdebug --version", 0, Out, concat!("klipsdebug (KLIPS ", env!("CARGO_PKG_VERSION"), ")...")),
        ("klipsdebug --set what", 1, Out, "ipsec klipsdebug: unknown set argument 'what'\nUsage: ..."),
        ("klipsdebug --clear what", 1, Out, "ipsec klipsdebug: unknown clear argument 'what'\nUsage: ..."),
        ("klipsdebug --all --none", 1, Err, "ipsec klipsdebug: Only one of '--set', '--clear', '--all' or '--none' options permitted."),
        ("pf_key --help", 1, Err, "Usage: ipsec pf_key..."),
        ("pf_key --encodefile x", 1, Err, "ipsec pf_key: --encodefile is not implemented"),
        ("pf_key --dumpfile /dev/null", 0, Err, "pf_key: exited normally"),
        ("ranbits --help", 0, Out, "Usage: ipsec ranbits..."),
        ("ranbits --version", 0, Out, "ipsec ranbits ..."),
        ("ranbits", 2, Err, "Usage: ipsec ranbits..."),
        ("ranbits 0", 1, Err, "ipsec ranbits: invalid bit count (0)"),
        ("ranbits 20001", 1, Err, "ipsec ranbits: overlarge bit count (max 20000)"),
        ("ranbits --quick --continuous 8", 0, Out, "0x..."),
    ]);
}

#[test]
fn the_wrapper_and_what_is_new() {
    check(&[
        ("", 0, Out, "Usage: ipsec COMMAND..."),
        ("--help", 0, Out, "Usage: ipsec COMMAND..."),
        ("--version", 0, Out, "Linux KLIPS ..."),
        ("version", 0, Out, "Linux KLIPS ..."),
        (
            "version x",
            1,
            Err,
            "ipsec version: unexpected argument 'x'",
        ),
        (
            "--foo",
            1,
            Err,
            "ipsec: unknown option `--foo' (perhaps command name was omitted?)",
        ),
        (
            "foo",
            1,
            Err,
            "ipsec: unknown IPsec command `foo' (`ipsec --help' for list)",
        ),
        ("look --help", 0, Out, "Usage: ipsec look..."),
        ("look --version", 0, Out, "ipsec look ..."),
        ("trace --help", 0, Out, "Usage: ipsec trace..."),
        ("monitor --help", 0, Out, "Usage: ipsec monitor..."),
        (
            "monitor --interval 0",
            1,
            Err,
            "ipsec monitor: '0' is no interval in seconds",
        ),
        (
            "completions csh",
            1,
            Err,
            "ipsec completions: unknown shell 'csh'...",
        ),
    ]);
}
