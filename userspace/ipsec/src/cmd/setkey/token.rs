// SPDX-License-Identifier: GPL-2.0-only

//! A script, cut into words.
//!
//! Blanks and line ends part words, `;` ends a command, `#` begins a comment wherever it stands, and what is between
//! quotation marks is one word with all its blanks. Words are pieces of the text: keys are not copied about.

use std::fmt;

/// Where something stands in a script; both count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong with a script, and where. Of keys it has no digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) why: String,
}

impl Wrong {
    pub(super) fn at(place: Place, why: impl Into<String>) -> Self {
        let why = without_keys(&why.into());
        Self { place, why }
    }
}

/// The digits of the longest number that there is in a script besides keys: that of an SPI.
const MOST_DIGITS: usize = 8;

/// The text without what may be a key: messages end up in logs, and a key may stand where something else is wanted.
fn without_keys(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x").or_else(|| rest.find("0X")) {
        let (before, number) = rest.split_at(at);
        let len = number.find(|c: char| !c.is_alphanumeric());
        let (number, behind) = number.split_at(len.unwrap_or(number.len()));
        shown.push_str(before);
        shown.push_str(match number.len() > MOST_DIGITS.saturating_add(2) {
            true => "0x...",
            false => number,
        });
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// A piece of a script. It has no `Debug`: it may be a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) place: Place,
    pub(super) kind: Kind<'t>,
}

/// What a piece of a script is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    /// A word.
    Word(&'t str),
    /// What was between quotation marks.
    Quoted(&'t str),
    /// `;`
    End,
}

/// The pieces of a script in order.
pub(super) struct Tokens<'t> {
    rest: &'t str,
    place: Place,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text,
            place: Place { line: 1, column: 1 },
        }
    }

    /// Where the next piece would stand.
    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Takes so many bytes, at the end of a character.
    fn take(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        for c in taken.chars() {
            match c {
                '\n' => {
                    self.place.line = self.place.line.saturating_add(1);
                    self.place.column = 1;
                }
                _ => self.place.column = self.place.column.saturating_add(1),
            }
        }
        self.rest = rest;
        taken
    }

    /// Passes over blanks and comments.
    fn skip(&mut self) {
        loop {
            let blank = self.rest.len().saturating_sub(self.rest.trim_start().len());
            self.take(blank);
            if !self.rest.starts_with('#') {
                return;
            }
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn quoted(&mut self) -> Result<Kind<'t>, Wrong> {
        let place = self.place;
        self.take(1);
        let Some(len) = self.rest.find(['"', '\n']) else {
            return Err(self.unclosed(place));
        };
        let text = self.take(len);
        if !self.rest.starts_with('"') {
            return Err(self.unclosed(place));
        }
        self.take(1);
        Ok(Kind::Quoted(text))
    }

    /// A quotation mark without its fellow; what is behind it cannot be told from what is in it.
    fn unclosed(&mut self, place: Place) -> Wrong {
        self.take(self.rest.len());
        Wrong::at(place, "the quotation mark has no fellow on its line")
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Result<Token<'t>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip();
        let place = self.place;
        let kind = match self.rest.chars().next()? {
            ';' => {
                self.take(1);
                Kind::End
            }
            '"' => match self.quoted() {
                Ok(kind) => kind,
                Err(wrong) => return Some(Err(wrong)),
            },
            _ => {
                let end = |c: char| c.is_whitespace() || matches!(c, ';' | '#' | '"');
                Kind::Word(self.take(self.rest.find(end).unwrap_or(self.rest.len())))
            }
        };
        Some(Ok(Token { place, kind }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let shown = |token: Result<Token<'_>, Wrong>| match token {
            Ok(Token { place, kind }) => match kind {
                Kind::Word(word) => format!("{place} {word}"),
                Kind::Quoted(text) => format!("{place} \"{text}\""),
                Kind::End => format!("{place} ;"),
            },
            Err(wrong) => format!("{} !", wrong.place),
        };
        Tokens::new(text).map(shown).collect()
    }

    #[test]
    fn words_know_where_they_stand() {
        let text = "flush;# all\n\n  add\t10.0.0.1[500] -E x \"a # ; b\";\n#";
        let want = [
            "1:1 flush",
            "1:6 ;",
            "3:3 add",
            "3:7 10.0.0.1[500]",
            "3:21 -E",
            "3:24 x",
            "3:26 \"a # ; b\"",
            "3:35 ;",
        ];
        assert_eq!(cut(text), want);
        assert_eq!(cut(""), [""; 0]);
        assert_eq!(cut("ü ü#"), ["1:1 ü", "1:3 ü"]);
    }

    #[test]
    fn keys_are_not_told() {
        for (text, want) in [
            ("'0x12345678' and 0x", "'0x12345678' and 0x"),
            (
                "'0x123456789' and 0X00112233445566zz,",
                "'0x...' and 0x...,",
            ),
            ("ü 0", "ü 0"),
        ] {
            assert_eq!(without_keys(text), want);
        }
    }

    #[test]
    fn an_open_quotation_ends_the_script() {
        assert_eq!(cut("a \"b\nc;"), ["1:1 a", "1:3 !"]);
        assert_eq!(cut("\""), ["1:1 !"]);
    }
}
