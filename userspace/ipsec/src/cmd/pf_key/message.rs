// SPDX-License-Identifier: GPL-2.0-only

//! A message as it came, before anything in it is believed.

use klips_core::pfkey::walk::Extensions;
use klips_core::pfkey::MsgType;

use super::{HEADER_LEN, WORD};

/// A message. Fields that it is too short for are 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) version: u8,
    pub(super) kind: u8,
    pub(super) errno: u8,
    pub(super) satype: u8,
    /// Its length in words, by itself.
    pub(super) words: u16,
    pub(super) seq: u32,
    pub(super) pid: u32,
}

impl<'a> Message<'a> {
    /// The message in these bytes (RFC 2367 section 2.1).
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let [version, kind, errno, satype] = part(bytes, 0);
        Self {
            bytes,
            version,
            kind,
            errno,
            satype,
            words: u16::from_ne_bytes(part(bytes, 4)),
            seq: u32::from_ne_bytes(part(bytes, 8)),
            pid: u32::from_ne_bytes(part(bytes, 12)),
        }
    }

    /// Bytes that came.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that it says it has.
    pub(super) fn said_len(&self) -> usize {
        usize::from(self.words).saturating_mul(WORD)
    }

    /// Whether all of it is here.
    pub(super) fn is_whole(&self) -> bool {
        self.len() == self.said_len() && self.len() >= HEADER_LEN
    }

    /// Its extensions.
    pub(super) fn extensions(&self) -> Extensions<'a> {
        Extensions::new(self.bytes.get(HEADER_LEN..).unwrap_or_default())
    }

    /// The customary name of its type.
    pub(super) const fn kind_name(&self) -> &'static str {
        match (self.kind, MsgType::from_number(self.kind)) {
            (0, _) => "reserved",
            (_, Some(kind)) => kind.name(),
            (_, None) => "unknown-sadb-type",
        }
    }
}

/// The bytes from `at` on, zeros if there are not so many.
pub(super) fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().unwrap_or([0; N])
}

/// The customary name of a satype.
pub(super) const fn satype_name(satype: u8) -> &'static str {
    match satype {
        2 => "AH",
        3 => "ESP",
        9 => "IPIP",
        10 => "COMP",
        11 => "INT",
        _ => "UNKNOWN",
    }
}
