// SPDX-License-Identifier: GPL-2.0-only

//! The command line of `setkey`.

use std::ffi::OsString;

use crate::error::Error;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;
use crate::version;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Commands,
    File,
    Dump,
    Flush,
    Policies,
    Promiscuous,
    All,
    Loop,
    Ports,
    NoSockets,
    DryRun,
    NoForward,
    Forward,
    Verbose,
    Hexadecimal,
    Json,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about:
        "Makes, lists and removes SAs and policies, by scripts in the language of KAME's setkey.",
    usage: &[
        "[-knrvH] [--json] -c",
        "[-knrvH] [--json] -f FILE",
        "[-knrvH] [--json] FILE...",
        "[-alpvH] [--json] -D",
        "[-lNpvH] [--json] -D -P",
        "[-vH] -F",
        "[-vH] -F -P",
        "[-H] [--json] -x",
        "--help | --version",
    ],
    options: &[
        Opt::lettered(
            Id::Commands,
            'c',
            "commands",
            "",
            "Read a script from standard input",
        ),
        Opt::lettered(
            Id::File,
            'f',
            "file",
            "FILE",
            "Read a script from a file (- is standard input)",
        ),
        Opt::lettered(Id::Dump, 'D', "dump", "", "List the SAs"),
        Opt::lettered(Id::Flush, 'F', "flush", "", "Remove all SAs"),
        Opt::lettered(
            Id::Policies,
            'P',
            "policies",
            "",
            "Behind -D and -F: policies, not SAs",
        ),
        Opt::lettered(
            Id::Promiscuous,
            'x',
            "promiscuous",
            "",
            "Show every PF_KEY message until a signal ends it",
        ),
        Opt::lettered(Id::All, 'a', "all", "", "List dead SAs too"),
        Opt::lettered(Id::Loop, 'l', "loop", "", "List again every second"),
        Opt::lettered(Id::Ports, 'p', "ports", "", "List the UDP ports of SAs"),
        Opt::lettered(
            Id::NoSockets,
            'N',
            "no-sockets",
            "",
            "Do not list the policies of sockets",
        ),
        Opt::lettered(
            Id::DryRun,
            'n',
            "dry-run",
            "",
            "Read the script, and change nothing",
        ),
        Opt::lettered(
            Id::NoForward,
            'k',
            "no-forward",
            "",
            "Make no policies but those of the script",
        ),
        Opt::lettered(
            Id::Forward,
            'r',
            "forward",
            "",
            "Make a policy in direction fwd for each one in direction in, as without options",
        ),
        Opt::lettered(
            Id::Verbose,
            'v',
            "verbose",
            "",
            "Show the messages to the kernel and from it",
        ),
        Opt::lettered(
            Id::Hexadecimal,
            'H',
            "hexadecimal",
            "",
            "Show messages as bytes too, with zeros for keys",
        ),
        Opt::new(
            Id::Json,
            "json",
            "",
            "Show SAs, policies and messages as JSON",
        ),
        Opt::lettered(Id::Help, 'h', "help", "", "Show this text"),
        Opt::lettered(Id::Version, 'V', "version", "", "Show the version"),
    ],
    words: Some(("FILE", "Scripts to be read")),
    notes: "Examples:\n  \
            ipsec setkey -f /etc/ipsec-tools.conf\n  \
            ipsec setkey -D -P\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("setkey")
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Scripts to be carried out one after the other.
    Scripts(Vec<String>),
    /// A listing of SAs, or of policies.
    Dump { policies: bool, again: bool },
    /// Removal of SAs, or of policies.
    Flush { policies: bool },
    /// To listen.
    Promiscuous,
}

/// How to show what is shown, and how to go about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Manner {
    /// Dead SAs too.
    pub(super) all: bool,
    /// UDP ports too.
    pub(super) ports: bool,
    /// No policies of sockets.
    pub(super) no_sockets: bool,
    /// Change nothing.
    pub(super) dry_run: bool,
    /// No policies in direction fwd that the script does not have.
    pub(super) no_forward: bool,
    /// Show messages.
    pub(super) verbose: bool,
    /// Show their bytes.
    pub(super) hexadecimal: bool,
    /// Show all of it as JSON.
    pub(super) json: bool,
}

