// SPDX-License-Identifier: GPL-2.0-only

//! Manual pages: an mdoc(7) source for each page, and in it what clap knows about the tool.
//!
//! A source has five requests of its own. What stands in the tables of options is written nowhere else, so a page cannot
//! name an option that is not there, nor be silent about one that is.
//!
//! * `.Title SECTION`: everything up to the name and its description.
//! * `.Synopsis`: the ways to call the tool.
//! * `.Option NAME...`: an item of a list for these options. If no text follows, it is that of the common options, or
//!   the line of `--help`.
//! * `.Options`: an item for each of the options that have had none so far.
//! * `.Commands`: an item for each tool.

mod examples;
mod synopsis;
mod tree;

use clap::{Arg, ArgAction, Command};

pub(crate) use tree::write_all;

/// What options that many tools have are explained by.
pub(crate) struct Common(Vec<(String, String)>);

impl Common {
    /// Reads `.Option NAME` and the lines behind it, up to the next one.
    pub(crate) fn parse(source: &str) -> Self {
        let mut entries: Vec<(String, String)> = Vec::new();
        for line in source.lines() {
            match (line.strip_prefix(".Option "), entries.last_mut()) {
                (Some(name), _) => entries.push((name.to_owned(), String::new())),
                (None, Some((_, text))) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        Self(entries)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let entry = self.0.iter().find(|(known, _)| known == name);
        entry.map(|(_, text)| text.as_str())
    }
}

/// The page of `command` from its source.
///
/// # Errors
///
/// What is wrong with the source, one complaint per line.
pub(crate) fn page(
    command: &Command,
    tools: &Command,
    source: &str,
    common: &Common,
) -> Result<String, String> {
    let mut page = Page {
        command,
        tools,
        common,
        text: String::new(),
        told: Vec::new(),
        wrong: Vec::new(),
    };
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let bare = lines.peek().is_none_or(|next| is_break(next));
        page.line(line, bare);
    }
    page.finish()
}

/// Whether an item that this line follows has no text of its own.
fn is_break(line: &str) -> bool {
    [".Option", ".El", ".It", ".Sh"]
        .iter()
        .any(|request| line.starts_with(request))
}

/// A page being made.
struct Page<'a> {
    command: &'a Command,
    tools: &'a Command,
    common: &'a Common,
    text: String,
    told: Vec<String>,
    wrong: Vec<String>,
}

impl Page<'_> {
    fn line(&mut self, line: &str, bare: bool) {
        let (request, rest) = line.split_once(' ').unwrap_or((line, ""));
        match request {
            ".Title" => self.title(rest),
            ".Synopsis" => self.text.push_str(&synopsis::of(self.command)),
            ".Option" => self.option(rest, bare),
            ".Options" => {
                for name in self.untold() {
                    self.option(&name, true);
                }
            }
            ".Commands" => self.commands(),
            _ => {
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }

    fn title(&mut self, section: &str) {
        let name = full_name(self.command);
        let about = self.command.get_about().map(ToString::to_string);
        self.text.push_str(&format!(
            ".Dt {} {section}\n.Os\n.Sh NAME\n.Nm \"{name}\"\n.Nd {}\n",
            name.replace(' ', "_").to_uppercase(),
            about.unwrap_or_default()
        ));
    }

    /// The item of options that are explained together.
    fn option(&mut self, names: &str, bare: bool) {
        let mut heading = String::from(".It");
        for name in names.split(' ') {
            let Some(arg) = option(self.command, name) else {
                self.wrong.push(format!("there is no option --{name}"));
                continue;
            };
            let letter = arg.get_short().map(|letter| format!("Fl {letter}"));
            let names = all_names(arg)
                .into_iter()
                .map(|name| format!("Fl Fl {name}"));
            for name in letter.into_iter().chain(names) {
                let lead = if heading == ".It" { "" } else { " ," };
                heading.push_str(&format!("{lead} {name}{}", value(arg)));
            }
            if self.told.iter().any(|told| told == name) {
                self.wrong.push(format!("--{name} is explained twice"));
            }
            self.told.push(name.to_owned());
        }
        self.text.push_str(&heading);
        self.text.push('\n');
        if bare {
            self.text.push_str(&self.usual_text(names));
        }
    }

    /// What an option is explained by that has no text of its own.
    fn usual_text(&self, name: &str) -> String {
        if let Some(text) = self.common.text(name) {
            return text.to_owned();
        }
        let arg = option(self.command, name);
        let help = arg.and_then(Arg::get_help).map(ToString::to_string);
        format!("{}.\n", decapitalised(&help.unwrap_or_default()))
    }

    fn commands(&mut self) {
        for tool in self.tools.get_subcommands() {
            let (name, about) = (tool.get_name(), tool.get_about());
            let about = about.map(ToString::to_string).unwrap_or_default();
            self.text.push_str(&format!(
                ".It Cm {name}\n{about}; see\n.Xr ipsec_{name} 8 .\n"
            ));
        }
    }

    /// Whether the tool has this option; the page of all tools may name those of any.
    fn knows(&self, name: &str) -> bool {
        let all = self.command.get_subcommands();
        std::iter::once(self.command)
            .chain(all)
            .any(|command| option(command, name).is_some())
    }

    /// The options that have no item so far.
    fn untold(&self) -> Vec<String> {
        let names = self.command.get_arguments().filter_map(Arg::get_long);
        names
            .filter(|name| !self.told.iter().any(|told| told == name))
            .map(str::to_owned)
            .collect()
    }

    fn finish(mut self) -> Result<String, String> {
        for name in self.untold() {
            self.wrong.push(format!("--{name} is not explained"));
        }
        for name in mentioned(&self.text) {
            if !self.knows(&name) {
                self.wrong.push(format!(
                    "--{name} is mentioned, but there is no such option"
                ));
            }
        }
        self.wrong
            .extend(examples::mistakes(&self.text, self.tools));
        match self.wrong.is_empty() {
            true => Ok(self.text),
            false => Err(self.wrong.join("\n")),
        }
    }
}

/// `ipsec`, or that and the tool.
fn full_name(command: &Command) -> String {
    match command.get_name() {
        "ipsec" => "ipsec".to_owned(),
        tool => format!("ipsec {tool}"),
    }
}

fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| all_names(arg).iter().any(|known| *known == name))
}

