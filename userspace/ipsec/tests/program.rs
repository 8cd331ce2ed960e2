// SPDX-License-Identifier: GPL-2.0-only

//! The built program, as a shell sees it. Nothing here needs the kernel module; where it is absent, that is what is
//! tested.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ipsec");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a run leaves behind.
struct Ran {
    stdout: String,
    stderr: String,
    status: i32,
}

fn finish(command: &mut Command) -> Ran {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    Ran {
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
        status: output.status.code().expect("an exit status"),
    }
}

/// Runs `ipsec` under that name with the words of `line`.
fn ipsec(line: &str) -> Ran {
    finish(
        Command::new(PROGRAM)
            .arg0("ipsec")
            .args(line.split_whitespace()),
    )
}

/// A directory that goes away again.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("klips-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn klips_is_loaded() -> bool {
    Path::new("/proc/net/ipsec_version").exists()
}

#[test]
fn the_wrapper_explains_itself() {
    let nothing = ipsec("");
    assert_eq!(
        (
            nothing.status,
            nothing.stderr.as_str(),
            nothing.stdout.lines().count()
        ),
        (0, "", 5)
    );
    let help = ipsec("--help");
    assert_eq!(help.status, 0);
    for tool in [
        "completions",
        "eroute",
        "klipsdebug",
        "look",
        "monitor",
        "pf_key",
        "ranbits",
        "spi",
        "spigrp",
        "tncfg",
        "trace",
        "version",
    ] {
        assert!(
            help.stdout.contains(&format!("\t{tool} ")),
            "{}",
            help.stdout
        );
    }
    for option in ["--copyright", "--directory", "--confdir"] {
        let ran = ipsec(option);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{option}");
        assert!(ran.stdout.ends_with('\n'), "{option}");
    }
}

#[test]
fn versions() {
    let option = ipsec("--version");
    assert_eq!(option.status, 0);
    assert!(
        option.stdout.starts_with("Linux KLIPS "),
        "{}",
        option.stdout
    );
    assert!(
        option
            .stdout
            .ends_with("\nSee `ipsec --copyright' for copyright information.\n"),
        "{}",
        option.stdout
    );
    assert_eq!(ipsec("version").stdout, option.stdout);
    let code = ipsec("--versioncode");
    assert_eq!(code.stdout.lines().count(), 1);
    assert!(code.stdout.contains(VERSION), "{}", code.stdout);
}

