// SPDX-License-Identifier: GPL-2.0-only

//! Which message may carry which extension.
//!
//! A dialect is a table: one row per message type and direction. Parsing asks the table, and so a further dialect is a
//! further table.

use super::types::{ExtType, MsgType, SATYPE_MAX};

/// What a message demands of its satype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SatypeRule {
    /// Any known number, 0 included.
    Any,
    /// Any known number but 0.
    NonZero,
    /// A number that names an SA protocol.
    Protocol,
}

/// One row: the extensions of one message type in one direction, as bitmaps by [`ExtType::bit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the message says about its satype.
    pub satype: SatypeRule,
    /// Must be there.
    pub required: u64,
    /// May be there; contains `required`.
    pub permitted: u64,
}

impl Rule {
    /// Whether an extension may be in the message.
    pub const fn permits(&self, ext: ExtType) -> bool {
        self.permitted & ext.bit() != 0
    }

    /// Whether nothing required is missing from `seen`.
    pub const fn satisfied_by(&self, seen: u64) -> bool {
        self.required & !seen == 0
    }
}

/// A dialect of PF_KEY.
#[derive(Debug)]
pub struct Dialect {
    /// The largest satype.
    pub satype_max: u8,
    requests: fn(MsgType) -> Rule,
    replies: fn(MsgType) -> Rule,
}

impl Dialect {
    /// The row of a message that goes to the kernel.
    pub fn request(&self, kind: MsgType) -> Rule {
        (self.requests)(kind)
    }

    /// The row of a message that comes from the kernel.
    pub fn reply(&self, kind: MsgType) -> Rule {
        (self.replies)(kind)
    }
}

/// What Openswan and libreswan speak to KLIPS.
pub static KLIPS: Dialect = Dialect {
    satype_max: SATYPE_MAX,
    requests: klips_request,
    replies: klips_reply,
};

const SA: u64 = ExtType::Sa.bit();
const CURRENT: u64 = ExtType::LifetimeCurrent.bit();
const LIMITS: u64 = ExtType::LifetimeHard.bit() | ExtType::LifetimeSoft.bit();
const SRC: u64 = ExtType::AddressSrc.bit();
const DST: u64 = ExtType::AddressDst.bit();
const SA_NAME: u64 = SA | SRC | DST;
const PROXY: u64 = ExtType::AddressProxy.bit();
const KEYS: u64 = ExtType::KeyAuth.bit() | ExtType::KeyEncrypt.bit();
const IDENTS: u64 = ExtType::IdentitySrc.bit() | ExtType::IdentityDst.bit();
const SENSITIVITY: u64 = ExtType::Sensitivity.bit();
const PROPOSAL: u64 = ExtType::Proposal.bit();
const SUPPORTED: u64 = ExtType::SupportedAuth.bit() | ExtType::SupportedEncrypt.bit();
const SECOND: u64 = ExtType::Satype2.bit() | ExtType::Sa2.bit() | ExtType::AddressDst2.bit();
const OUTER: u64 = ExtType::Group.bit();
/// The four extensions that make a selector.
pub const FLOW: u64 = ExtType::AddressSrcFlow.bit()
    | ExtType::AddressDstFlow.bit()
    | ExtType::AddressSrcMask.bit()
    | ExtType::AddressDstMask.bit();
const PROTOCOL: u64 = ExtType::Protocol.bit();
const NATT_PORTS: u64 = ExtType::NatTSport.bit() | ExtType::NatTDport.bit();
const NATT: u64 = NATT_PORTS | ExtType::NatTType.bit() | ExtType::NatTOa.bit();
const PLUMBIF: u64 = ExtType::PlumbIf.bit();
const SAREF: u64 = ExtType::Saref.bit();
const NOTHING: u64 = 0;
const EVERYTHING: u64 = !0;

const fn rule(satype: SatypeRule, required: u64, besides: u64) -> Rule {
    Rule {
        satype,
        required,
        permitted: required | besides,
    }
}

