// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `pf_key`.

use std::ffi::OsString;

use klips_core::said::SaProto;

use super::Style;
use crate::error::Error;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Ah,
    Esp,
    Ipip,
    IpComp,
    Daemon,
    DumpFile,
    EncodeFile,
    Decode,
    Json,
    Help,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Shows the PF_KEY messages that the kernel sends, until a signal ends it.",
    usage: &[
        "[--ah] [--esp] [--ipip] [--ipcomp] [--decode | --json] [--daemon PIDFILE]",
        "--dumpfile FILE [--decode | --json]",
        "--help",
    ],
    options: &[
        Opt::new(Id::Ah, "ah", "", "Register for AH messages"),
        Opt::new(Id::Esp, "esp", "", "Register for ESP messages"),
        Opt::new(Id::Ipip, "ipip", "", "Register for IPIP messages"),
        Opt::new(Id::IpComp, "ipcomp", "", "Register for IPComp messages"),
        Opt::new(
            Id::Decode,
            "decode",
            "",
            "Show names and values, a line per extension",
        ),
        Opt::new(Id::Json, "json", "", "Show every message as a line of JSON"),
        Opt::new(
            Id::Daemon,
            "daemon",
            "PIDFILE",
            "Go on in the background; the process ID goes into the file",
        ),
        Opt::new(
            Id::DumpFile,
            "dumpfile",
            "FILE",
            "Show the messages in a file (- is standard input)",
        ),
        Opt::new(
            Id::EncodeFile,
            "encodefile",
            "FILE",
            "Not implemented, as ever",
        ),
        Opt::new(Id::Help, "help", "", "Show this text"),
    ],
    words: None,
    notes: "Without --ah, --esp, --ipip and --ipcomp it registers for all four.\n\n\
            Examples:\n  \
            ipsec pf_key --decode\n  \
            ipsec pf_key --daemon /run/pf_key.pid >/var/log/pf_key\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("pf_key")
}

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    protocols: Vec<SaProto>,
    pub(super) daemon: Option<String>,
    pub(super) file: Option<String>,
    pub(super) style: Style,
}

impl Wanted {
    /// The satypes to register for.
    pub(super) fn satypes(&self) -> Vec<u8> {
        const ALL: [SaProto; 4] = [SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp];
        let wanted = |proto: &SaProto| self.protocols.is_empty() || self.protocols.contains(proto);
        ALL.into_iter()
            .filter(wanted)
            .map(SaProto::satype)
            .collect()
    }
}

/// Reads the command line.
///
/// # Errors
///
/// What is wrong with it; help is one too.
pub(super) fn read(prog: &Prog, args: impl IntoIterator<Item = OsString>) -> Result<Wanted, Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => {
            prog.error(text).then_told(&TOOL.usage(prog))
        }
    })?;
    let mut wanted = Wanted::default();
    for given in given {
        let Given::Option(id, value) = given else {
            continue;
        };
        match id {
            Id::Ah => wanted.protocols.push(SaProto::Ah),
            Id::Esp => wanted.protocols.push(SaProto::Esp),
            Id::Ipip => wanted.protocols.push(SaProto::Ipip),
            Id::IpComp => wanted.protocols.push(SaProto::Comp),
            Id::Daemon => wanted.daemon = Some(value),
            Id::DumpFile => wanted.file = Some(value),
            Id::EncodeFile => return Err(prog.error("--encodefile is not implemented")),
            Id::Decode => wanted.style = Style::Decode,
            Id::Json => wanted.style = Style::Json,
            Id::Help => return Err(Error::told(TOOL.help(prog))),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    fn wanted(line: &str) -> Result<Wanted, Error> {
        read(&Prog::new("ipsec pf_key"), words(line))
    }

    #[test]
    fn all_satypes_unless_some_are_named() {
        assert_eq!(wanted("").unwrap().satypes(), [2, 3, 9, 10]);
        assert_eq!(wanted("--ipcomp --ah").unwrap().satypes(), [2, 10]);
        let daemon = wanted("--daemon /run/x --decode").unwrap();
        assert_eq!(
            (daemon.daemon.as_deref(), daemon.style),
            (Some("/run/x"), Style::Decode)
        );
    }

    #[test]
    fn help_and_mistakes_go_to_standard_error() {
        for line in ["--help", "--nonsense", "--encodefile x", "--daemon"] {
            let error = wanted(line).unwrap_err();
            assert_eq!((error.status(), error.stdout()), (1, ""), "{line}");
            assert_ne!(error.stderr(), "");
        }
    }
}
