// SPDX-License-Identifier: GPL-2.0-only

//! Is it a message at all?

use zerocopy::FromBytes;

use super::types::MsgType;
use crate::pfkey::errno::Errno;
use crate::pfkey::layout::Header;
use crate::pfkey::{SendError, PF_KEY_V2, WORD};

/// A message with a sound header. Its extensions are unchecked.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    header: Header,
    kind: MsgType,
    body: &'a [u8],
}

impl core::fmt::Debug for Envelope<'_> {
    // The body may hold keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Envelope")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl<'a> Envelope<'a> {
    /// Checks what has been written to a socket.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` if the bytes are fewer than a header or not what the header's length says, `EINVAL` if version,
    /// reserved field or type are wrong. The error is that of `sendmsg()`, and nobody else hears of it.
    pub fn check(bytes: &'a [u8]) -> Result<Self, SendError> {
        let envelope = Self::open(bytes)?;
        match envelope.header.reserved.get() {
            0 => Ok(envelope),
            _ => Err(SendError(Errno::Einval)),
        }
    }

    /// Checks what a kernel has sent: as [`Envelope::check`], but the field that RFC 2367 reserves may have anything.
    /// That of a policy counts its references.
    ///
    /// # Errors
    ///
    /// As for [`Envelope::check`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, SendError> {
        let (header, body) =
            Header::read_from_prefix(bytes).map_err(|_| SendError(Errno::Emsgsize))?;
        if usize::from(header.len.get()).checked_mul(WORD) != Some(bytes.len()) {
            return Err(SendError(Errno::Emsgsize));
        }
        let kind = MsgType::from_number(header.kind).filter(|_| header.version == PF_KEY_V2);
        Ok(Self {
            header,
            kind: kind.ok_or(SendError(Errno::Einval))?,
            body,
        })
    }

    /// The header, fields as they came.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The message type.
    pub const fn kind(&self) -> MsgType {
        self.kind
    }

    /// What follows the header.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}