const fn klips_request(kind: MsgType) -> Rule {
    use SatypeRule::{Any, NonZero, Protocol};
    match kind {
        MsgType::GetSpi => rule(Protocol, SRC | DST | ExtType::SpiRange.bit(), PROXY),
        MsgType::Update => rule(
            Protocol,
            SA_NAME,
            CURRENT | LIMITS | PROXY | KEYS | IDENTS | SENSITIVITY | NATT_PORTS,
        ),
        MsgType::Add => rule(
            Protocol,
            SA_NAME,
            LIMITS | PROXY | KEYS | IDENTS | SENSITIVITY | NATT | PLUMBIF | SAREF,
        ),
        MsgType::Delete | MsgType::Get => rule(Protocol, SA_NAME, NOTHING),
        MsgType::Acquire => rule(NonZero, SRC | DST | PROPOSAL, PROXY | IDENTS | SENSITIVITY),
        MsgType::Register | MsgType::Expire => rule(NonZero, NOTHING, NOTHING),
        MsgType::Flush | MsgType::Dump => rule(Any, NOTHING, NOTHING),
        MsgType::Promisc | MsgType::Pchange => rule(Any, NOTHING, EVERYTHING),
        MsgType::Grpsa => rule(Protocol, SA | DST, SECOND | OUTER),
        MsgType::AddFlow => rule(Protocol, SA | DST | FLOW, SRC | IDENTS | PROTOCOL),
        // The flow is required unless the SA extension asks for everything to be cleared: the parser knows.
        MsgType::DelFlow => rule(Any, NOTHING, FLOW | SA | IDENTS | PROTOCOL),
        MsgType::Debug => rule(Any, ExtType::Debug.bit(), NOTHING),
        MsgType::NatTNewMapping => rule(Any, SA_NAME | NATT_PORTS, NOTHING),
        MsgType::PlumbIf | MsgType::UnplumbIf => rule(Any, PLUMBIF, NOTHING),
    }
}

const fn klips_reply(kind: MsgType) -> Rule {
    use SatypeRule::{Any, NonZero, Protocol};
    match kind {
        MsgType::GetSpi | MsgType::Delete => rule(Protocol, SA_NAME, NOTHING),
        MsgType::Update => rule(
            Protocol,
            SA_NAME,
            CURRENT | LIMITS | PROXY | IDENTS | SENSITIVITY | NATT_PORTS,
        ),
        MsgType::Add => rule(
            Protocol,
            SA_NAME,
            LIMITS | IDENTS | SENSITIVITY | NATT | PLUMBIF | SAREF,
        ),
        MsgType::Get => rule(
            Protocol,
            SA_NAME,
            CURRENT | LIMITS | PROXY | KEYS | IDENTS | SENSITIVITY | NATT,
        ),
        MsgType::Acquire => rule(NonZero, SRC | DST | PROPOSAL, PROXY | IDENTS | SENSITIVITY),
        MsgType::Register => rule(NonZero, NOTHING, SUPPORTED),
        MsgType::Expire => rule(NonZero, SA_NAME | CURRENT, LIMITS),
        MsgType::Flush | MsgType::Dump => rule(Any, NOTHING, NOTHING),
        MsgType::Promisc | MsgType::Pchange => rule(Any, NOTHING, EVERYTHING),
        MsgType::Grpsa => rule(Protocol, SA | DST, SECOND | OUTER),
        MsgType::AddFlow => rule(Protocol, SA | DST | FLOW, SRC | PROTOCOL),
        // The answer to a clear has no flow and breaks this row. Clients live with it.
        MsgType::DelFlow => rule(Any, FLOW, SA | PROTOCOL),
        MsgType::Debug => rule(Any, ExtType::Debug.bit(), NOTHING),
        MsgType::NatTNewMapping => rule(Any, SA_NAME | NATT_PORTS, NOTHING),
        MsgType::PlumbIf | MsgType::UnplumbIf => rule(Any, PLUMBIF, NOTHING),
    }
}
