// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec monitor`: follows what the module discards, and why.

mod change;

use std::ffi::OsString;
use std::thread;
use std::time::Duration;

use crate::counters::Counters;
use crate::error::Error;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::output;
use crate::prog::Prog;
use crate::version;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Interval,
    Once,
    Json,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Follows the packets that the module discards, by reason, and the counters of the ipsecN devices.",
    usage: &["[--interval SECONDS] [--once] [--json]", "--help | --version"],
    options: &[
        Opt::new(Id::Interval, "interval", "SECONDS", "How often to look; 1 unless given, fractions allowed"),
        Opt::new(Id::Once, "once", "", "Show what has been counted so far, and end"),
        Opt::new(Id::Json, "json", "", "Show every change as a line of JSON"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: None,
    notes: "Only what has changed is shown. It ends on a signal.\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("monitor")
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    interval: Duration,
    once: bool,
    json: bool,
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, or that KLIPS is not there; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let wanted = read(&prog, args)?;
    let mut before = Counters::read(&prog)?;
    if wanted.once {
        return show(&Counters::default(), &before, wanted.json);
    }
    loop {
        thread::sleep(wanted.interval);
        let now = Counters::read(&prog)?;
        show(&before, &now, wanted.json)?;
        before = now;
    }
}

/// Prints what has changed. A reader that has gone away ends the program.
fn show(before: &Counters, now: &Counters, json: bool) -> Result<(), Error> {
    let mut out = output::Writer::new();
    let written = now
        .since(before)
        .into_iter()
        .try_for_each(|change| match json {
            true => out.write(format_args!("{}\n", change.json())),
            false => out.write(format_args!("{change}\n")),
        });
    written
        .and_then(|()| out.finish())
        .map_err(|_| Error::silent(0))
}

/// Reads the command line.
fn read(prog: &Prog, args: impl IntoIterator<Item = OsString>) -> Result<Wanted, Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => {
            prog.error(text).then_shown(&TOOL.usage(prog))
        }
    })?;
    let mut wanted = Wanted {
        interval: Duration::from_secs(1),
        once: false,
        json: false,
    };
    for given in given {
        match given {
            Given::Option(Id::Interval, value) => {
                wanted.interval = interval(&value).ok_or_else(|| {
                    prog.error(format_args!("'{value}' is no interval in seconds"))
                })?;
            }
            Given::Option(Id::Once, _) => wanted.once = true,
            Given::Option(Id::Json, _) => wanted.json = true,
            Given::Option(Id::Help, _) => return Err(Error::shown(TOOL.help(prog)).with_status(0)),
            Given::Option(Id::Version, _) => {
                return Err(Error::shown(version::banner("ipsec monitor")).with_status(0));
            }
            Given::Word(_) => {}
        }
    }
    Ok(wanted)
}

/// A tenth of a second to a day.
fn interval(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    let sensible = (0.1..=86400.0).contains(&seconds);
    sensible.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    #[test]
    fn command_lines() {
        let wanted = |line: &str| read(&Prog::new("ipsec monitor"), words(line));
        let plain = wanted("").unwrap();
        assert_eq!(
            (plain.interval, plain.once, plain.json),
            (Duration::from_secs(1), false, false)
        );
        let all = wanted("--once --json --interval 0.5").unwrap();
        assert_eq!(
            (all.interval, all.once, all.json),
            (Duration::from_millis(500), true, true)
        );
        for bad in ["0", "-1", "x", "nan", "inf", "1e9"] {
            let error = wanted(&format!("--interval={bad}")).unwrap_err();
            let want = format!("ipsec monitor: '{bad}' is no interval in seconds\n");
            assert_eq!((error.stderr(), error.status()), (want.as_str(), 1));
        }
    }
}
