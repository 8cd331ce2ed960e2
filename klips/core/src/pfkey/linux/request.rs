// SPDX-License-Identifier: GPL-2.0-only

//! What a message asks for.
//!
//! The same types describe a request to [`request()`], which makes them, and to [`compose`](mod@super::compose), which
//! turns them into bytes. What a kernel tells of an SA or a policy has the same form.

use super::ext::{Endpoint, Filter, KmAddress, Range, Sa2, SaInfo, SecurityContext};
use super::fields::Fields;
use super::policy::Policy;
use super::types::{Action, Direction, Level, Mode, MsgType, SaType, AUTH_NULL, ENC_NULL};
use crate::pfkey::envelope::Envelope;
use crate::pfkey::errno::Errno;
use crate::pfkey::ext::{Key, Lifetime};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Choose an SPI and make a larval SA.
    GetSpi {
        /// The SA; its SPI is not looked at.
        sa: Sa<'a>,
        /// SPIs to choose from; the system's own if there is none.
        range: Option<Range>,
        /// Of the ACQUIRE that this answers, or 0.
        seq: u32,
    },
    /// Change an SA.
    Update(Sa<'a>),
    /// Make an SA.
    Add(Sa<'a>),
    /// Remove an SA.
    Delete(Sa<'a>),
    /// Read an SA.
    Get(Sa<'a>),
    /// No SA could be had for the ACQUIRE with this number.
    Failed {
        /// The satype of the ACQUIRE.
        satype: u8,
        /// Why, as an errno that is not 0.
        errno: u8,
        /// The number of the ACQUIRE.
        seq: u32,
    },
    /// Subscribe. A satype of 0 subscribes to nothing, but learns the algorithms.
    Register {
        /// The satype.
        satype: u8,
    },
    /// Remove the SAs of this type, or all.
    Flush(Option<SaType>),
    /// List the SAs of this type, or all.
    Dump {
        /// The type.
        satype: Option<SaType>,
        /// Those between these networks only.
        filter: Option<Filter>,
    },
    /// See every message, or no longer.
    Promisc(bool),
    /// Add or replace a policy.
    SpdUpdate(SpdEntry<'a>),
    /// Add a policy.
    SpdAdd(SpdEntry<'a>),
    /// Remove the policy of this selector and direction.
    SpdDelete(SpdEntry<'a>),
    /// Read the policy of this number.
    SpdGet(u32),
    /// Remove the policy of this number.
    SpdDelete2(u32),
    /// List all policies.
    SpdDump,
    /// Remove all policies.
    SpdFlush,
    /// Move a policy: every second template is what the one before it becomes.
    Migrate(Migration<'a>),
}

/// An SA: a whole one, one that is named, or what a notification says about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sa<'a> {
    /// Its protocol.
    pub satype: SaType,
    /// SPI, algorithms and flags.
    pub info: SaInfo,
    /// Mode and reqid.
    pub sa2: Option<Sa2>,
    /// Source.
    pub src: Endpoint,
    /// Destination.
    pub dst: Endpoint,
    /// Whom it stands in for.
    pub proxy: Option<Endpoint>,
    /// Limits that end it.
    pub hard: Option<Lifetime>,
    /// Limits that give a warning.
    pub soft: Option<Lifetime>,
    /// What has been used.
    pub current: Option<Lifetime>,
    /// Authentication key.
    pub auth_key: Option<Key<'a>>,
    /// Encryption key.
    pub encrypt_key: Option<Key<'a>>,
    /// Kind of UDP encapsulation; see [`natt_type`](crate::pfkey::types::natt_type).
    pub nat_t_type: Option<u8>,
    /// UDP source port.
    pub nat_t_sport: Option<u16>,
    /// UDP destination port.
    pub nat_t_dport: Option<u16>,
    /// The peer's address behind its NAT.
    pub nat_t_oa: Option<Endpoint>,
    /// Security context.
    pub sec_ctx: Option<SecurityContext<'a>>,
}

impl<'a> Sa<'a> {
    /// An SA of which only the name is known.
    pub const fn named(satype: SaType, spi: u32, src: Endpoint, dst: Endpoint) -> Self {
        Self {
            satype,
            info: SaInfo {
                spi,
                replay: 0,
                state: 0,
                auth: 0,
                encrypt: 0,
                flags: 0,
            },
            sa2: None,
            src,
            dst,
            proxy: None,
            hard: None,
            soft: None,
            current: None,
            auth_key: None,
            encrypt_key: None,
            nat_t_type: None,
            nat_t_sport: None,
            nat_t_dport: None,
            nat_t_oa: None,
            sec_ctx: None,
        }
    }

    /// What a message says of its SA. One without an SA extension, as GETSPI is, has the SPI 0.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the satype has no SAs, an address is missing, or source and destination are not of one family.
    pub(super) fn of(satype: u8, fields: &Fields<'a>) -> Result<Self, Errno> {
        let satype = need(SaType::from_number(satype))?;
        let (src, dst) = ends(fields)?;
        Ok(Self {
            info: fields.sa.unwrap_or_default(),
            sa2: fields.sa2,
            proxy: fields.proxy,
            hard: fields.hard,
            soft: fields.soft,
            current: fields.current,
            auth_key: fields.auth_key,
            encrypt_key: fields.encrypt_key,
            nat_t_type: fields.nat_t_type,
            nat_t_sport: fields.nat_t_sport,
            nat_t_dport: fields.nat_t_dport,
            nat_t_oa: fields.nat_t_oa,
            sec_ctx: fields.sec_ctx,
            ..Self::named(satype, 0, src, dst)
        })
    }

    /// Whether it has all that it needs to work, and nothing by halves.
    fn check_whole(&self) -> Result<(), Errno> {
        /// The algorithm that does nothing may have a key without bits; in both tables its number is above all others'.
        const fn usable(key: Option<Key<'_>>, alg: u8, null: u8) -> bool {
            match key {
                Some(key) => key.bits != 0 || alg == null,
                None => true,
            }
        }
        let has_keys = match self.satype {
            SaType::Ah => self.auth_key.is_some(),
            SaType::Esp => self.encrypt_key.is_some(),
            SaType::IpComp => true,
        };
        let sound = has_keys
            && self.hard.is_some() == self.soft.is_some()
            && usable(self.auth_key, self.info.auth, AUTH_NULL)
            && usable(self.encrypt_key, self.info.encrypt, ENC_NULL);
        sound.then_some(()).ok_or(Errno::Einval)
    }
}

/// A policy and its selector. Of a request to remove one, lifetimes and templates are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpdEntry<'a> {
    /// Source network, its port and protocol.
    pub src: Endpoint,
    /// Destination network and its port.
    pub dst: Endpoint,
    /// What becomes of such packets.
    pub policy: Policy<'a>,
    /// Limits that end it.
    pub hard: Option<Lifetime>,
    /// Limits that give a warning.
    pub soft: Option<Lifetime>,
    /// What has been used.
    pub current: Option<Lifetime>,
    /// Security context.
    pub sec_ctx: Option<SecurityContext<'a>>,
}

impl<'a> SpdEntry<'a> {
    /// What a message says of its policy.
    ///
    /// # Errors
    ///
    /// `EINVAL` if policy or an address is missing, or source and destination are not of one family.
    pub(super) fn of(fields: &Fields<'a>) -> Result<Self, Errno> {
        let (src, dst) = ends(fields)?;
        Ok(Self {
            src,
            dst,
            policy: need(fields.policy)?,
            hard: fields.hard,
            soft: fields.soft,
            current: fields.current,
            sec_ctx: fields.sec_ctx,
        })
    }

    /// Whether it can stand in the table.
    fn check(&self) -> Result<(), Errno> {
        let policy = &self.policy;
        let direction = need(Direction::from_number(policy.direction))?;
        let known = matches!(
            policy.action,
            Action::Discard | Action::None | Action::Ipsec
        );
        // What is optional on the way out cannot be a tunnel: the packet would go elsewhere.
        let optional = |mode, level| {
            direction == Direction::Out && mode == Mode::Tunnel && level == Level::Use
        };
        let sound = policy.templates.iter().all(|template| {
            SaType::of_proto(template.proto).is_some() && !optional(template.mode, template.level)
        });
        (known && sound).then_some(()).ok_or(Errno::Einval)
    }
}

/// MIGRATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration<'a> {
    /// Source network.
    pub src: Endpoint,
    /// Destination network.
    pub dst: Endpoint,
    /// The policy, with an even number of templates.
    pub policy: Policy<'a>,
    /// The new ends of the conversation.
    pub km_address: Option<KmAddress>,
}

/// Reads a request.
///
/// # Errors
///
/// The errno for the answer: `EOPNOTSUPP` for messages that go the other way or nowhere, `EINVAL` for all that is
/// malformed, incomplete or contradictory.
pub fn request<'a>(envelope: &Envelope<'a>) -> Result<Request<'a>, Errno> {
    let header = envelope.header();
    let fields = Fields::collect(envelope.body())?;
    match need(MsgType::from_number(header.kind))? {
        MsgType::GetSpi => Ok(Request::GetSpi {
            sa: Sa::of(header.satype, &fields)?,
            range: fields.spi_range,
            seq: header.seq.get(),
        }),
        MsgType::Update => whole_sa(header.satype, &fields).map(Request::Update),
        MsgType::Add => whole_sa(header.satype, &fields).map(Request::Add),
        MsgType::Delete => named_sa(header.satype, &fields).map(Request::Delete),
        MsgType::Get => named_sa(header.satype, &fields).map(Request::Get),
        MsgType::Acquire => match header.errno {
            0 => Err(Errno::Eopnotsupp),
            errno => Ok(Request::Failed {
                satype: header.satype,
                errno,
                seq: header.seq.get(),
            }),
        },
        MsgType::Register => match header.satype {
            satype @ 0..=SATYPE_MAX => Ok(Request::Register { satype }),
            _ => Err(Errno::Einval),
        },
        MsgType::Flush => some_or_all(header.satype).map(Request::Flush),
        MsgType::Dump => Ok(Request::Dump {
            satype: some_or_all(header.satype)?,
            filter: fields.filter,
        }),
        MsgType::Promisc => match header.satype {
            on @ 0..=1 => Ok(Request::Promisc(on == 1)),
            _ => Err(Errno::Einval),
        },
        MsgType::SpdUpdate => policy(&fields).map(Request::SpdUpdate),
        MsgType::SpdAdd | MsgType::SpdSetIdx => policy(&fields).map(Request::SpdAdd),
        MsgType::SpdDelete => {
            let entry = SpdEntry::of(&fields)?;
            need(Direction::from_number(entry.policy.direction))?;
            Ok(Request::SpdDelete(entry))
        }
        MsgType::SpdGet => numbered_policy(&fields).map(Request::SpdGet),
        MsgType::SpdDelete2 => numbered_policy(&fields).map(Request::SpdDelete2),
        MsgType::SpdDump => Ok(Request::SpdDump),
        MsgType::SpdFlush => Ok(Request::SpdFlush),
        MsgType::Migrate => migration(&fields).map(Request::Migrate),
        MsgType::Expire
        | MsgType::Pchange
        | MsgType::SpdAcquire
        | MsgType::SpdExpire
        | MsgType::NatTNewMapping => Err(Errno::Eopnotsupp),
    }
}

/// The largest satype of this dialect.
const SATYPE_MAX: u8 = 9;

fn need<T>(value: Option<T>) -> Result<T, Errno> {
    value.ok_or(Errno::Einval)
}

/// Source and destination, of one family.
fn ends(fields: &Fields<'_>) -> Result<(Endpoint, Endpoint), Errno> {
    let (src, dst) = (need(fields.src)?, need(fields.dst)?);
    let same = src.addr.is_ipv4() == dst.addr.is_ipv4();
    same.then_some((src, dst)).ok_or(Errno::Einval)
}

fn some_or_all(satype: u8) -> Result<Option<SaType>, Errno> {
    match satype {
        0 => Ok(None),
        satype => need(SaType::from_number(satype)).map(Some),
    }
}

fn named_sa<'a>(satype: u8, fields: &Fields<'a>) -> Result<Sa<'a>, Errno> {
    need(fields.sa)?;
    Sa::of(satype, fields)
}

