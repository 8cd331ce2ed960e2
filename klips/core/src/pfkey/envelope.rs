// SPDX-License-Identifier: GPL-2.0-only

//! Is it a message at all? The checks at `write()`, before anything is parsed.

use zerocopy::FromBytes;

use super::errno::Errno;
use super::layout::Header;
use super::walk::Extensions;
use super::{PF_KEY_V2, WORD};

/// Why `write()` fails without any answer on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendError(pub Errno);

/// The highest number of a message, in any dialect.
const TYPE_MAX: u8 = 24;

/// A message with a sound header, of whichever dialect. Its extensions are unchecked.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    header: Header,
    bytes: &'a [u8],
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
    /// The header, fields as they came.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The whole message.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What follows the header.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The extensions, in the order of the message.
    pub const fn extensions(&self) -> Extensions<'a> {
        Extensions::new(self.body)
    }
}

/// Checks what has been written to a socket.
///
/// # Errors
///
/// `EMSGSIZE` if the bytes are fewer than a header or not what the header's length says, `EINVAL` if version, reserved
/// field or type are wrong. The error is for the writer alone: no reply is made from it.
pub fn check(bytes: &[u8]) -> Result<Envelope<'_>, SendError> {
    let envelope = open(bytes)?;
    match envelope.header.reserved.get() {
        0 => Ok(envelope),
        _ => Err(SendError(Errno::Einval)),
    }
}

/// Checks what a kernel has sent: as [`check`], but the field that RFC 2367 reserves may have anything. In the dialect of
/// Linux, that of a policy counts its references.
///
/// # Errors
///
/// As for [`check`].
pub fn open(bytes: &[u8]) -> Result<Envelope<'_>, SendError> {
    let (header, body) = Header::read_from_prefix(bytes).map_err(|_| SendError(Errno::Emsgsize))?;
    if header.version != PF_KEY_V2 {
        return Err(SendError(Errno::Einval));
    }
    if usize::from(header.len.get()).checked_mul(WORD) != Some(bytes.len()) {
        return Err(SendError(Errno::Emsgsize));
    }
    if !matches!(header.kind, 1..=TYPE_MAX) {
        return Err(SendError(Errno::Einval));
    }
    Ok(Envelope {
        header,
        bytes,
        body,
    })
}
