// SPDX-License-Identifier: GPL-2.0-only

//! Walking over the extensions of a message, whichever way it travels.

use core::iter::FusedIterator;

use zerocopy::FromBytes;

use super::layout::ExtHead;
use super::types::ExtType;
use super::WORD;

/// One extension, its length checked and nothing else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RawExt<'a> {
    kind: u16,
    bytes: &'a [u8],
}

impl core::fmt::Debug for RawExt<'_> {
    // The bytes may be a key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RawExt")
            .field("kind", &self.kind)
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl<'a> RawExt<'a> {
    /// Wraps the bytes of one whole extension, header included.
    pub(super) const fn new(kind: u16, bytes: &'a [u8]) -> Self {
        Self { kind, bytes }
    }

    /// The type as it stands in the message, known or not.
    pub const fn number(&self) -> u16 {
        self.kind
    }

    /// The type, if it is a known one.
    pub const fn kind(&self) -> Option<ExtType> {
        ExtType::from_number(self.kind)
    }

    /// The whole extension, its four byte header included.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the four byte header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(4..).unwrap_or(&[])
    }

    /// Length in words.
    pub const fn words(&self) -> usize {
        self.bytes.len() / WORD
    }
}

/// Why a walk cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The extension says it is longer than what is left of the message. Both in bytes.
    Short {
        /// Left in the message.
        have: usize,
        /// Wanted by the extension.
        need: usize,
    },
    /// The extension says its length is this number of words, which none can have.
    IllegalLength(u16),
}

/// Iterator over the extensions of a message. It ends after the first error.
#[derive(Clone)]
pub struct Extensions<'a> {
    rest: &'a [u8],
}

impl<'a> Extensions<'a> {
    /// Walks over `body`, which is a message without its 16 byte header.
    pub const fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    fn split(&self) -> Result<(RawExt<'a>, &'a [u8]), Malformed> {
        let have = self.rest.len();
        let (head, _) = ExtHead::read_from_prefix(self.rest)
            .map_err(|_| Malformed::Short { have, need: WORD })?;
        let words = head.len.get();
        if words == 0 {
            return Err(Malformed::IllegalLength(words));
        }
        let need = usize::from(words).saturating_mul(WORD);
        let (bytes, rest) = self
            .rest
            .split_at_checked(need)
            .ok_or(Malformed::Short { have, need })?;
        Ok((RawExt::new(head.kind.get(), bytes), rest))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<RawExt<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (item, rest) = match self.split() {
            Ok((ext, rest)) => (Ok(ext), rest),
            Err(why) => (Err(why), [].as_slice()),
        };
        self.rest = rest;
        Some(item)
    }
}

impl FusedIterator for Extensions<'_> {}