/// All names of an option.
fn all_names(arg: &Arg) -> Vec<&str> {
    let also = arg.get_all_aliases().unwrap_or_default();
    arg.get_long().into_iter().chain(also).collect()
}

/// The value of an option behind its name.
fn value(arg: &Arg) -> String {
    let takes_one = !matches!(arg.get_action(), ArgAction::SetTrue);
    match arg.get_value_names() {
        Some([name, ..]) if takes_one => format!(" Ar {}", name.to_lowercase()),
        _ => String::new(),
    }
}

/// The options that a page names.
fn mentioned(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('.')) {
        let mut words = line.split([' ', '.']).peekable();
        while let Some(word) = words.next() {
            if word == "Fl" && words.next_if_eq(&"Fl").is_some() {
                names.extend(words.next().map(str::to_owned));
            }
        }
    }
    names
}

/// The text with a small letter in front, unless its first word is more than capitalised.
fn decapitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    if letters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    let first = first.map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools() -> Command {
        crate::catalogue::command()
    }

    fn made(tool: &str, source: &str) -> Result<String, String> {
        let tools = tools();
        let command = tools.find_subcommand(tool).expect("a tool").clone();
        let common = Common::parse(".\\\" text\n.Option help\nshows the usage.\n");
        page(&command, &tools, source, &common)
    }

    #[test]
    fn options_are_put_in_from_the_table() {
        let source =
            ".Title 8\n.Bl\n.Option interval\nlooks that often.\n.Option once\n.Options\n.El\n";
        let text = made("monitor", source).unwrap();
        let want = ".Dt IPSEC_MONITOR 8\n.Os\n.Sh NAME\n.Nm \"ipsec monitor\"\n";
        assert!(text.starts_with(want), "{text}");
        for part in [
            ".It Fl Fl interval Ar seconds\nlooks that often.\n",
            ".It Fl Fl once\nshow what has been counted so far, and end.\n",
            ".It Fl Fl help\nshows the usage.\n",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_page_that_does_not_fit_its_tool_is_refused() {
        let table = [
            (".Option once\n", "--interval is not explained"),
            (".Options\n.Option once\n", "--once is explained twice"),
            (".Options\n.Option twice\n", "there is no option --twice"),
            (
                ".Options\n.Fl Fl twice .\n",
                "--twice is mentioned, but there is no such option",
            ),
            (
                ".Options\n.Dl ipsec monitor --twice\n",
                "the example `ipsec monitor --twice' does not work",
            ),
        ];
        for (source, want) in table {
            let wrong = made("monitor", source).unwrap_err();
            assert!(wrong.lines().any(|line| line == want), "{source}: {wrong}");
        }
    }
}
