// SPDX-License-Identifier: GPL-2.0-only

//! Showing SAs, policies and messages on standard output.

mod json;
mod message;
mod policy;
mod sa;

use klips_core::pfkey::linux::Message;
use klips_core::pfkey::Envelope;

use super::options::Manner;
use crate::clock::Moment;
use crate::error::Error;
use crate::json::Value;
use crate::output;

pub(super) use json::message as message_value;

/// Standard output, and how things look there.
pub(super) struct Printer {
    manner: Manner,
    out: Option<output::Writer>,
    /// The SAs or policies of a listing in JSON.
    list: Vec<Value>,
}

impl Printer {
    pub(super) fn new(manner: Manner) -> Self {
        Self {
            manner,
            out: None,
            list: Vec::new(),
        }
    }

    /// Writes text. A reader that has gone away ends the program without a word.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Error> {
        let out = self.out.get_or_insert_with(output::Writer::new);
        out.write(format_args!("{text}"))
            .map_err(|_| Error::silent(0))
    }

    /// Writes out what is still waiting.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        match self.out.take() {
            Some(out) => out.finish().map_err(|_| Error::silent(0)),
            None => Ok(()),
        }
    }

    /// Shows an SA or a policy, unless it is one of those that are not wanted.
    pub(super) fn item(
        &mut self,
        envelope: &Envelope<'_>,
        message: &Message<'_>,
    ) -> Result<(), Error> {
        let header = envelope.header();
        let manner = self.manner;
        match message {
            Message::Sa(sa) if sa::is_dead(sa) && !manner.all => Ok(()),
            Message::Sa(sa) if manner.json => {
                self.list.push(json::sa(sa));
                Ok(())
            }
            Message::Sa(sa) => self.text(&sa::text(header, sa, Moment::now(), manner.ports)),
            Message::Policy(entry) if manner.no_sockets && policy::is_of_socket(entry) => Ok(()),
            Message::Policy(entry) if manner.json => {
                self.list.push(json::policy(header, entry));
                Ok(())
            }
            Message::Policy(entry) => self.text(&policy::text(header, entry)),
            _ => Ok(()),
        }
    }

    /// Ends a listing: of nothing if the kernel said so.
    pub(super) fn end_of_list(&mut self, empty: Option<&str>) -> Result<(), Error> {
        if self.manner.json {
            let list = Value::List(std::mem::take(&mut self.list));
            return self.text(&format!("{list}\n"));
        }
        empty.map_or(Ok(()), |sentence| self.text(&format!("{sentence}\n")))
    }

    /// Shows a message, its keys hidden.
    pub(super) fn message(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.manner.json {
            return self.text(&format!("{}\n", message_value(bytes)));
        }
        if self.manner.hexadecimal {
            self.text(&message::hexadecimal(bytes))?;
        }
        self.text(&message::text(bytes))
    }
}

/// A message field by field, byte by byte and as JSON; what it tells of an SA or a policy as in a listing.
#[cfg(feature = "rehearse")]
pub(super) fn texts(bytes: &[u8]) -> Vec<String> {
    let mut texts = vec![
        message::text(bytes),
        message::hexadecimal(bytes),
        message_value(bytes).to_string(),
    ];
    let Ok(envelope) = klips_core::pfkey::envelope::open(bytes) else {
        return texts;
    };
    let header = envelope.header();
    match klips_core::pfkey::linux::message(&envelope) {
        Ok(Message::Sa(sa)) => {
            texts.push(sa::text(header, &sa, Moment::at(0), true));
            texts.push(json::sa(&sa).to_string());
        }
        Ok(Message::Policy(entry)) => {
            texts.push(policy::text(header, &entry));
            texts.push(json::policy(header, &entry).to_string());
        }
        _ => {}
    }
    texts
}

/// Texts, for tests.
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An SA or a policy as it is listed at this time.
    pub(in crate::cmd::setkey) fn shown(bytes: &[u8], now: u64, ports: bool) -> String {
        let envelope = klips_core::pfkey::envelope::open(bytes).expect("a message");
        match klips_core::pfkey::linux::message(&envelope).expect("a known one") {
            Message::Sa(sa) => sa::text(envelope.header(), &sa, Moment::at(now), ports),
            Message::Policy(entry) => policy::text(envelope.header(), &entry),
            _ => String::new(),
        }
    }

    /// A message field by field.
    pub(in crate::cmd::setkey) fn decoded(bytes: &[u8]) -> String {
        message::text(bytes)
    }

    /// A message byte by byte.
    pub(in crate::cmd::setkey) fn bytes(bytes: &[u8]) -> String {
        message::hexadecimal(bytes)
    }
}
