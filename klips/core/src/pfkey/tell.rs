// SPDX-License-Identifier: GPL-2.0-only

//! Which dialect a request is in.
//!
//! The dialects share a socket family and use the same numbers for different things. No program says which one it
//! speaks; but most requests cannot be meant in the other dialect, and one such request is enough to know its sender.

use zerocopy::FromBytes;

use super::envelope::Envelope;
use super::layout::{ExtHead, Header, Key, Lifetime, Sa};
use super::linux;
use super::types::{ExtType, MsgType};
use super::walk::Extensions;
use super::WORD;

/// A dialect of PF_KEY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// That of FreeS/WAN, Openswan and libreswan.
    Klips,
    /// That of Linux's af_key and KAME.
    Linux,
}

impl Speech {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Klips => Self::Linux,
            Self::Linux => Self::Klips,
        }
    }
}

/// Satypes that only KLIPS has: COMP and INT.
const KLIPS_SATYPES: core::ops::RangeInclusive<u8> = 10..=11;
/// IPIP there, IPCOMP here.
const SATYPE_NINE: u8 = 9;
/// Extensions that only KLIPS has.
const KLIPS_EXTENSIONS: u16 = ExtType::NatTType.number();

/// What the extensions of a request show.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Bit `n`: extension `n`, up to 63.
    numbers: u64,
    /// The SA extension has the third word of Openswan.
    long_sa: bool,
    /// A lifetime has the fifth word that counts packets.
    long_lifetime: bool,
    /// The second number of the SA extension.
    encrypt: Option<u8>,
}

impl Seen {
    /// Looks at the extensions up to the first that is malformed.
    fn look(body: &[u8]) -> Self {
        let mut seen = Self::default();
        for raw in Extensions::new(body) {
            let Ok(raw) = raw else { break };
            if raw.number() < 64 {
                seen.numbers |= 1_u64.wrapping_shl(raw.number().into());
            }
            match raw.kind() {
                Some(ExtType::Sa) => {
                    seen.long_sa = raw.bytes().len() > size_of::<Sa>();
                    seen.encrypt = Sa::read_from_prefix(raw.bytes())
                        .ok()
                        .map(|(sa, _)| sa.encrypt);
                }
                Some(ExtType::LifetimeCurrent | ExtType::LifetimeHard | ExtType::LifetimeSoft) => {
                    seen.long_lifetime |= raw.bytes().len() > size_of::<Lifetime>();
                }
                _ => {}
            }
        }
        seen
    }

    fn has(&self, number: u16) -> bool {
        number < 64 && self.numbers.wrapping_shr(number.into()) & 1 != 0
    }
}

/// The dialect that a request must be in, if it could not be in the other.
pub fn tell(envelope: &Envelope<'_>) -> Option<Speech> {
    let header = envelope.header();
    let seen = Seen::look(envelope.body());
    if KLIPS_SATYPES.contains(&header.satype)
        || seen.long_sa
        || seen.long_lifetime
        || seen.numbers.wrapping_shr(KLIPS_EXTENSIONS.into()) != 0
    {
        return Some(Speech::Klips);
    }
    match MsgType::from_number(header.kind) {
        // Numbers that KLIPS does not have.
        None => Some(Speech::Linux),
        Some(kind) => tell_by_kind(kind, header.satype, &seen),
    }
}

fn tell_by_kind(kind: MsgType, satype: u8, seen: &Seen) -> Option<Speech> {
    const POLICY: u16 = linux::ExtType::Policy.number();
    const SA2: u16 = linux::ExtType::Sa2.number();
    let has_policy = seen.has(POLICY);
    let either = |klips: bool, linux: bool| match (klips, linux) {
        (true, false) => Some(Speech::Klips),
        (false, true) => Some(Speech::Linux),
        _ => None,
    };
    match kind {
        // SPDUPDATE, SPDADD.
        MsgType::Grpsa | MsgType::AddFlow => {
            let names_sa = seen.has(ExtType::Sa.number());
            either(names_sa, !names_sa && has_policy)
        }
        // SPDDELETE.
        MsgType::DelFlow => either(
            seen.has(ExtType::Sa.number()) || seen.has(ExtType::AddressDstFlow.number()),
            has_policy,
        ),
        // SPDGET.
        MsgType::Debug => either(seen.has(ExtType::Debug.number()), has_policy),
        // SPDDUMP, SPDFLUSH.
        MsgType::PlumbIf | MsgType::UnplumbIf => either(false, seen.numbers == 0),
        // KLIPS has neither.
        MsgType::Dump | MsgType::Promisc => Some(Speech::Linux),
        // In KLIPS one subscribes to something.
        MsgType::Register => either(false, satype == 0),
        MsgType::Add | MsgType::Update if satype == SATYPE_NINE && !seen.has(SA2) => {
            let compresses = seen.encrypt.map(|encrypt| encrypt != 0);
            either(compresses == Some(false), compresses == Some(true))
        }
        MsgType::GetSpi | MsgType::Update | MsgType::Add | MsgType::Delete | MsgType::Get => {
            either(
                false,
                (SA2..KLIPS_EXTENSIONS).any(|number| seen.has(number)),
            )
        }
        MsgType::Acquire
        | MsgType::Expire
        | MsgType::Flush
        | MsgType::Pchange
        | MsgType::NatTNewMapping => None,
    }
}

/// Overwrites the keys in a message that is to be shown to others. One that is not well-formed is blanked whole,
/// from where it goes wrong.
pub fn blank_keys(message: &mut [u8]) {
    let mut rest = message.get_mut(size_of::<Header>()..).unwrap_or(&mut []);
    while !rest.is_empty() {
        let Some((words, number)) = ExtHead::read_from_prefix(rest)
            .ok()
            .map(|(head, _)| (usize::from(head.len.get()), head.kind.get()))
        else {
            return rest.fill(0);
        };
        let len = words.saturating_mul(WORD);
        if words == 0 || len > rest.len() {
            return rest.fill(0);
        }
        let (ext, behind) = rest.split_at_mut(len);
        let is_key = matches!(
            ExtType::from_number(number),
            Some(ExtType::KeyAuth | ExtType::KeyEncrypt)
        );
        if is_key {
            let key = ext.get_mut(size_of::<Key>()..).unwrap_or(&mut []);
            key.fill(0);
        }
        rest = behind;
    }
}
