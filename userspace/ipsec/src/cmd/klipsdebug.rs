// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec klipsdebug`: what the module says in the kernel log about its work.

mod masks;

use std::ffi::OsString;

use klips_core::pfkey::ext::DebugMasks;
use klips_core::pfkey::Request;
use klips_pfkey::Errno;

use crate::error::Error;
use crate::json::Value;
use crate::kernel::{self, Kernel, Refused};
use crate::listing::{Format, Table};
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;
use crate::{output, refusal, version};

/// The masks.
const TABLE: Table = Table {
    path: "/proc/net/ipsec_klipsdebug",
    name: "klipsdebug",
    netkey: None,
};

/// Octets in the request: header and masks.
const REQUEST_LEN: usize = 72;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Set,
    Clear,
    All,
    None,
    Json,
    Debug,
    Label,
    OptionsFrom,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Shows and changes what the module says in the kernel log about its work.",
    usage: &[
        "",
        "--json",
        "--set FLAG | --clear FLAG",
        "--all | --none",
        "--help | --version",
        "where FLAG is all tunnel tncfg xmit netlink xform eroute spi radij esp ah rcv pfkey ipcomp or verbose",
        "where all take [--debug] [--label TEXT] [--optionsfrom FILE]",
    ],
    options: &[
        Opt::new(Id::Set, "set", "FLAG", "Say what this part does"),
        Opt::new(Id::Clear, "clear", "FLAG", "Be silent about this part"),
        Opt::new(Id::All, "all", "", "Say what every part does, but not verbosely"),
        Opt::new(Id::None, "none", "", "Be silent"),
        Opt::new(Id::Json, "json", "", "Show the flags as JSON"),
        Opt::new(Id::Debug, "debug", "", "Say what is being asked of the kernel"),
        Opt::new(Id::Label, "label", "TEXT", "Put this into the tool's messages"),
        Opt::new(Id::OptionsFrom, "optionsfrom", "FILE", "Read more options from a file"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: None,
    notes: "Without options the flags are shown, one mask per part.\n\n\
            Example:\n  ipsec klipsdebug --set pfkey\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("klipsdebug")
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Show the masks.
    List(Format),
    /// Change them; the text says how.
    Change(DebugMasks, String),
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// Everything that keeps it from doing what it was asked for; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut prog = prog;
    let (action, debug) = read(&mut prog, args)?;
    let (masks, what) = match action {
        Action::List(Format::Classic) => return TABLE.show(&prog),
        Action::List(Format::Json) => {
            let text = TABLE.text(&prog)?;
            output::out(&format!("{}\n", json(&text)));
            return Ok(());
        }
        Action::Change(masks, what) => (masks, what),
    };
    if debug {
        output::out(&prog.line(format_args!("asking the kernel to {what}")));
    }
    let mut kernel = Kernel::open(&prog)?;
    kernel
        .ask(&Request::Debug(masks))
        .map_err(|refused| explain(&prog, &what, refused))
}

/// The messages that [`run`] would send.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    let mut prog = prog;
    let (action, _) = read(&mut prog, args)?;
    let request = match action {
        Action::List(_) => None,
        Action::Change(masks, _) => Some(Request::Debug(masks)),
    };
    crate::rehearse::messages(&prog, request)
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Line {
    change: Option<(DebugMasks, String)>,
    format: Format,
    debug: bool,
}

/// Reads the command line; also whether `--debug` was on it.
fn read(
    prog: &mut Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Action, bool), Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) => prog.error(text).then_shown(&TOOL.usage(prog)),
        BadLine::OptionsFrom(why) => prog.error(format_args!("optionsfrom failed: {why}")),
    })?;
    let mut line = Line::default();
    for given in given {
        if let Given::Option(id, value) = given {
            line.option(prog, id, &value)?;
        }
    }
    let action = match line.change {
        Some((masks, what)) => Action::Change(masks, what),
        None => Action::List(line.format),
    };
    Ok((action, line.debug))
}

impl Line {
    fn option(&mut self, prog: &mut Prog, id: Id, value: &str) -> Result<(), Error> {
        let change = match id {
            Id::Help => return Err(Error::shown(TOOL.help(prog)).with_status(1)),
            Id::Version => {
                return Err(Error::shown(version::banner_with_package("klipsdebug")).with_status(0))
            }
            Id::Label => {
                prog.label(value);
                return Ok(());
            }
            Id::OptionsFrom => return Ok(()),
            Id::Debug => {
                self.debug = true;
                return Ok(());
            }
            Id::Json => {
                self.format = Format::Json;
                return Ok(());
            }
            Id::All => (masks::set("all"), "set the flags of all parts".to_owned()),
            Id::None => (masks::clear("all"), "clear all flags".to_owned()),
            Id::Set => (masks::set(value), format!("set the flags of {value}")),
            Id::Clear => (masks::clear(value), format!("clear the flags of {value}")),
        };
        let (Some(masks), what) = change else {
            let verb = if id == Id::Set { "set" } else { "clear" };
            let text = prog.line(format_args!("unknown {verb} argument '{value}'"));
            return Err(Error::shown(text + &TOOL.usage(prog)));
        };
        if self.change.replace((masks, what)).is_some() {
            return Err(prog
                .error("Only one of '--set', '--clear', '--all' or '--none' options permitted."));
        }
        Ok(())
    }
}

