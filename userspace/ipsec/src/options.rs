// SPDX-License-Identifier: GPL-2.0-only

//! Command lines: from a tool's table of options, by way of clap, to what was given, in the order it was given.
//!
//! The order matters: the tools have always worked an option off when they met it, so `--eraf` is known to a `--src`
//! behind it, and of two mistakes the first is the one that is told. Every option has a long name; it may be shortened
//! as far as it stays unique, and a value follows as the next word or after `=`. The options of `setkey` have letters too.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{keytext, optionsfrom};

/// The clap name of the words that belong to no option.
const WORDS: &str = "words";
/// The option that every tool with `--optionsfrom` calls by this name.
const OPTIONS_FROM: &str = "optionsfrom";

/// One option of a tool.
#[derive(Debug)]
pub(crate) struct Opt<I> {
    /// What the tool calls it.
    pub(crate) id: I,
    /// Its name without the dashes.
    pub(crate) name: &'static str,
    /// Its letter, if it has one.
    pub(crate) letter: Option<char>,
    /// Other names of the same option.
    pub(crate) also: &'static [&'static str],
    /// What its value is called in the help; empty if it takes none.
    pub(crate) value: &'static str,
    /// A line of help.
    pub(crate) help: &'static str,
}

/// What a tool accepts and says about itself.
#[derive(Debug)]
pub(crate) struct Tool<I: 'static> {
    /// The one-line description.
    pub(crate) about: &'static str,
    /// The ways to call it, one per line, each to be put behind the program's name.
    pub(crate) usage: &'static [&'static str],
    /// Its options.
    pub(crate) options: &'static [Opt<I>],
    /// What words without an option are called and mean, if it takes any.
    pub(crate) words: Option<(&'static str, &'static str)>,
    /// What follows the list of options in the help.
    pub(crate) notes: &'static str,
}

/// One thing that the command line gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given<I> {
    /// An option and its value (empty if it takes none).
    Option(I, String),
    /// A word that belongs to no option.
    Word(String),
}

/// Why a command line cannot be read; the text goes behind the program's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadLine {
    /// The option parser's complaint; the usage follows it.
    Usage(String),
    /// `--optionsfrom` failed.
    OptionsFrom(String),
}

/// A number that says where on the command line something stands, and what stands there.
type Placed<I> = (usize, Given<I>);

impl<I: Copy> Tool<I> {
    /// Reads a command line without the program's name.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub(crate) fn parse(
        &self,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Vec<Given<I>>, BadLine> {
        let args = args
            .into_iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let mut files = 0;
        self.parse_words(args, &mut files)
    }

    /// Reads words, and in their place the words of the files that they name. `files` counts those over all levels.
    fn parse_words(&self, words: Vec<String>, files: &mut usize) -> Result<Vec<Given<I>>, BadLine> {
        let matches = self
            .command()
            .try_get_matches_from(words)
            .map_err(|error| BadLine::Usage(self.complaint(&error)))?;
        let mut line = Vec::new();
        for (option, given) in self.in_order(&matches) {
            match (option, given) {
                (Some(OPTIONS_FROM), Given::Option(_, path)) => {
                    line.extend(self.parse_file(&path, files)?);
                }
                (_, given) => line.push(given),
            }
        }
        Ok(line)
    }

    fn parse_file(&self, path: &str, files: &mut usize) -> Result<Vec<Given<I>>, BadLine> {
        *files = files.saturating_add(1);
        if *files > optionsfrom::MOST_FILES {
            return Err(BadLine::OptionsFrom(format!(
                "optionsfrom called {} times, looping?",
                optionsfrom::MOST_FILES
            )));
        }
        let words = optionsfrom::words(path).map_err(|why| BadLine::OptionsFrom(why.to_owned()))?;
        self.parse_words(words, files)
    }

