// SPDX-License-Identifier: GPL-2.0-only

//! From the words of a script to statements.
//!
//! All of a script is read before any of it is carried out. A command that cannot be read is passed over up to its `;`,
//! so that one reading finds all mistakes.

mod address;
mod key;
mod number;
mod policy;
mod sa;
mod spd;

use std::iter::Peekable;
use std::net::IpAddr;

use super::statement::{Command, Statement};
use super::token::{Kind, Place, Token, Tokens, Wrong};

pub(super) use policy::{DEFAULT_PRIORITY, PRIORITY_STEP};

/// So many mistakes are told at most.
const MOST_MISTAKES: usize = 20;

/// What finds the addresses of a name.
pub(super) type Resolver<'r> = &'r dyn Fn(&str) -> Vec<IpAddr>;

/// The commands of the language.
const COMMANDS: [&str; 17] = [
    "add",
    "update",
    "getspi",
    "get",
    "delete",
    "deleteall",
    "flush",
    "dump",
    "spdadd",
    "spdupdate",
    "spddelete",
    "spdget",
    "spdflush",
    "spddump",
    "exit",
    "quit",
    "bye",
];

/// Reads a script up to its end, or to where it says that it ends.
///
/// # Errors
///
/// What is wrong with it, in the order of the text.
pub(super) fn script(text: &str, resolver: Resolver<'_>) -> Result<Vec<Statement>, Vec<Wrong>> {
    let mut parser = Parser::new(text, resolver);
    let mut statements = Vec::new();
    let mut mistakes = Vec::new();
    while mistakes.len() < MOST_MISTAKES {
        match parser.statement() {
            Ok(Some(statement)) => statements.push(statement),
            Ok(None) => break,
            Err(wrong) => {
                mistakes.push(wrong);
                parser.recover();
            }
        }
    }
    match mistakes.is_empty() {
        true => Ok(statements),
        false => Err(mistakes),
    }
}

/// The words of a script, and what has been read of them.
struct Parser<'t, 'r> {
    tokens: Peekable<Tokens<'t>>,
    resolver: Resolver<'r>,
    /// Where the last piece stood.
    last: Place,
    /// Whether that was the end of a command.
    at_end: bool,
}

impl<'t, 'r> Parser<'t, 'r> {
    fn new(text: &'t str, resolver: Resolver<'r>) -> Self {
        let tokens = Tokens::new(text);
        Self {
            last: tokens.place(),
            tokens: tokens.peekable(),
            resolver,
            at_end: true,
        }
    }

    /// The next command; `None` at the end.
    fn statement(&mut self) -> Result<Option<Statement>, Wrong> {
        while let Some(Ok(Token {
            kind: Kind::End, ..
        })) = self.tokens.peek()
        {
            self.tokens.next();
        }
        let Some(token) = self.tokens.next() else {
            return Ok(None);
        };
        let token = token?;
        (self.last, self.at_end) = (token.place, false);
        let known = match token.kind {
            Kind::Word(word) => COMMANDS.into_iter().find(|name| *name == word),
            _ => None,
        };
        let Some(name) = known else {
            let all = COMMANDS.join(", ");
            let why = format!("{} is no command; commands are {all}", shown(&token));
            return Err(Wrong::at(token.place, why));
        };
        if matches!(name, "exit" | "quit" | "bye") {
            return Ok(None);
        }
        let command = self.command(name)?;
        self.end()?;
        Ok(Some(Statement {
            place: token.place,
            name,
            command,
        }))
    }

    /// What stands behind the name of a command.
    fn command(&mut self, name: &str) -> Result<Command, Wrong> {
        match name {
            "add" | "update" | "getspi" | "get" | "delete" => self.sa_command(name),
            "deleteall" => self.delete_all(),
            "flush" => self.optional_satype().map(Command::Flush),
            "dump" => self.optional_satype().map(Command::Dump),
            "spdget" if self.spid_is_next() => self.spid().map(Command::SpdGet),
            "spdflush" => Ok(Command::SpdFlush),
            "spddump" => Ok(Command::SpdDump),
            _ => self.policy_command(name),
        }
    }

    /// The `;` of a command.
    fn end(&mut self) -> Result<(), Wrong> {
        let place = self.last;
        match self.tokens.next() {
            Some(Ok(token)) if token.kind == Kind::End => {
                self.at_end = true;
                Ok(())
            }
            Some(Ok(token)) => {
                let why = format!("';' is wanted here, not {}", shown(&token));
                Err(Wrong::at(token.place, why))
            }
            Some(Err(wrong)) => Err(wrong),
            None => Err(Wrong::at(
                place,
                "the script ends before the ';' behind this",
            )),
        }
    }

    /// Goes on behind the `;` of a command that cannot be read.
    fn recover(&mut self) {
        if self.at_end {
            return;
        }
        for token in self.tokens.by_ref() {
            if token.is_ok_and(|token| token.kind == Kind::End) {
                break;
            }
        }
        self.at_end = true;
    }

    /// The next word or quotation, if the command has one; it stays where it is.
    fn peek(&mut self) -> Option<Token<'t>> {
        match self.tokens.peek() {
            Some(Ok(token)) if token.kind != Kind::End => Some(*token),
            _ => None,
        }
    }

    /// The next word without quotation marks, if the command has one; it stays where it is.
    fn peek_word(&mut self) -> Option<&'t str> {
        match self.peek()?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The next word or quotation, which must be there.
    fn piece(&mut self, what: &str) -> Result<Token<'t>, Wrong> {
        match self.tokens.next() {
            Some(Ok(token)) if token.kind == Kind::End => {
                self.at_end = true;
                Err(Wrong::at(
                    token.place,
                    format!("{what} is missing before this ';'"),
                ))
            }
            Some(Ok(token)) => {
                self.last = token.place;
                Ok(token)
            }
            Some(Err(wrong)) => Err(wrong),
            None => {
                let why = format!("the script ends where {what} is wanted behind this");
                Err(Wrong::at(self.last, why))
            }
        }
    }

    /// The next word, which must be there.
    fn word(&mut self, what: &str) -> Result<(Place, &'t str), Wrong> {
        let token = self.piece(what)?;
        match token.kind {
            Kind::Word(word) => Ok((token.place, word)),
            _ => {
                let why = format!("{what} is wanted here, without quotation marks");
                Err(Wrong::at(token.place, why))
            }
        }
    }

    /// Whether the next word is this one, which is taken then.
    fn takes(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        if found {
            // It is there.
            let _ = self.piece(word);
        }
        found
    }
}

/// A piece as a message has it. What is in quotation marks may be a key.
fn shown(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Word(word) => format!("'{word}'"),
        Kind::Quoted(_) => "a quotation".to_owned(),
        Kind::End => "';'".to_owned(),
    }
}

#[cfg(test)]
mod tests;
