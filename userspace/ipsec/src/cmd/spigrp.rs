// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec spigrp`: groups SAs, so that a packet goes through all of them.

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use klips_core::addr::parse_number;
use klips_core::pfkey::ext::{Outer, SaInfo};
use klips_core::pfkey::request::Grpsa;
use klips_core::pfkey::Request;
use klips_core::said::Said;
use klips_pfkey::Errno;

use super::sa_proto;
use crate::error::Error;
use crate::kernel::{self, Kernel, Refused};
use crate::listing::{Format, Table};
use crate::options::{BadLine, Given, Opt, Tool};
use crate::output;
use crate::prog::Prog;
use crate::tables::{self, KnownSas};
use crate::{refusal, resolve, version};

/// The table of groups.
pub(crate) const TABLE: Table = Table {
    path: "/proc/net/ipsec_spigrp",
    name: "spigrp",
    netkey: Some("does not use the ipsec spigrp command. Use 'ip xfrm' instead."),
};

/// A group has no more members than this.
const MOST_MEMBERS: usize = 4;

/// Words that name one SA without `--said`: family, address, SPI, protocol.
const WORDS_PER_SA: usize = 4;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Said,
    Json,
    Debug,
    Label,
    Help,
    Version,
}

static TOOL: Tool<Id> = Tool {
    about: "Shows the groups of SAs, groups up to four SAs from the innermost to the outermost, or takes one out.",
    usage: &[
        "",
        "--json",
        "[--debug] [--label TEXT] FAMILY DST SPI PROTO [FAMILY DST SPI PROTO]...",
        "[--debug] [--label TEXT] --said SAID [SAID]...",
        "--help | --version",
        "where FAMILY is inet or inet6 and PROTO is ah, esp, tun or comp",
    ],
    options: &[
        Opt::new(Id::Said, "said", "", "The words are SAIDs: esp0x1234@10.0.0.2"),
        Opt::new(Id::Json, "json", "", "Show the groups as JSON"),
        Opt::new(Id::Debug, "debug", "", "Say what is being asked of the kernel"),
        Opt::new(Id::Label, "label", "TEXT", "Put this into the tool's messages"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: Some(("SA", "One to four SAs, the innermost first")),
    notes: "Without arguments the groups are shown, one line per SA. A single SA is taken out of its group.\n\n\
            Examples:\n  \
            ipsec spigrp --said tun0x1000@192.0.2.2 esp0x1001@192.0.2.2\n  \
            ipsec spigrp inet 192.0.2.2 0x1000 tun inet 192.0.2.2 0x1001 esp\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("spigrp")
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Show the groups.
    List(Format),
    /// Group these, or ungroup the only one.
    Group(Vec<Said>),
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// Everything that keeps it from doing what it was asked for; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let mut prog = prog;
    let (action, debug) = read(&mut prog, args)?;
    let members = match action {
        Action::List(format) => return TABLE.show_as(&prog, format, tables::group_json),
        Action::Group(members) => members,
    };
    TABLE.refuse_netkey(&prog)?;
    let mut kernel = Kernel::open(&prog)?;
    let Some(group) = request(&members) else {
        return Ok(());
    };
    if debug {
        output::out(&prog.line(format_args!("asking the kernel to {}", sentence(&members))));
    }
    kernel
        .ask(&Request::Grpsa(group))
        .map_err(|refused| explain(&prog, &members, refused, &KnownSas::default()))
}

/// The messages that [`run`] would send.
#[cfg(feature = "rehearse")]
pub(crate) fn rehearse(prog: Prog, args: Vec<OsString>) -> crate::rehearse::Messages {
    let mut prog = prog;
    let members = match read(&mut prog, args)? {
        (Action::List(_), _) => return Ok(Vec::new()),
        (Action::Group(members), _) => members,
    };
    crate::rehearse::messages(&prog, request(&members).map(Request::Grpsa))
}

/// Reads the command line; also whether `--debug` was on it.
fn read(
    prog: &mut Prog,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(Action, bool), Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) if text.starts_with("option '--label'") => {
            prog.error("--label option requires an argument.")
        }
        BadLine::Usage(text) => prog.error(text).then_shown(&TOOL.usage(prog)),
        BadLine::OptionsFrom(why) => prog.error(why),
    })?;
    let (mut said, mut debug, mut words) = (false, false, Vec::new());
    let mut format = Format::Classic;
    for given in given {
        match given {
            Given::Word(word) => words.push(word),
            Given::Option(Id::Said, _) => said = true,
            Given::Option(Id::Json, _) => format = Format::Json,
            Given::Option(Id::Debug, _) => debug = true,
            Given::Option(Id::Label, text) => prog.label(&text),
            Given::Option(Id::Help, _) => return Err(Error::shown(TOOL.help(prog))),
            Given::Option(Id::Version, _) => {
                return Err(Error::told(format!("{prog}, {}\n", version::USER)));
            }
        }
    }
    let action = match (said, words.is_empty()) {
        (false, true) => Ok(Action::List(format)),
        (true, _) => by_said(&words),
        (false, false) => by_words(&words),
    };
    let action = action.map_err(|trouble| match trouble {
        Trouble::Count(text) => prog.error(text).then_shown(&TOOL.usage(prog)),
        Trouble::Member(text) => prog.error(text),
    })?;
    Ok((action, debug))
}

/// What is wrong with the words.
enum Trouble {
    /// There are too many of them or too few, so the usage follows.
    Count(String),
    /// One of them.
    Member(String),
}

