// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec ranbits`: random bits, for keys.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use crate::error::Error;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;
use crate::{output, version};

/// The most that may be asked for.
const MOST_BITS: i64 = 20000;
/// How many bytes stand together between underscores.
const GROUP: usize = 4;
/// The exit status after a line that cannot be read.
const USAGE: u8 = 2;

/// Blocks until the kernel's generator has been seeded.
const RANDOM: &str = "/dev/random";
/// Never blocks.
const URANDOM: &str = "/dev/urandom";

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Quick,
    Continuous,
    Bytes,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Prints random bits as hexadecimal digits, to be used as a key.",
    usage: &[
        "[--quick] [--continuous] [--bytes] COUNT",
        "--help | --version",
    ],
    options: &[
        Opt::new(
            Id::Quick,
            "quick",
            "",
            "Do not wait for the kernel to have collected enough randomness",
        ),
        Opt::new(
            Id::Continuous,
            "continuous",
            "",
            "No underscores between groups of eight digits",
        ),
        Opt::new(Id::Bytes, "bytes", "", "COUNT is in bytes, not bits"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: Some((
        "COUNT",
        "How many bits; rounded up to whole bytes, 20000 at most",
    )),
    notes: "Example:\n  ipsec ranbits --continuous 192 >key\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("ranbits")
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    source: &'static str,
    continuous: bool,
    bytes: usize,
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, or randomness that cannot be read; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let wanted = read(&prog, args)?;
    let mut bytes = Zeroizing::new(vec![0; wanted.bytes]);
    File::open(wanted.source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| prog.error(format_args!("{}: {error}", wanted.source)))?;
    output::out(&digits(&bytes, wanted.continuous));
    Ok(())
}

/// No message: whether [`run`] would take the command line.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: &Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    read(prog, args).map(|_| Vec::new())
}

/// Reads the command line.
fn read(prog: &Prog, args: impl IntoIterator<Item = OsString>) -> Result<Wanted, Error> {
    let usage = |error: Error| error.then_told(&TOOL.usage(prog)).with_status(USAGE);
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => usage(prog.error(text)),
    })?;
    let (mut source, mut continuous, mut unit, mut words) = (RANDOM, false, 1, Vec::new());
    for given in given {
        match given {
            Given::Option(Id::Quick, _) => source = URANDOM,
            Given::Option(Id::Continuous, _) => continuous = true,
            Given::Option(Id::Bytes, _) => unit = 8,
            Given::Option(Id::Help, _) => return Err(Error::shown(TOOL.help(prog)).with_status(0)),
            Given::Option(Id::Version, _) => {
                return Err(Error::shown(version::banner("ipsec ranbits")).with_status(0));
            }
            Given::Word(word) => words.push(word),
        }
    }
    let [count] = words.as_slice() else {
        return Err(usage(Error::told("")));
    };
    // What is no number counts as 0, which is none to ask for.
    let bits = count.parse().unwrap_or(0_i64).saturating_mul(unit);
    match usize::try_from(bits) {
        Ok(0) | Err(_) => Err(prog.error(format_args!("invalid bit count ({bits})"))),
        Ok(_) if bits > MOST_BITS => {
            Err(prog.error(format_args!("overlarge bit count (max {MOST_BITS})")))
        }
        Ok(bits) => Ok(Wanted {
            source,
            continuous,
            bytes: bits.div_ceil(8),
        }),
    }
}

/// The bytes as a line of digits.
fn digits(bytes: &[u8], continuous: bool) -> Zeroizing<String> {
    // Large enough from the start: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        bytes.len().saturating_mul(3).saturating_add(3),
    ));
    text.push_str("0x");
    for (at, byte) in bytes.iter().enumerate() {
        if !continuous && at > 0 && at % GROUP == 0 {
            text.push('_');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    fn wanted(line: &str) -> Result<Wanted, Error> {
        read(&Prog::new("ipsec ranbits"), words(line))
    }

    #[test]
    fn command_lines() {
        let plain = Wanted {
            source: RANDOM,
            continuous: false,
            bytes: 16,
        };
        assert_eq!(wanted("128"), Ok(plain));
        assert_eq!(wanted("121").unwrap().bytes, 16);
        assert_eq!(wanted("--bytes 16"), Ok(plain));
        let quick = wanted("--quick --cont 20000").unwrap();
        assert_eq!(
            (quick.source, quick.continuous, quick.bytes),
            (URANDOM, true, 2500)
        );
    }

    #[test]
    fn mistakes() {
        let table = [
            ("0", 1, "ipsec ranbits: invalid bit count (0)\n"),
            ("x", 1, "ipsec ranbits: invalid bit count (0)\n"),
            (
                "20001",
                1,
                "ipsec ranbits: overlarge bit count (max 20000)\n",
            ),
            (
                "--bytes 2501",
                1,
                "ipsec ranbits: overlarge bit count (max 20000)\n",
            ),
        ];
        for (line, status, text) in table {
            let error = wanted(line).unwrap_err();
            assert_eq!((error.status(), error.stderr()), (status, text), "{line}");
        }
        for line in ["", "1 2", "--nonsense"] {
            let error = wanted(line).unwrap_err();
            assert_eq!(error.status(), USAGE, "{line}");
            assert!(error.stderr().contains("Usage: ipsec ranbits ["), "{line}");
        }
        for line in ["--help", "--version"] {
            assert_eq!(wanted(line).unwrap_err().status(), 0);
        }
    }

    #[test]
    fn digits_stand_in_groups() {
        let bytes = [0xb0, 0xfd, 0x1a, 0x63, 0xd4, 0xef, 0xd1, 0xe3, 0x01];
        assert_eq!(*digits(&bytes, false), "0xb0fd1a63_d4efd1e3_01\n");
        assert_eq!(*digits(&bytes, true), "0xb0fd1a63d4efd1e301\n");
    }
}
