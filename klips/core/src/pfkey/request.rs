// SPDX-License-Identifier: GPL-2.0-only

//! What a message asks for, every field validated.
//!
//! The same types describe a request to the [parser](mod@super::parse), which makes them, and to
//! [`compose`](mod@super::compose), which turns them into bytes.

use core::net::IpAddr;

use super::ext::{DebugMasks, Ident, Key, Lifetime, Outer, SaInfo, SarefPair, SpiRange};
use super::types::flags;
use crate::said::{SaProto, Said};

/// A request that the KLIPS dialect can serve.
///
/// Messages that no handler could do anything with never get this far: parsing them ends in the errno they are answered
/// with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Choose an SPI, make a larval SA.
    GetSpi(GetSpi),
    /// Change an SA.
    Update(SaParams<'a>),
    /// Make an SA.
    Add(SaParams<'a>),
    /// Remove an SA and its group.
    Delete(SaRef),
    /// Read an SA.
    Get(SaRef),
    /// Subscribe to this satype, 1..=11.
    Register {
        /// The satype, not necessarily one that has a protocol.
        satype: u8,
    },
    /// Echo to everybody.
    Expire {
        /// The satype, not 0.
        satype: u8,
    },
    /// Remove SAs.
    Flush(FlushScope),
    /// Chain or unchain.
    Grpsa(Grpsa),
    /// Add or replace an eroute, or set an inbound policy.
    AddFlow(AddFlow<'a>),
    /// Delete an eroute, or all of them.
    DelFlow(DelFlow<'a>),
    /// Change the debugging masks. There is no reply.
    Debug(DebugMasks),
    /// Create an interface. `write()` succeeds whatever happens; the reply carries the errno.
    PlumbIf(Interface),
    /// Remove an interface; as [`Request::PlumbIf`].
    UnplumbIf(Interface),
}

/// GETSPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSpi {
    /// Protocol of the SA.
    pub proto: SaProto,
    /// Source of the outer packet.
    pub src: IpAddr,
    /// Destination of the outer packet.
    pub dst: IpAddr,
    /// The address for which the SA is kept.
    pub proxy: Option<IpAddr>,
    /// 256 and up.
    pub range: SpiRange,
}

/// DELETE and GET: which SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaRef {
    /// Its name.
    pub said: Said,
    /// Source of the outer packet; not part of the name.
    pub src: IpAddr,
    /// The SA extension as it came, for the reply to GET.
    pub sa: SaInfo,
}

/// ADD and UPDATE: everything about an SA.
///
/// Algorithm numbers are consistent with the protocol, but whether they and the key sizes are available is not known
/// here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaParams<'a> {
    /// Its name.
    pub said: Said,
    /// Source of the outer packet, of the family of the destination.
    pub src: IpAddr,
    /// The address for which the SA is kept.
    pub proxy: Option<IpAddr>,
    /// Replay window, algorithms, flags and wanted reference. The state is MATURE.
    pub sa: SaInfo,
    /// Limits at which the SA dies; a 0 field is no limit.
    pub hard: Option<Lifetime>,
    /// Limits at which the SA should be replaced; a 0 field is no limit.
    pub soft: Option<Lifetime>,
    /// Authentication key.
    pub auth_key: Option<Key<'a>>,
    /// Encryption key.
    pub encrypt_key: Option<Key<'a>>,
    /// Identity of the source.
    pub ident_src: Option<Ident<'a>>,
    /// Identity of the destination.
    pub ident_dst: Option<Ident<'a>>,
    /// UDP encapsulation.
    pub nat_t: NatT,
    /// Interface number that packets are bound to.
    pub out_if: Option<u16>,
    /// Wanted references, below [`REF_LIMIT`](super::types::REF_LIMIT); 0 for none.
    pub saref: Option<SarefPair>,
}

impl SaParams<'_> {
    /// Of an UPDATE: whether it changes the NAT-T ports and nothing else.
    pub const fn changes_ports_only(&self) -> bool {
        matches!(self.nat_t.sport, Some(1..)) || matches!(self.nat_t.dport, Some(1..))
    }
}

/// UDP encapsulation parameters. `None` is an absent extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatT {
    /// See [`natt_type`](super::types::natt_type); other numbers are possible.
    pub kind: Option<u8>,
    /// UDP source port, host byte order.
    pub sport: Option<u16>,
    /// UDP destination port, host byte order.
    pub dport: Option<u16>,
    /// The peer's own address behind its NAT.
    pub oa: Option<IpAddr>,
}

/// Which SAs to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushScope {
    /// Every SA.
    All,
    /// Those of one protocol.
    Proto(SaProto),
    /// A satype that no SA can have: nothing to do, and no error.
    Nothing,
}

/// GRPSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grpsa {
    /// The inner SA, or the one to unchain.
    pub first: Said,
    /// Its SA extension, for the reply.
    pub first_sa: SaInfo,
    /// The next outer SA and its extension; absent to unchain.
    pub second: Option<(Said, SaInfo)>,
    /// Those outside of the second; none without a second.
    pub outer: Option<Outer>,
}

impl Grpsa {
    /// All that are named, from the inside out.
    pub fn members(&self) -> impl Iterator<Item = Said> {
        let members = [
            Some(self.first),
            self.second.map(|(said, _)| said),
            self.outer.map(|outer| outer.third),
            self.outer.and_then(|outer| outer.fourth),
        ];
        members.into_iter().flatten()
    }
}

/// The selector of an eroute or policy. All four addresses are of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source network.
    pub src: IpAddr,
    /// Destination network.
    pub dst: IpAddr,
    /// Mask of `src`, not necessarily contiguous.
    pub src_mask: IpAddr,
    /// Mask of `dst`, not necessarily contiguous.
    pub dst_mask: IpAddr,
    /// Transport protocol, 0 for any.
    pub proto: u8,
    /// Source port, host byte order.
    pub sport: u16,
    /// Destination port, host byte order.
    pub dport: u16,
    /// Mask of `sport`: 0 for any port, 0xffff for this one.
    pub sport_mask: u16,
    /// Mask of `dport`.
    pub dport_mask: u16,
}

/// ADDFLOW.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddFlow<'a> {
    /// Where the packets go, or whose inbound policy is set.
    pub said: Said,
    /// The SA extension as it came.
    pub sa: SaInfo,
    /// Source of the outer packet, if given.
    pub src: Option<IpAddr>,
    /// Which packets.
    pub flow: Flow,
    /// Identity of the source.
    pub ident_src: Option<Ident<'a>>,
    /// Identity of the destination.
    pub ident_dst: Option<Ident<'a>>,
}

/// What an ADDFLOW does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddAction {
    /// Make an eroute; `EEXIST` if there is one.
    Add,
    /// Make an eroute in the place of the old one.
    Replace,
    /// Make no eroute: set flow and flags of the IPIP SA in the group of the SAID.
    InboundPolicy {
        /// REPLACEFLOW was set too.
        replace: bool,
    },
}

impl AddFlow<'_> {
    /// What the flags of the SA extension ask for.
    pub const fn action(&self) -> AddAction {
        let replace = self.sa.flags & flags::REPLACEFLOW != 0;
        if self.sa.flags & (flags::INFLOW | flags::POLICYONLY) != 0 {
            AddAction::InboundPolicy { replace }
        } else if replace {
            AddAction::Replace
        } else {
            AddAction::Add
        }
    }
}

/// DELFLOW.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelFlow<'a> {
    /// The SA extension, if there was one, for the reply.
    pub sa: Option<SaInfo>,
    /// What to delete.
    pub action: DelAction,
    /// Identity of the source.
    pub ident_src: Option<Ident<'a>>,
    /// Identity of the destination.
    pub ident_dst: Option<Ident<'a>>,
}

/// What a DELFLOW does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DelAction {
    /// Remove every eroute.
    Clear,
    /// Remove the eroute with exactly this selector.
    Delete(Flow),
    /// Succeed and do nothing: an inbound policy goes with its SA.
    Policy(Flow),
}

/// The interface of a PLUMBIF or UNPLUMBIF, numbered from 0 within its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `mastN`.
    Mast(u16),
    /// `mastN` for transport mode.
    MastTransport(u16),
    /// `ipsecN`.
    Ipsec(u16),
}

impl Interface {
    const TRANSPORT_BASE: u16 = 40960;
    const IPSEC_BASE: u16 = 49152;

    /// The interface of a wire number.
    pub const fn from_number(ifnum: u16) -> Self {
        // The ranges were chosen so that each subtraction is within its range.
        match ifnum {
            Self::IPSEC_BASE.. => Self::Ipsec(ifnum.saturating_sub(Self::IPSEC_BASE)),
            Self::TRANSPORT_BASE.. => {
                Self::MastTransport(ifnum.saturating_sub(Self::TRANSPORT_BASE))
            }
            _ => Self::Mast(ifnum),
        }
    }

    /// The wire number, if the interface has one.
    pub const fn number(self) -> Option<u16> {
        match self {
            Self::Ipsec(n) => n.checked_add(Self::IPSEC_BASE),
            Self::MastTransport(n) if n < 8192 => n.checked_add(Self::TRANSPORT_BASE),
            Self::Mast(n) if n < Self::TRANSPORT_BASE => Some(n),
            Self::MastTransport(_) | Self::Mast(_) => None,
        }
    }
}