fn by_said(words: &[String]) -> Result<Action, Trouble> {
    // Counted as they always were: with the program's name and --said.
    let count = words.len().saturating_add(2);
    if words.is_empty() {
        return Err(Trouble::Count(format!(
            "expecting 3 or more args with --said, got {count}."
        )));
    }
    check_size(words.len())?;
    let members = words.iter().map(|word| {
        resolve::said(word)
            .map_err(|why| Trouble::Member(format!("Error, {why} converting --sa argument:{word}")))
    });
    members.collect::<Result<_, _>>().map(Action::Group)
}

fn by_words(words: &[String]) -> Result<Action, Trouble> {
    let count = words.len().saturating_add(1);
    if words.len() < WORDS_PER_SA || words.len() % WORDS_PER_SA != 0 {
        return Err(Trouble::Count(format!(
            "expecting 5 or more args without --said, got {count}."
        )));
    }
    check_size(words.len() / WORDS_PER_SA)?;
    let members = words
        .chunks(WORDS_PER_SA)
        .zip(1_usize..)
        .map(|(words, nth)| member(words, nth));
    members.collect::<Result<_, _>>().map(Action::Group)
}

fn check_size(members: usize) -> Result<(), Trouble> {
    if members <= MOST_MEMBERS {
        return Ok(());
    }
    Err(Trouble::Count(format!(
        "expecting at most {MOST_MEMBERS} SAs in a group, got {members}."
    )))
}

/// One SA from its four words; it is the `nth` of the line.
fn member(words: &[String], nth: usize) -> Result<Said, Trouble> {
    let [family, dst, spi, proto] = words else {
        return Err(Trouble::Count(
            "expecting four args for each SA.".to_owned(),
        ));
    };
    let bad = |text| Err(Trouble::Member(text));
    let Some(proto) = sa_proto(proto) else {
        return bad(format!("Badly formed proto: {proto}"));
    };
    let Ok(spi) = parse_number(spi, None) else {
        return bad(format!("Badly formed spi: {spi}"));
    };
    let Some(family) = resolve::family(family) else {
        return bad(format!("Address family {family} not supported"));
    };
    match resolve::address(dst, Some(family)) {
        Ok(dst) => Ok(Said { dst, spi, proto }),
        Err(why) => bad(format!(
            "Error, {why} converting {nth}th address argument:{dst}"
        )),
    }
}

/// The request that makes the group, or that ungroups the only one. Nobody is no group.
fn request(members: &[Said]) -> Option<Grpsa> {
    let info = |said: &Said| SaInfo {
        spi: said.spi,
        ..SaInfo::default()
    };
    let (first, rest) = members.split_first()?;
    Some(Grpsa {
        first: *first,
        first_sa: info(first),
        second: rest.first().map(|second| (*second, info(second))),
        outer: rest.get(1).map(|third| Outer {
            third: *third,
            fourth: rest.get(2).copied(),
        }),
    })
}

/// The kernel's refusal. Its first line stands there twice, as it always has; then what it means for this request.
fn explain(prog: &Prog, members: &[Said], refused: Refused, known: &KnownSas) -> Error {
    let errno = match refused {
        Refused::Errno(errno) => errno,
        Refused::Truncated(len) => {
            return prog.error(format_args!("pfkey write truncated to {len} bytes"))
        }
    };
    let failed = prog.line(format_args!(
        "pfkey write failed, returning -1 with errno={}.",
        refusal::number(errno)
    ));
    let text = format!(
        "{failed}{failed}{}\n",
        refusal::spigrp(errno, kernel::is_root())
    );
    let why = reason(errno, members, known);
    Error::told(text).then_told(&prog.line(format_args!("cannot {}: {why}", sentence(members))))
}

/// What an errno means for these SAs. It does not say which of them are meant: that is looked up.
fn reason(errno: Errno, members: &[Said], known: &KnownSas) -> String {
    match errno {
        Errno::ENOENT if members.len() == 1 => "it does not exist".to_owned(),
        Errno::ENOENT => match named(members, |_, said| !known.is_empty() && !known.contains(said)) {
            (0, _) => "at least one of them does not exist".to_owned(),
            (1, name) => format!("{name} does not exist"),
            (_, names) => format!("{names} do not exist"),
        },
        Errno::EEXIST => {
            let is_repeated = |at, said: &Said| members.iter().take(at).any(|other| other == said);
            if let (1.., names) = named(members, is_repeated) {
                return format!("{names} cannot be there more than once");
            }
            match named(members, |_, said| known.is_grouped(said)) {
                (0, _) => "one of them is grouped with another SA already".to_owned(),
                (1, name) => format!("{name} is in a group already"),
                (_, names) => format!("{names} are in groups already"),
            }
        }
        Errno::EINVAL if members.len() > 1 => format!(
            "there would be more than {MOST_MEMBERS} in the group, or SAs of both directions, or one of another dialect"
        ),
        errno => kernel::reason(errno).to_string(),
    }
}

/// How many of `members` are `wanted`, by place and name, and their names.
fn named(members: &[Said], wanted: impl Fn(usize, &Said) -> bool) -> (usize, String) {
    let mut names: Vec<String> = members
        .iter()
        .enumerate()
        .filter(|(at, said)| wanted(*at, said))
        .map(|(_, said)| said.to_string())
        .collect();
    names.dedup();
    (names.len(), names.join(" and "))
}

/// The request as the end of a sentence.
fn sentence(members: &[Said]) -> String {
    match members {
        [] => "group nothing".to_owned(),
        [only] => format!("take {only} out of its group"),
        [inner, outer @ ..] => {
            let outer: Vec<String> = outer.iter().map(Said::to_string).collect();
            format!("group {inner} with {} outside it", outer.join(", then "))
        }
    }
}
