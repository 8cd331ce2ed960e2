// SPDX-License-Identifier: GPL-2.0-only

//! Whole messages of both directions.
//!
//! [`request()`] is the inverse of [`request::request`](super::request::request()). The others are what a kernel says;
//! an SA and a policy have the same order of extensions either way, which is the one that clients know from af_key.

use super::build::Builder;
use super::ext::Alg;
use super::policy::{Policy, Templates};
use super::request::{Migration, Request, Sa, SpdEntry};
use super::types::{Action, Direction, ExtType, MsgType, SaType};
use crate::pfkey::build::{NoRoom, Origin};
use crate::pfkey::errno::Errno;
use crate::pfkey::layout::{Comb, Header};
use crate::pfkey::PF_KEY_V2;

use super::message::Acquire;

/// A message, or that it did not fit into its buffer.
pub type Message<'b> = Result<&'b [u8], NoRoom>;

fn header(kind: MsgType, satype: u8, origin: Origin) -> Header {
    Header {
        version: PF_KEY_V2,
        kind: kind.number(),
        satype,
        seq: origin.seq.into(),
        pid: origin.pid.into(),
        ..Header::default()
    }
}

/// A request. The number of GETSPI and of a failure goes before that of `origin` if it is not 0.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn request<'b>(buf: &'b mut [u8], origin: Origin, request: &Request<'_>) -> Message<'b> {
    let answering = |seq| Origin {
        seq: if seq == 0 { origin.seq } else { seq },
        ..origin
    };
    match request {
        Request::GetSpi { sa, range, seq } => {
            let header = header(MsgType::GetSpi, sa.satype.number(), answering(*seq));
            let mut b = Builder::new(buf, header);
            b.address(ExtType::AddressSrc, Some(&sa.src))
                .address(ExtType::AddressDst, Some(&sa.dst))
                .spi_range(range.as_ref())
                .sa2(sa.sa2.as_ref());
            b.into_bytes()
        }
        Request::Update(sa) => self::sa(buf, MsgType::Update, origin, sa),
        Request::Add(sa) => self::sa(buf, MsgType::Add, origin, sa),
        Request::Delete(sa) => self::sa(buf, MsgType::Delete, origin, sa),
        Request::Get(sa) => self::sa(buf, MsgType::Get, origin, sa),
        Request::Failed { satype, errno, seq } => {
            let mut header = header(MsgType::Acquire, *satype, answering(*seq));
            header.errno = *errno;
            Builder::new(buf, header).into_bytes()
        }
        Request::Register { satype } => bare(buf, MsgType::Register, *satype, origin),
        Request::Flush(satype) => bare(buf, MsgType::Flush, number(*satype), origin),
        Request::Dump { satype, filter } => {
            let mut b = Builder::new(buf, header(MsgType::Dump, number(*satype), origin));
            b.filter(filter.as_ref());
            b.into_bytes()
        }
        Request::Promisc(on) => bare(buf, MsgType::Promisc, u8::from(*on), origin),
        Request::SpdUpdate(entry) => policy(buf, MsgType::SpdUpdate, origin, entry),
        Request::SpdAdd(entry) => policy(buf, MsgType::SpdAdd, origin, entry),
        Request::SpdDelete(entry) => policy(buf, MsgType::SpdDelete, origin, entry),
        Request::SpdGet(id) => by_number(buf, MsgType::SpdGet, origin, *id),
        Request::SpdDelete2(id) => by_number(buf, MsgType::SpdDelete2, origin, *id),
        Request::SpdDump => bare(buf, MsgType::SpdDump, 0, origin),
        Request::SpdFlush => bare(buf, MsgType::SpdFlush, 0, origin),
        Request::Migrate(migration) => migrate(buf, origin, migration),
    }
}

fn number(satype: Option<SaType>) -> u8 {
    satype.map_or(0, SaType::number)
}

/// A message of a header alone.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn bare(buf: &mut [u8], kind: MsgType, satype: u8, origin: Origin) -> Message<'_> {
    Builder::new(buf, header(kind, satype, origin)).into_bytes()
}

/// The answer to a request that failed: its header, and why.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn error<'b>(buf: &'b mut [u8], request: &Header, errno: Errno) -> Message<'b> {
    let header = Header {
        errno: errno.code(),
        reserved: 0.into(),
        ..*request
    };
    Builder::new(buf, header).into_bytes()
}

