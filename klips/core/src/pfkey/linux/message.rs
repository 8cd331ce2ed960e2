// SPDX-License-Identifier: GPL-2.0-only

//! What a kernel says: answers and notifications.

use super::ext::{Algorithms, Endpoint};
use super::fields::Fields;
use super::policy::Policy;
use super::request::{Sa, SpdEntry};
use super::types::MsgType;
use crate::pfkey::envelope::Envelope;
use crate::pfkey::errno::Errno;
use crate::pfkey::ext::Proposal;

/// A message of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// The request failed, or so does what is being told about.
    Refused {
        /// The errno, which need not be one that [`Errno`] knows.
        errno: u8,
    },
    /// It is done, and there is no more to say.
    Done,
    /// An SA: asked for, listed, changed, expired, or with a new mapping.
    Sa(Sa<'a>),
    /// A policy: asked for, listed, changed or expired.
    Policy(SpdEntry<'a>),
    /// The algorithms that there are.
    Algorithms {
        /// For authentication.
        auth: Option<Algorithms<'a>>,
        /// For encryption.
        encrypt: Option<Algorithms<'a>>,
    },
    /// An SA is wanted.
    Acquire(Acquire<'a>),
}

/// ACQUIRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquire<'a> {
    /// The satype of the SA.
    pub satype: u8,
    /// Its source.
    pub src: Endpoint,
    /// Its destination.
    pub dst: Endpoint,
    /// The policy that wants it.
    pub policy: Option<Policy<'a>>,
    /// Algorithms to choose from.
    pub proposal: Option<Proposal<'a>>,
}

/// Reads a message of a kernel.
///
/// # Errors
///
/// `EINVAL` if something in it is malformed, or missing that every such message has.
pub fn message<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, Errno> {
    let header = envelope.header();
    if header.errno != 0 {
        return Ok(Message::Refused {
            errno: header.errno,
        });
    }
    let fields = Fields::collect(envelope.body())?;
    match MsgType::from_number(header.kind).ok_or(Errno::Einval)? {
        MsgType::GetSpi
        | MsgType::Update
        | MsgType::Add
        | MsgType::Delete
        | MsgType::Get
        | MsgType::Expire
        | MsgType::Dump
        | MsgType::NatTNewMapping => {
            fields.sa.ok_or(Errno::Einval)?;
            Sa::of(header.satype, &fields).map(Message::Sa)
        }
        MsgType::SpdUpdate
        | MsgType::SpdAdd
        | MsgType::SpdSetIdx
        | MsgType::SpdDelete
        | MsgType::SpdDelete2
        | MsgType::SpdGet
        | MsgType::SpdDump
        | MsgType::SpdExpire
        | MsgType::Migrate => SpdEntry::of(&fields).map(Message::Policy),
        MsgType::Register => Ok(Message::Algorithms {
            auth: fields.supported_auth,
            encrypt: fields.supported_encrypt,
        }),
        MsgType::Acquire => Ok(Message::Acquire(Acquire {
            satype: header.satype,
            src: fields.src.ok_or(Errno::Einval)?,
            dst: fields.dst.ok_or(Errno::Einval)?,
            policy: fields.policy,
            proposal: fields.proposal,
        })),
        MsgType::Flush
        | MsgType::Promisc
        | MsgType::Pchange
        | MsgType::SpdAcquire
        | MsgType::SpdFlush => Ok(Message::Done),
    }
}