    /// Everything that was given, in the order of the command line, with the option's name where it is one.
    fn in_order(&self, matches: &ArgMatches) -> Vec<(Option<&'static str>, Given<I>)> {
        let mut all: Vec<(Option<&'static str>, Placed<I>)> = Vec::new();
        for option in self.options {
            let placed = placed(matches, option.name, option.value.is_empty());
            all.extend(
                placed
                    .map(|(at, value)| (Some(option.name), (at, Given::Option(option.id, value)))),
            );
        }
        if self.words.is_some() {
            let placed = placed(matches, WORDS, false);
            all.extend(placed.map(|(at, word)| (None, (at, Given::Word(word)))));
        }
        all.sort_by_key(|(_, (at, _))| *at);
        all.into_iter()
            .map(|(name, (_, given))| (name, given))
            .collect()
    }

    /// The clap command of this tool.
    fn command(&self) -> Command {
        let mut command = Command::new("ipsec")
            .no_binary_name(true)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .infer_long_args(true)
            .about(self.about)
            .term_width(100)
            .args(self.options.iter().map(Opt::arg));
        if let Some((name, help)) = self.words {
            let words = Arg::new(WORDS).value_name(name).help(help);
            command = command.arg(words.num_args(0..).action(ArgAction::Append));
        }
        command
    }

    /// This tool under its own name, with all that its manual page and the shells' completions are made of.
    pub(crate) fn completion(&self, name: &'static str) -> Command {
        let usage = self.usage(&format_args!("ipsec {name}"));
        let usage = usage.trim_start_matches("Usage:").trim().to_owned();
        self.command()
            .name(name)
            .no_binary_name(false)
            .override_usage(usage)
    }

    /// The short text: the ways to call the tool as `prog`, and what the words in capitals there stand for.
    pub(crate) fn usage(&self, prog: &dyn std::fmt::Display) -> String {
        let mut text = String::new();
        for line in self.usage {
            let lead = if text.is_empty() { "Usage:" } else { "      " };
            let line = match line.strip_prefix("where ") {
                Some(_) => format!("{lead} {line}"),
                None => format!("{lead} {prog} {line}"),
            };
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The long text: usage, every option with its meaning, notes.
    pub(crate) fn help(&self, prog: &dyn std::fmt::Display) -> String {
        let options = self
            .command()
            .help_template("{options}")
            .render_help()
            .to_string();
        format!(
            "{}\n{}\n\nOptions (each may be shortened as far as it stays unique):\n{}\n\n{}",
            self.usage(prog),
            self.about,
            options.trim_end(),
            self.notes
        )
    }

    /// clap's error in the words of getopt_long(3).
    fn complaint(&self, error: &clap::Error) -> String {
        let subject = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(text)) => text.split([' ', '=']).next().unwrap_or(text),
            _ => "",
        };
        match error.kind() {
            ErrorKind::UnknownArgument => self.unknown(subject),
            ErrorKind::InvalidValue | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
                format!("option '{subject}' requires an argument")
            }
            ErrorKind::TooManyValues => format!("option '{subject}' doesn't allow an argument"),
            _ => error.to_string().trim_end().to_owned(),
        }
    }

    /// What is wrong with a word that no option matches.
    fn unknown(&self, word: &str) -> String {
        let Some(name) = word.strip_prefix("--") else {
            return match word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
                Some(letter) => format!("invalid option -- '{letter}'"),
                None if keytext::may_be_key(word) => format!(
                    "unexpected argument: ({} characters, not shown)",
                    word.chars().count()
                ),
                None => format!("unexpected argument '{word}'"),
            };
        };
        let candidates: Vec<String> = self
            .candidates(name)
            .map(|name| format!("'--{name}'"))
            .collect();
        if candidates.len() > 1 {
            return format!(
                "option '{word}' is ambiguous; possibilities: {}",
                candidates.join(" ")
            );
        }
        format!("unrecognized option '{word}'")
    }

    /// The option names that start with `name`.
    fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        let names = self.options.iter().map(|option| option.name);
        names.filter(move |candidate| candidate.starts_with(name))
    }
}

impl<I: Copy> Opt<I> {
    /// An option with one name. `value` is empty if it takes none.
    pub(crate) const fn new(
        id: I,
        name: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            id,
            name,
            letter: None,
            also: &[],
            value,
            help,
        }
    }

    /// An option with a letter besides its name.
    pub(crate) const fn lettered(
        id: I,
        letter: char,
        name: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            id,
            name,
            letter: Some(letter),
            also: &[],
            value,
            help,
        }
    }
}

impl<I> Opt<I> {
    fn arg(&self) -> Arg {
        let mut arg = Arg::new(self.name)
            .long(self.name)
            .aliases(self.also)
            .help(self.help);
        if let Some(letter) = self.letter {
            arg = arg.short(letter);
        }
        if self.value.is_empty() {
            arg.action(ArgAction::SetTrue).overrides_with(self.name)
        } else {
            arg.value_name(self.value)
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
        }
    }
}

