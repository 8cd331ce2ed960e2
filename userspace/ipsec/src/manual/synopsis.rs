// SPDX-License-Identifier: GPL-2.0-only

//! The ways to call a tool, from the usage that it prints to mdoc(7).

use clap::Command;

/// The lines of a SYNOPSIS.
pub(super) fn of(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let name = super::full_name(command);
    let mut text = Markup::default();
    for line in usage.lines() {
        let line = line.trim_start_matches("Usage:").trim_start();
        match line.strip_prefix("where ") {
            Some(rest) => {
                text.request(".Pp");
                text.plain("where");
                text.words(rest, true);
            }
            None => {
                text.request(".Nm");
                text.words(line.strip_prefix(&name).unwrap_or(line), false);
            }
        }
    }
    text.done
}

/// A piece of a line of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// An option, without its dashes.
    Option(&'a str),
    /// Options that are letters, without the dash.
    Letters(&'a str),
    /// What stands for something else.
    Name(&'a str),
    /// A word as it is.
    Word(&'a str),
    /// `|`
    Or,
    /// `[`, `]`, `{` and `}` as mdoc has them.
    Bracket(&'static str),
    /// What stands behind another token without a blank.
    Mark(&'a str),
}

/// The tokens of a line of usage.
fn tokens(mut rest: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return found;
        };
        let end = rest
            .find(|c: char| c.is_whitespace() || "[]{}|,".contains(c))
            .filter(|&end| end > 0)
            .unwrap_or(if "[]{}|,".contains(first) {
                1
            } else {
                rest.len()
            });
        let (word, behind) = rest.split_at(end);
        rest = behind;
        found.push(match word {
            "[" => Token::Bracket("Oo"),
            "]" => Token::Bracket("Oc"),
            "{" => Token::Bracket("Bro"),
            "}" => Token::Bracket("Brc"),
            "|" => Token::Or,
            "," | "..." => Token::Mark(word),
            _ => match word.strip_prefix("--") {
                Some(name) => Token::Option(name),
                None if word.len() > 1 && word.starts_with('-') => {
                    Token::Letters(word.trim_start_matches('-'))
                }
                None if word.contains(|c: char| c.is_ascii_uppercase()) => Token::Name(word),
                None => Token::Word(word),
            },
        });
    }
}

/// mdoc being written: whole lines, and one that may go on.
#[derive(Debug, Default)]
struct Markup {
    done: String,
}

impl Markup {
    /// A line by itself.
    fn request(&mut self, line: &str) {
        self.done.push_str(line);
        self.done.push('\n');
    }

    /// A line of text.
    fn plain(&mut self, text: &str) {
        self.request(text);
    }

    /// More on the last line.
    fn append(&mut self, text: &str) {
        self.done.pop();
        self.done.push(' ');
        self.request(text);
    }

    /// A line of usage; `sentence` if words without dashes are plain text in it.
    fn words(&mut self, line: &str, sentence: bool) {
        let tokens = tokens(line);
        let mut before = None;
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at.saturating_add(1));
            let joined = matches!(before, Some(Token::Or));
            let is_value = matches!(before, Some(Token::Option(_) | Token::Letters(_)));
            let markup = match *token {
                Token::Option(name) => format!("Fl Fl {name}"),
                Token::Letters(letters) => format!("Fl {letters}"),
                Token::Name(name) => format!("Ar {}", name.to_lowercase()),
                Token::Word(word)
                    if sentence && !joined && !is_value && next != Some(&Token::Or) =>
                {
                    self.plain(word);
                    before = Some(*token);
                    continue;
                }
                Token::Word(word) => format!("Cm {word}"),
                Token::Or => "|".to_owned(),
                Token::Bracket(name) => name.to_owned(),
                Token::Mark(",") if matches!(before, Some(Token::Word(_))) => {
                    self.done.pop();
                    self.request(",");
                    continue;
                }
                Token::Mark(",") => ",".to_owned(),
                Token::Mark(mark) => format!("Ns {mark}"),
            };
            match token {
                Token::Mark(_) | Token::Or => self.append(&markup),
                Token::Name(_) | Token::Word(_) if is_value => self.append(&markup),
                _ if joined => self.append(&markup),
                _ => self.request(&format!(".{markup}")),
            }
            before = Some(*token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(usage: &str) -> String {
        let command = Command::new("tool").override_usage(usage.to_owned());
        of(&command)
    }

    #[test]
    fn letters_are_options() {
        let want = ".Nm\n.Oo\n.Fl nv\n.Oc\n.Fl f Ar file\n";
        assert_eq!(marked("ipsec tool [-nv] -f FILE"), want);
    }

    #[test]
    fn usage_becomes_a_synopsis() {
        let usage = "ipsec tool [--json]\n       ipsec tool {--add | --del} --src N/M SAID [SAID]...\n       \
                     where SAID is [--af inet|inet6], ah or esp";
        let want = ".Nm\n.Oo\n.Fl Fl json\n.Oc\n\
                    .Nm\n.Bro\n.Fl Fl add | Fl Fl del\n.Brc\n.Fl Fl src Ar n/m\n.Ar said\n.Oo\n.Ar said\n.Oc Ns ...\n\
                    .Pp\nwhere\n.Ar said\nis\n.Oo\n.Fl Fl af Cm inet | Cm inet6\n.Oc ,\nah\nor\nesp\n";
        assert_eq!(marked(usage), want);
    }
}
