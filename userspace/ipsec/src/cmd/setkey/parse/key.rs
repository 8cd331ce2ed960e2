// SPDX-License-Identifier: GPL-2.0-only

//! Algorithms and their keys: `0x` and hexadecimal digits, or the very characters between quotation marks.

use zeroize::Zeroizing;

use super::{Parser, Wrong};
use crate::cmd::setkey::algorithms::{self, Algorithm, KeyBits};
use crate::cmd::setkey::statement::Keyed;
use crate::cmd::setkey::token::{Kind, Place, Token};

impl Parser<'_, '_> {
    /// The name of an algorithm, and its key.
    pub(super) fn keyed(
        &mut self,
        table: &'static [Algorithm],
        what: &str,
    ) -> Result<(&'static Algorithm, Keyed), Wrong> {
        let algorithm = self.algorithm(table, what)?;
        let named = self.last;
        let key = match self.peek() {
            Some(token) if is_key(&token) => {
                self.piece("a key")?;
                bytes(&token)?
            }
            _ => Zeroizing::new(Vec::new()),
        };
        let place = self.last;
        let bits = key.len().saturating_mul(8);
        let name = algorithm.names.first().copied().unwrap_or_default();
        if !algorithm.key.fits(bits) {
            let why = match (&algorithm.key, bits) {
                (KeyBits::None, _) => format!("{name} has no key"),
                (lengths, 0) => {
                    return Err(Wrong::at(
                        named,
                        format!("{name} has {}, which is missing", lengths.wanted()),
                    ))
                }
                (lengths, _) => format!("{name} has {}, not of {bits} bits", lengths.wanted()),
            };
            return Err(Wrong::at(place, why));
        }
        let number = algorithm.number;
        Ok((algorithm, Keyed { number, key }))
    }

    /// The name of an algorithm.
    pub(super) fn algorithm(
        &mut self,
        table: &'static [Algorithm],
        what: &str,
    ) -> Result<&'static Algorithm, Wrong> {
        let (place, name) = self.word(&format!("the name of the {what} algorithm"))?;
        algorithms::find(table, what, name).map_err(|why| Wrong::at(place, why))
    }
}

/// Whether a piece behind an algorithm is its key.
fn is_key(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Quoted(_) => true,
        Kind::Word(word) => !word.starts_with('-'),
        Kind::End => false,
    }
}

/// The bytes of a key.
fn bytes(token: &Token<'_>) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    match token.kind {
        Kind::Quoted(text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        Kind::Word(word) => {
            let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
            let digits = digits.ok_or_else(|| {
                let why = "a key is hexadecimal digits behind 0x, or text between quotation marks";
                Wrong::at(token.place, why)
            })?;
            hexadecimal(digits, token.place)
        }
        Kind::End => Ok(Zeroizing::new(Vec::new())),
    }
}

/// The bytes of hexadecimal digits, which begin behind two characters at `place`.
fn hexadecimal(digits: &str, place: Place) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let column = place.column.saturating_add(2);
    if let Some(at) = digits.chars().position(|c| !c.is_ascii_hexdigit()) {
        let place = Place {
            column: column.saturating_add(at),
            ..place
        };
        return Err(Wrong::at(place, "this is no hexadecimal digit of a key"));
    }
    if digits.is_empty() {
        return Err(Wrong::at(place, "the key has no digits"));
    }
    if digits.len() % 2 != 0 {
        let why = format!("the key has an odd number of digits, {}", digits.len());
        return Err(Wrong::at(place, why));
    }
    let mut key = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
    let mut values = digits.chars().filter_map(|c| c.to_digit(16));
    while let (Some(high), Some(low)) = (values.next(), values.next()) {
        key.push(u8::try_from((high << 4) | low).unwrap_or_default());
    }
    Ok(key)
}