/// Where on the command line the argument `name` stands, and its value each time.
fn placed<'a>(
    matches: &'a ArgMatches,
    name: &'a str,
    flag: bool,
) -> Box<dyn Iterator<Item = (usize, String)> + 'a> {
    let mut places = matches.indices_of(name).into_iter().flatten();
    if flag {
        let last = places.next_back().filter(|_| matches.get_flag(name));
        return Box::new(last.map(|at| (at, String::new())).into_iter());
    }
    let values = matches
        .get_many::<String>(name)
        .into_iter()
        .flatten()
        .cloned();
    Box::new(places.zip(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Id {
        Add,
        Src,
        SrcPort,
        Him,
        From,
    }

    const fn opt(id: Id, name: &'static str, value: &'static str) -> Opt<Id> {
        Opt {
            id,
            name,
            letter: None,
            also: &[],
            value,
            help: "does something",
        }
    }

    static TOOL: Tool<Id> = Tool {
        about: "A tool for tests.",
        usage: &["--add --src N/M", "", "where N/M is a network"],
        options: &[
            opt(Id::Add, "add", ""),
            opt(Id::Src, "src", "N/M"),
            opt(Id::SrcPort, "src-port", "PORT"),
            Opt {
                also: &["saref_him"],
                ..opt(Id::Him, "sarefhim", "N")
            },
            opt(Id::From, "optionsfrom", "FILE"),
        ],
        words: None,
        notes: "That is all.\n",
    };

    fn parse(words: &[&str]) -> Result<Vec<Given<Id>>, BadLine> {
        TOOL.parse(words.iter().map(OsString::from))
    }

    fn usage_error(words: &[&str]) -> String {
        match parse(words) {
            Err(BadLine::Usage(text)) => text,
            other => format!("{other:?}"),
        }
    }

    fn given(id: Id, value: &str) -> Given<Id> {
        Given::Option(id, value.to_owned())
    }

    #[test]
    fn order_is_kept() {
        let line = parse(&[
            "--src",
            "a",
            "--add",
            "--src-port=b",
            "--src=c",
            "--saref_him",
            "d",
        ]);
        let want = [
            (Id::Src, "a"),
            (Id::Add, ""),
            (Id::SrcPort, "b"),
            (Id::Src, "c"),
            (Id::Him, "d"),
        ];
        assert_eq!(line, Ok(want.map(|(id, value)| given(id, value)).to_vec()));
    }

    #[test]
    fn names_may_be_short_and_values_may_look_like_options() {
        assert_eq!(parse(&["--a"]), Ok(vec![given(Id::Add, "")]));
        assert_eq!(parse(&["--saref", "1"]), Ok(vec![given(Id::Him, "1")]));
        assert_eq!(
            parse(&["--src", "--add"]),
            Ok(vec![given(Id::Src, "--add")])
        );
    }

    #[test]
    fn complaints_are_those_of_getopt() {
        let table: &[(&[&str], &str)] = &[
            (&["--foo"], "unrecognized option '--foo'"),
            (&["--foo=x"], "unrecognized option '--foo'"),
            (
                &["--s", "x"],
                "option '--s' is ambiguous; possibilities: '--src' '--src-port' '--sarefhim'",
            ),
            (&["--add", "--src"], "option '--src' requires an argument"),
            (
                &["--add", "--add=yes"],
                "option '--add' doesn't allow an argument",
            ),
            (&["-x"], "invalid option -- 'x'"),
            (&["stray"], "unexpected argument 'stray'"),
        ];
        for (words, want) in table {
            assert_eq!(usage_error(words), *want, "{words:?}");
        }
    }

    #[test]
    fn files_are_read_in_place() {
        let path = std::env::temp_dir().join(format!("klips-options-{}", std::process::id()));
        std::fs::write(&path, "--src b\n--add\n").unwrap();
        let name = path.to_string_lossy().into_owned();
        let line = parse(&["--src", "a", "--optionsfrom", &name, "--src", "c"]);
        let want = vec![
            given(Id::Src, "a"),
            given(Id::Src, "b"),
            given(Id::Add, ""),
            given(Id::Src, "c"),
        ];
        assert_eq!(line, Ok(want));
        std::fs::write(&path, format!("--optionsfrom {name}\n")).unwrap();
        let looping = BadLine::OptionsFrom("optionsfrom called 100 times, looping?".to_owned());
        assert_eq!(parse(&["--optionsfrom", &name]), Err(looping));
        std::fs::remove_file(&path).unwrap();
        let missing = BadLine::OptionsFrom("unable to open file".to_owned());
        assert_eq!(parse(&["--optionsfrom", &name]), Err(missing));
    }

    #[test]
    fn help_lists_every_option() {
        let help = TOOL.help(&"ipsec tool");
        for option in TOOL.options {
            assert!(help.contains(&format!("--{}", option.name)), "{help}");
        }
        let usage =
            "Usage: ipsec tool --add --src N/M\n       ipsec tool\n       where N/M is a network\n";
        assert!(help.starts_with(usage), "{help}");
        assert!(help.ends_with("That is all.\n"));
    }
}
