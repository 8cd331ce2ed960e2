// SPDX-License-Identifier: GPL-2.0-only

//! The PF_KEY dialect of Linux's af_key, which KAME's programs speak: setkey, racoon, openiked.
//!
//! It shares the frame of RFC 2367 with the dialect of KLIPS, and nothing behind that: messages from 13 and extensions
//! from 18 on mean other things, ports are in network byte order, and errors travel in messages alone.
//!
//! 1. [`envelope::check`](super::envelope::check) decides whether the bytes are a request at all,
//!    [`envelope::open`](super::envelope::open) the same of what a kernel sends.
//! 2. [`Fields::collect`] makes values of all extensions, each at most once.
//! 3. [`request()`] makes a [`Request`] of them, [`message()`] a [`Message`] of the other direction.
//!
//! [`compose`] writes both. Everything is in host byte order outside of [`layout`].

pub mod build;
pub mod compose;
pub mod ext;
pub mod fields;
pub mod layout;
pub mod message;
pub mod policy;
pub mod request;
pub mod types;
pub mod wanted;

#[cfg(test)]
pub(super) mod tests;

pub use self::ext::{
    Alg, Algorithms, Endpoint, Filter, KmAddress, Range, Sa2, SaInfo, SecurityContext,
};
pub use self::fields::Fields;
pub use self::message::{message, Message};
pub use self::policy::{Policy, Template, Templates};
pub use self::request::{request, Migration, Request, Sa, SpdEntry};
pub use self::types::{Action, Direction, ExtType, Level, Mode, MsgType, SaType};