fn whole_sa<'a>(satype: u8, fields: &Fields<'a>) -> Result<Sa<'a>, Errno> {
    let sa = named_sa(satype, fields)?;
    sa.check_whole()?;
    Ok(sa)
}

fn policy<'a>(fields: &Fields<'a>) -> Result<SpdEntry<'a>, Errno> {
    let entry = SpdEntry::of(fields)?;
    entry.check()?;
    Ok(entry)
}

fn numbered_policy(fields: &Fields<'_>) -> Result<u32, Errno> {
    let id = need(fields.policy)?.id;
    need(Direction::of_policy(id))?;
    Ok(id)
}

fn migration<'a>(fields: &Fields<'a>) -> Result<Migration<'a>, Errno> {
    let (src, dst) = ends(fields)?;
    let policy = need(fields.policy)?;
    need(Direction::from_number(policy.direction))?;
    let halves = policy.templates.iter();
    let count = halves.fold(0_usize, |count, _| count.saturating_add(1));
    let paired = count != 0 && count % 2 == 0;
    let whole = policy.templates.iter().all(|half| half.ends.is_some());
    if !(paired && whole) {
        return Err(Errno::Einval);
    }
    Ok(Migration {
        src,
        dst,
        policy,
        km_address: fields.km_address,
    })
}
