// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec look`: everything that the kernel has for IPsec, at a glance.

mod classic;
mod picture;
mod readable;

use std::ffi::OsString;
use std::io::{self, IsTerminal};

use crate::error::Error;
use crate::options::{BadLine, Given, Opt, Tool};
use crate::prog::Prog;
use crate::{output, version};
use picture::Picture;

/// The options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Id {
    Classic,
    Json,
    Help,
    Version,
}

/// What the tool accepts and says about itself.
static TOOL: Tool<Id> = Tool {
    about: "Shows eroutes with the groups that they lead to, devices, SAs and the routes to them.",
    usage: &["[--classic | --json]", "--help | --version"],
    options: &[
        Opt::new(Id::Classic, "classic", "", "The classic form on a terminal too"),
        Opt::new(Id::Json, "json", "", "Show it as JSON"),
        Opt::new(Id::Help, "help", "", "Show this text"),
        Opt::new(Id::Version, "version", "", "Show the version"),
    ],
    words: None,
    notes: "On a terminal it is a table in colours, unless NO_COLOR is set; elsewhere it has the classic form.\n",
};

/// The shell's completion knows the options from here.
pub(crate) fn command() -> clap::Command {
    TOOL.completion("look")
}

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Classic,
    /// With colours or without.
    Readable(bool),
    Json,
}

/// Runs the tool with the words behind its name.
///
/// # Errors
///
/// A bad command line, or that there is nothing to look at; `--help` and `--version` end this way too.
pub(crate) fn run(prog: Prog, args: impl IntoIterator<Item = OsString>) -> Result<(), Error> {
    let style = read(&prog, args)?.unwrap_or_else(usual_style);
    let picture = Picture::take(&prog)?;
    output::out(&match style {
        Style::Classic => classic::text(&picture),
        Style::Readable(colours) => readable::text(&picture, colours),
        Style::Json => format!("{}\n", picture.json()),
    });
    Ok(())
}

/// The style that suits what standard output is.
fn usual_style() -> Style {
    if !io::stdout().is_terminal() {
        return Style::Classic;
    }
    let no_colours = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style::Readable(!no_colours)
}

/// Reads the command line.
fn read(prog: &Prog, args: impl IntoIterator<Item = OsString>) -> Result<Option<Style>, Error> {
    let given = TOOL.parse(args).map_err(|bad| match bad {
        BadLine::Usage(text) | BadLine::OptionsFrom(text) => {
            prog.error(text).then_shown(&TOOL.usage(prog))
        }
    })?;
    let mut style = None;
    for given in given {
        match given {
            Given::Option(Id::Classic, _) => style = Some(Style::Classic),
            Given::Option(Id::Json, _) => style = Some(Style::Json),
            Given::Option(Id::Help, _) => return Err(Error::shown(TOOL.help(prog)).with_status(0)),
            Given::Option(Id::Version, _) => {
                return Err(Error::shown(version::banner("ipsec look")).with_status(0));
            }
            Given::Word(_) => {}
        }
    }
    Ok(style)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;

    #[test]
    fn command_lines() {
        let style = |line| read(&Prog::new("ipsec look"), words(line));
        assert_eq!(style(""), Ok(None));
        assert_eq!(style("--cl"), Ok(Some(Style::Classic)));
        assert_eq!(style("--json"), Ok(Some(Style::Json)));
        for line in ["--help", "--version"] {
            assert_eq!(style(line).unwrap_err().status(), 0);
        }
        assert_eq!(style("--nonsense").unwrap_err().status(), 1);
    }
}