/// A message about an SA, with what is known of it.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn sa<'b>(buf: &'b mut [u8], kind: MsgType, origin: Origin, sa: &Sa<'_>) -> Message<'b> {
    let mut b = Builder::new(buf, header(kind, sa.satype.number(), origin));
    b.sa(&sa.info)
        .lifetime(ExtType::LifetimeHard, sa.hard.as_ref())
        .lifetime(ExtType::LifetimeSoft, sa.soft.as_ref())
        .lifetime(ExtType::LifetimeCurrent, sa.current.as_ref())
        .address(ExtType::AddressSrc, Some(&sa.src))
        .address(ExtType::AddressDst, Some(&sa.dst))
        .address(ExtType::AddressProxy, sa.proxy.as_ref())
        .key(ExtType::KeyAuth, sa.auth_key.as_ref())
        .key(ExtType::KeyEncrypt, sa.encrypt_key.as_ref())
        .sa2(sa.sa2.as_ref())
        .nat_t_type(sa.nat_t_type)
        .nat_t_port(ExtType::NatTSport, sa.nat_t_sport)
        .nat_t_port(ExtType::NatTDport, sa.nat_t_dport)
        .address(ExtType::NatTOa, sa.nat_t_oa.as_ref())
        .sec_ctx(sa.sec_ctx.as_ref());
    b.into_bytes()
}

/// A message about a policy.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn policy<'b>(
    buf: &'b mut [u8],
    kind: MsgType,
    origin: Origin,
    entry: &SpdEntry<'_>,
) -> Message<'b> {
    let mut b = Builder::new(buf, header(kind, 0, origin));
    b.address(ExtType::AddressSrc, Some(&entry.src))
        .address(ExtType::AddressDst, Some(&entry.dst))
        .lifetime(ExtType::LifetimeHard, entry.hard.as_ref())
        .lifetime(ExtType::LifetimeSoft, entry.soft.as_ref())
        .lifetime(ExtType::LifetimeCurrent, entry.current.as_ref())
        .policy(Some(&entry.policy))
        .sec_ctx(entry.sec_ctx.as_ref());
    b.into_bytes()
}

fn by_number(buf: &mut [u8], kind: MsgType, origin: Origin, id: u32) -> Message<'_> {
    let mut b = Builder::new(buf, header(kind, 0, origin));
    b.policy(Some(&Policy {
        action: Action::Discard,
        direction: Direction::of_policy(id).map_or(0, Direction::number),
        id,
        priority: 0,
        templates: Templates::NONE,
    }));
    b.into_bytes()
}

fn migrate<'b>(buf: &'b mut [u8], origin: Origin, migration: &Migration<'_>) -> Message<'b> {
    let mut b = Builder::new(buf, header(MsgType::Migrate, 0, origin));
    b.km_address(migration.km_address.as_ref())
        .address(ExtType::AddressSrc, Some(&migration.src))
        .address(ExtType::AddressDst, Some(&migration.dst))
        .policy(Some(&migration.policy));
    b.into_bytes()
}

/// The answer to REGISTER.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn algorithms<'b>(
    buf: &'b mut [u8],
    satype: u8,
    origin: Origin,
    auth: &[Alg],
    encrypt: &[Alg],
) -> Message<'b> {
    let mut b = Builder::new(buf, header(MsgType::Register, satype, origin));
    b.supported(ExtType::SupportedAuth, auth)
        .supported(ExtType::SupportedEncrypt, encrypt);
    b.into_bytes()
}

/// ACQUIRE: an SA is wanted. The combinations are given apart; the proposal in `acquire` says the replay window.
///
/// # Errors
///
/// [`NoRoom`] if `buf` is too small.
pub fn acquire<'b>(
    buf: &'b mut [u8],
    origin: Origin,
    acquire: &Acquire<'_>,
    combs: impl Iterator<Item = Comb> + Clone,
) -> Message<'b> {
    let mut b = Builder::new(buf, header(MsgType::Acquire, acquire.satype, origin));
    b.address(ExtType::AddressSrc, Some(&acquire.src))
        .address(ExtType::AddressDst, Some(&acquire.dst))
        .policy(acquire.policy.as_ref());
    if let Some(proposal) = &acquire.proposal {
        b.proposal(proposal.replay, combs);
    }
    b.into_bytes()
}
