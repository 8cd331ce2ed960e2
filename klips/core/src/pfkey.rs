// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEYv2 messages: checked, parsed into requests, and built.
//!
//! RFC 2367 defines the frame; KLIPS adds message types 13..=19 and extensions 18..=32 of its own; what differs between
//! dialects is kept in the tables of [`dialect`]. The dialect of Linux's af_key uses the same numbers for other things:
//! [`linux`] speaks it, and [`tell`] tells the two apart.
//!
//! The way of a request through this module:
//!
//! 1. [`envelope::check`] decides whether the bytes are a message at all. A failure is a [`SendError`]: the errno of
//!    `write()`, and nobody else hears of it.
//! 2. [`parse()`] turns the message into a [`Request`]. A failure is an [`Errno`] that `write()` returns *and* that goes
//!    out as an [error reply](reply::error).
//! 3. The caller acts, and answers with the functions of [`reply`].
//!
//! The tools make their requests with [`compose`], and both sides can read any message with [`Extensions`].
//!
//! Lengths on the wire are in words of 64 bits; integers are in native byte order except SPIs and the insides of socket
//! addresses. All types that leave this module are in host byte order.

pub mod build;
pub mod compose;
mod decode;
pub mod dialect;
pub mod envelope;
pub mod errno;
pub mod ext;
pub mod layout;
pub mod linux;
pub mod parse;
pub mod reply;
pub mod request;
pub mod sockopt;
pub mod tell;
pub mod types;
pub mod walk;

#[cfg(test)]
mod tests;

pub use self::build::{Builder, NoRoom};
pub use self::dialect::{Dialect, KLIPS};
pub use self::envelope::{Envelope, SendError};
pub use self::errno::Errno;
pub use self::ext::Ext;
pub use self::layout::Header;
pub use self::parse::parse;
pub use self::request::Request;
pub use self::tell::Speech;
pub use self::types::{ExtType, MsgType};
pub use self::walk::{Extensions, Malformed, RawExt};

/// The protocol number to give to `socket()`, and `sadb_msg_version`.
pub const PF_KEY_V2: u8 = 2;

/// Bytes in a word, the unit of all PF_KEY lengths.
pub const WORD: usize = 8;

/// Bytes that any message built by [`reply`] fits in. It is also what the classic clients read at a time.
pub const MAX_REPLY: usize = 4096;

/// The longest identity text that is accepted, in bytes, padding included. Two of them leave room in [`MAX_REPLY`].
pub const MAX_IDENT: usize = 1024;

/// The most algorithms that one list of a REGISTER reply can carry within [`MAX_REPLY`].
pub const MAX_ALGS: usize = 250;