/// The masks that the kernel shows, `debug_NAME=%08x.` each, as numbers by name.
fn json(text: &str) -> Value {
    Value::object(masks::NAMES.into_iter().map(|name| {
        let mask = text.lines().find_map(|line| {
            let digits = line
                .strip_prefix("debug_")?
                .strip_prefix(name)?
                .strip_prefix('=')?;
            u32::from_str_radix(digits.trim_end_matches('.'), 16).ok()
        });
        (name, mask.into())
    }))
}

/// The kernel's refusal: the sentences that always stood there, then what it means for this request.
fn explain(prog: &Prog, what: &str, refused: Refused) -> Error {
    let (returned, errno) = match refused {
        Refused::Errno(errno) => (-1, errno),
        Refused::Truncated(len) => {
            return prog.error(format_args!("pfkey write truncated to {len} bytes"))
        }
    };
    let text = format!(
        "pfkey write failed, tried to write {REQUEST_LEN} octets, returning {returned} with errno={}.\n{}",
        refusal::number(errno),
        refusal::klipsdebug(errno, kernel::is_root()),
    );
    let why = match errno {
        Errno::EOPNOTSUPP | Errno::ENOSYS => {
            "this module was built without these messages".to_owned()
        }
        errno => kernel::reason(errno).to_string(),
    };
    prog.error(text)
        .then_told(&prog.line(format_args!("cannot {what}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, message, words};

    fn line(line: &str) -> Result<(Action, bool), Error> {
        read(&mut Prog::new("ipsec klipsdebug"), words(line))
    }

    fn masks(text: &str) -> DebugMasks {
        match line(text) {
            Ok((Action::Change(masks, _), _)) => masks,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn nothing_to_do_shows_the_masks() {
        assert_eq!(line(""), Ok((Action::List(Format::Classic), false)));
        assert_eq!(
            line("--debug --label x --json"),
            Ok((Action::List(Format::Json), true))
        );
    }

    #[test]
    fn a_request_is_what_key_daemons_send() {
        let want = "02100000 09000000 01000000 bb000000 0700 1900 00000000 00000080 00000000 00000000 00000000
                    00000000 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000";
        let request = Request::Debug(masks("--set pfkey"));
        assert_eq!(message(&request, 1, 0xbb), hex(want));
        assert_eq!(hex(want).len(), 2 * REQUEST_LEN);
    }

    #[test]
    fn mistakes() {
        let two = line("--set pfkey --none").unwrap_err();
        assert_eq!(
            two.stderr(),
            "ipsec klipsdebug: Only one of '--set', '--clear', '--all' or '--none' options permitted.\n"
        );
        let unknown = line("--set sa").unwrap_err();
        assert!(unknown
            .stdout()
            .starts_with("ipsec klipsdebug: unknown set argument 'sa'\nUsage: "));
        assert_eq!((unknown.stderr(), unknown.status()), ("", 1));
        let version = line("--version").unwrap_err();
        assert_eq!(version.status(), 0);
        assert!(version.stdout().starts_with("klipsdebug (KLIPS "));
    }

    #[test]
    fn refusals_say_what_was_tried() {
        let prog = Prog::new("ipsec klipsdebug");
        let error = explain(&prog, "clear all flags", Refused::Errno(Errno::EINVAL));
        let want = "ipsec klipsdebug: pfkey write failed, tried to write 72 octets, returning -1 with errno=22.\n\
                    Invalid argument, check kernel log messages for specifics.\n\
                    ipsec klipsdebug: cannot clear all flags: Invalid argument\n";
        assert_eq!(error.stderr(), want);
    }

    #[test]
    fn masks_as_json() {
        let text = "debug_tunnel=00000010.\ndebug_xform=00000000.\ndebug_eroute=ffffffff.\ndebug_spi=00000000.\n";
        let json = json(text).to_string();
        assert!(
            json.starts_with(r#"{"tunnel":16,"xform":0,"eroute":4294967295,"spi":0,"radij":null,"#),
            "{json}"
        );
    }
}
