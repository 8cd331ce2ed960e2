// SPDX-License-Identifier: GPL-2.0-only

//! Addresses of a script: numeric or names, with a length of prefix and a port behind them.

use std::net::IpAddr;

use super::number;
use super::{Parser, Wrong};
use crate::cmd::setkey::token::Place;
use crate::names::{self, NameError};

/// Which addresses of a name are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// IPv4 only.
    v4: bool,
    /// IPv6 only.
    v6: bool,
    /// No names at all.
    numeric: bool,
}

/// An address as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written<'a> {
    host: &'a str,
    prefix: Option<&'a str>,
    port: Option<&'a str>,
}

impl<'a> Written<'a> {
    /// Takes `host[/prefix][[port]]` apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let (text, port) = match text.split_once('[') {
            Some((text, port)) => {
                let port = port.strip_suffix(']');
                let port =
                    port.ok_or_else(|| format!("the ']' behind the port of {text} is missing"))?;
                (text, Some(port))
            }
            None => (text, None),
        };
        let (host, prefix) = match text.split_once('/') {
            Some((host, prefix)) => (host, Some(prefix)),
            None => (text, None),
        };
        Ok(Self { host, prefix, port })
    }

    /// The port; 0 is any.
    pub(super) fn port(&self) -> Result<Option<u16>, String> {
        let Some(text) = self.port else {
            return Ok(None);
        };
        match text {
            "any" => Ok(Some(0)),
            text => names::port(text, None).map(Some).map_err(|why| match why {
                NameError::Unknown => format!("there is no service '{text}'"),
                NameError::OutOfRange => {
                    format!("a port is a number up to 65535, which {text} is not")
                }
            }),
        }
    }

    /// The length of the prefix, which `addr` must have so many bits for; all of them if there is none.
    pub(super) fn prefix_len(&self, addr: IpAddr) -> Result<u8, String> {
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        let Some(text) = self.prefix else {
            return Ok(bits);
        };
        let len = number::parse(text).and_then(|len| u8::try_from(len).ok());
        len.filter(|len| *len <= bits).ok_or_else(|| {
            format!("the prefix of {addr} is a number up to {bits}, which '{text}' is not")
        })
    }
}

impl Parser<'_, '_> {
    /// The options in front of addresses.
    pub(super) fn limits(&mut self) -> Result<Limits, Wrong> {
        let mut limits = Limits::default();
        while let Some(letters) = self.peek_word().and_then(|word| word.strip_prefix('-')) {
            let (place, _) = self.word("an option")?;
            for letter in letters.chars() {
                match letter {
                    '4' => limits.v4 = true,
                    '6' => limits.v6 = true,
                    'n' => limits.numeric = true,
                    _ => {
                        let why = format!(
                            "'-{letter}' is none of the options of addresses: -4, -6 and -n"
                        );
                        return Err(Wrong::at(place, why));
                    }
                }
            }
        }
        Ok(limits)
    }

    /// The words of an address. What begins with a bracket belongs to the word before it.
    pub(super) fn address_text(&mut self, what: &str) -> Result<(Place, String), Wrong> {
        let (place, word) = self.word(what)?;
        let mut text = word.to_owned();
        while let Some(more) = self.peek_word().filter(|word| word.starts_with(['[', '/'])) {
            self.word(what)?;
            text.push_str(more);
        }
        Ok((place, text))
    }

    /// The addresses that a written one stands for.
    pub(super) fn resolve(
        &self,
        written: &Written<'_>,
        limits: Limits,
    ) -> Result<Vec<IpAddr>, String> {
        let host = written.host;
        let wanted = |addr: &IpAddr| match addr {
            IpAddr::V4(_) => !limits.v6 || limits.v4,
            IpAddr::V6(_) => !limits.v4 || limits.v6,
        };
        let found = match host.parse() {
            Ok(addr) => vec![addr],
            Err(_) if host.contains('%') => {
                return Err(format!(
                    "'{host}' has a zone, which SAs and policies do not"
                ));
            }
            Err(_) if limits.numeric || host.is_empty() || is_numeric(host) => {
                return Err(format!("'{host}' is no address"));
            }
            Err(_) => (self.resolver)(host),
        };
        let mut addrs: Vec<IpAddr> = Vec::new();
        for addr in found.into_iter().filter(wanted) {
            if !addrs.contains(&addr) {
                addrs.push(addr);
            }
        }
        match addrs.is_empty() {
            true => Err(format!("no address is known for '{host}'")),
            false => Ok(addrs),
        }
    }
}

/// Whether a text that is no address was meant to be one, and is not to be asked for as a name.
fn is_numeric(host: &str) -> bool {
    host.contains(':') || host.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Each of the first with each of the second of its family.
///
/// # Errors
///
/// That no two are of one family.
pub(super) fn pairs<T: Copy>(
    first: &[T],
    second: &[T],
    addr: impl Fn(&T) -> IpAddr,
) -> Result<Vec<(T, T)>, String> {
    let mut pairs = Vec::new();
    for one in first {
        let fits = |other: &&T| addr(one).is_ipv4() == addr(other).is_ipv4();
        pairs.extend(second.iter().filter(fits).map(|other| (*one, *other)));
    }
    match pairs.is_empty() {
        true => Err("source and destination are not of one family".to_owned()),
        false => Ok(pairs),
    }
}