#[test]
fn the_wrapper_knows_what_it_does_not_know() {
    let table = [
        (
            "--foo",
            "ipsec: unknown option `--foo' (perhaps command name was omitted?)\n",
        ),
        (
            "foo",
            "ipsec: unknown IPsec command `foo' (`ipsec --help' for list)\n",
        ),
    ];
    for (line, want) in table {
        let ran = ipsec(line);
        assert_eq!(
            (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
            (1, "", want)
        );
    }
}

#[test]
fn other_commands_are_programs_in_two_directories() {
    let scratch = Scratch::new("execdir");
    let (first, second) = (scratch.0.join("exec"), scratch.0.join("lib"));
    for (directory, name) in [(&first, "_one"), (&second, "_one"), (&second, "_two")] {
        fs::create_dir_all(directory).expect("a directory");
        let text = format!(
            "#!/bin/sh\necho {} \"$@\" $IPSEC_CONFS\nexit 7\n",
            directory.display()
        );
        let path = directory.join(name);
        fs::write(&path, text).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
    fs::write(second.join("_text"), "no program").expect("a file");
    let run = |line: &str| {
        let mut command = Command::new(PROGRAM);
        command.arg0("ipsec").args(line.split_whitespace());
        command
            .env("IPSEC_EXECDIR", &first)
            .env("IPSEC_LIBDIR", &second);
        finish(command.env("IPSEC_CONFS", "/conf"))
    };
    let one = run("_one a b");
    let want = format!("{} a b /conf\n", first.display());
    assert_eq!((one.stdout, one.status), (want, 7));
    let two = run("_two");
    assert_eq!(two.stdout, format!("{} /conf\n", second.display()));
    for name in ["_text", "../lib/_two", "_three"] {
        let want = format!("ipsec: unknown IPsec command `{name}' (`ipsec --help' for list)\n");
        assert_eq!(run(name).stderr, want);
    }
    assert_eq!(run("--directory").stdout, format!("{}\n", first.display()));
    assert_eq!(run("--confdir").stdout, "/conf\n");
}

#[test]
fn exit_statuses_of_help_version_and_mistakes() {
    let table = [
        ("eroute --help", 1),
        ("eroute --version", 1),
        ("eroute --nonsense", 1),
        ("eroute --add", 1),
        ("spi --help", 255),
        ("spi --version", 1),
        ("spi --nonsense", 255),
        ("spi --life soft", 255),
        ("spi --esp rot13", 1),
        ("spigrp --help", 1),
        ("spigrp --version", 1),
        ("spigrp --said", 1),
        ("tncfg --help", 1),
        ("tncfg --version", 1),
        ("tncfg --attach", 1),
        ("tncfg --create eth0", 5),
        ("klipsdebug --help", 1),
        ("klipsdebug --version", 0),
        ("klipsdebug --set sa", 1),
        ("pf_key --help", 1),
        ("pf_key --dumpfile /nonexistent/file", 1),
        ("ranbits --help", 0),
        ("ranbits --version", 0),
        ("ranbits", 2),
        ("ranbits 20001", 1),
        ("ranbits 128", 0),
        ("look --help", 0),
        ("look --nonsense", 1),
        ("monitor --interval x", 1),
        ("trace --help", 0),
        ("trace 10.0.0.1", 1),
        ("completions csh", 1),
        ("completions bash", 0),
        ("version --json", 0),
    ];
    for (line, status) in table {
        assert_eq!(ipsec(line).status, status, "{line}");
    }
}

#[test]
fn a_link_runs_its_tool_and_speaks_under_its_own_path() {
    let scratch = Scratch::new("links");
    for (tool, mistake, want) in [
        (
            "eroute",
            "--spi 5",
            "Illegal reserved spi: 5 => 0x5 Must be larger than 0x100.",
        ),
        (
            "spi",
            "--ah md5",
            "Unknown authentication algorithm 'md5' follows '--ah' option.",
        ),
        ("spigrp", "inet a b c", "Badly formed proto: c"),
        ("tncfg", "--detach", "virtual I/F parameter missing."),
    ] {
        let link = scratch.0.join(tool);
        symlink(PROGRAM, &link).expect("a symbolic link");
        let ran = finish(Command::new(&link).args(mistake.split_whitespace()));
        assert_eq!(ran.stderr, format!("{}: {want}\n", link.display()));
        assert_eq!(ran.status, 1);
    }
}

#[test]
fn options_come_from_files_too() {
    let scratch = Scratch::new("optionsfrom");
    let file = scratch.0.join("options");
    fs::write(&file, "# which SA\n--label from file\n--spi 5\n").expect("a file");
    let ran = ipsec(&format!("eroute --optionsfrom {}", file.display()));
    let want = "ipsec eroute --label from file: Illegal reserved spi: 5 => 0x5 Must be larger than 0x100.\n";
    assert_eq!((ran.stderr.as_str(), ran.status), (want, 1));
    let ran = ipsec("spi --optionsfrom /nonexistent/file");
    let want = "ipsec spi: optionsfrom failed: unable to open file\n";
    assert_eq!((ran.stderr.as_str(), ran.status), (want, 1));
}

#[test]
fn a_reader_that_has_gone_is_no_reason_to_crash() {
    let mut child = Command::new(PROGRAM)
        .args(["spi", "--help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn without_the_module_there_is_nothing_to_list() {
    if klips_is_loaded() || Path::new("/proc/net/pfkey").exists() {
        return;
    }
    for (tool, table) in [
        ("eroute", "eroute table"),
        ("spi", "spi"),
        ("spigrp", "spigrp"),
        ("tncfg", "tncfg"),
    ] {
        let ran = ipsec(tool);
        let want = format!(
            "ipsec {tool}: No {table} - no IPsec support in kernel (are the modules loaded?)\n"
        );
        assert_eq!(
            (ran.stderr, ran.stdout, ran.status),
            (want, String::new(), 1)
        );
    }
}

#[test]
fn scripts_of_setkey_are_read_without_a_kernel() {
    let scratch = Scratch::new("setkey");
    let script = |name: &str, text: &str| {
        let path = scratch.0.join(name);
        fs::write(&path, text).expect("a script");
        path.display().to_string()
    };
    let good = script(
        "good",
        "#!/usr/sbin/setkey -f\nadd 10.0.0.1 10.0.0.2 esp 0x1001 -E aes-cbc 0x00112233445566778899aabbccddeeff;\n\
         spdadd 10.1.0.0/24 10.2.0.0/24 any -P in ipsec esp/transport//unique:7;",
    );
    let ran = ipsec(&format!("setkey -n {good}"));
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str(), ran.status),
        ("", "", 0)
    );
    let ran = ipsec(&format!("setkey -nvH -f {good}"));
    assert_eq!((ran.stderr.as_str(), ran.status), ("", 0));
    assert_eq!(ran.stdout.matches("sadb_msg{ ").count(), 3);
    assert!(!ran.stdout.contains("00112233"), "{}", ran.stdout);
    let ran = ipsec(&format!("setkey -nvk --json {good}"));
    assert_eq!(ran.stdout.lines().count(), 2);
    let bad = script("bad", "flush;\n flush tcp;\nfoo;");
    let ran = ipsec(&format!("setkey -n {good} {bad}"));
    assert_eq!((ran.stdout.as_str(), ran.status), ("", 2));
    let want = [
        format!("ipsec setkey: {bad}:2:8: tcp is not supported: "),
        format!("ipsec setkey: {bad}:3:1: 'foo' is no command; "),
    ];
    assert_eq!(ran.stderr.lines().count(), want.len(), "{}", ran.stderr);
    for (line, want) in ran.stderr.lines().zip(&want) {
        assert!(line.starts_with(want), "{line}");
    }
}