/// Reads the command line.
///
/// # Errors
///
/// What is wrong with it; help and version are too.
pub(super) fn read(
    prog: &Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Task, Manner), Error> {
    let usage = |text: &str| prog.error(text).then_told(&TOOL.usage(prog));
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => usage(&text),
    })?;
    let mut manner = Manner::default();
    let mut scripts = Vec::new();
    let (mut dump, mut flush, mut policies) = (false, false, false);
    let (mut promiscuous, mut again) = (false, false);
    for given in given {
        match given {
            Given::Word(file) | Given::Option(Id::File, file) => scripts.push(file),
            Given::Option(id, _) => match id {
                Id::File => {}
                Id::Commands => scripts.push("-".to_owned()),
                Id::Dump => dump = true,
                Id::Flush => flush = true,
                Id::Policies => policies = true,
                Id::Promiscuous => promiscuous = true,
                Id::All => manner.all = true,
                Id::Loop => again = true,
                Id::Ports => manner.ports = true,
                Id::NoSockets => manner.no_sockets = true,
                Id::DryRun => manner.dry_run = true,
                Id::NoForward => manner.no_forward = true,
                Id::Forward => manner.no_forward = false,
                Id::Verbose => manner.verbose = true,
                Id::Hexadecimal => manner.hexadecimal = true,
                Id::Json => manner.json = true,
                Id::Help => return Err(Error::shown(TOOL.help(prog)).with_status(0)),
                Id::Version => {
                    let text = format!("{prog}, {}\n", version::USER);
                    return Err(Error::shown(text).with_status(0));
                }
            },
        }
    }
    if policies && !dump && !flush {
        return Err(usage("-P goes with -D or -F"));
    }
    if again && !dump {
        return Err(usage("-l goes with -D"));
    }
    let mut tasks = Vec::new();
    if !scripts.is_empty() {
        tasks.push(Task::Scripts(scripts));
    }
    if dump {
        tasks.push(Task::Dump { policies, again });
    }
    if flush {
        tasks.push(Task::Flush { policies });
    }
    if promiscuous {
        tasks.push(Task::Promiscuous);
    }
    let only = tasks.pop().filter(|_| tasks.is_empty());
    let task = only.ok_or_else(|| usage("one of -c, -f, -D, -F and -x is wanted, or a file"))?;
    Ok((task, manner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{refusals_are_told, words};

    fn read(line: &str) -> Result<(Task, Manner), Error> {
        super::read(&Prog::new("ipsec setkey"), words(line))
    }

    #[test]
    fn letters_may_stand_together() {
        let (task, manner) = read("-DPpN").unwrap();
        let want = Task::Dump {
            policies: true,
            again: false,
        };
        assert_eq!((task, manner.ports, manner.no_sockets), (want, true, true));
        assert_eq!(read("-FP").unwrap().0, Task::Flush { policies: true });
        assert_eq!(read("-F").unwrap().0, Task::Flush { policies: false });
        let (task, manner) = read("-nvk -f /etc/ipsec-tools.conf").unwrap();
        assert_eq!(
            task,
            Task::Scripts(vec!["/etc/ipsec-tools.conf".to_owned()])
        );
        assert!(manner.dry_run && manner.verbose && manner.no_forward);
        assert!(!read("-c -k -r").unwrap().1.no_forward);
        let scripts = ["a", "-", "b"].map(str::to_owned).to_vec();
        assert_eq!(read("a -c b").unwrap().0, Task::Scripts(scripts));
        assert_eq!(read("--dump --all").unwrap().0, read("-D -a").unwrap().0);
    }

    #[test]
    fn there_is_one_task() {
        for line in [
            "", "-v", "-D -F", "-c -D", "-P", "-x -P", "-c -l", "-f", "-z",
        ] {
            let error = read(line).unwrap_err();
            assert!(error.stderr().contains("Usage: "), "{line}");
            assert_eq!(error.status(), 1, "{line}");
        }
        let pieces = [
            "-D", "-P", "-F", "-x", "-f x", "-c", "-l", "file", "-q", "--json",
        ];
        refusals_are_told(&pieces, &[], |line| {
            super::read(&Prog::new("ipsec setkey"), line)
        });
    }

    #[test]
    fn help_is_what_was_asked_for() {
        for line in ["-h", "--help", "-V"] {
            let shown = read(line).unwrap_err();
            assert_eq!((shown.status(), shown.stderr()), (0, ""));
        }
    }
}
