// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel says: replies to requests, and messages of its own.
//!
//! Every function writes one message into a buffer, for which [`MAX_REPLY`](super::MAX_REPLY) bytes are always enough,
//! and returns the bytes written. Replies take the header of the request for its seq, pid and satype. Addresses carry
//! neither ports nor protocol nor prefix length, unless a function says so.

use core::net::IpAddr;

use super::build::{Builder, NoRoom, Origin};
use super::envelope::Envelope;
use super::errno::Errno;
use super::ext::{Alg, Endpoint, Ident, Lifetime, SaInfo, SarefPair};
use super::layout::{Comb, Header};
use super::request::{AddFlow, DelAction, DelFlow, Flow, GetSpi, Grpsa, NatT, SaRef};
use super::types::{flags, state, ExtType, MsgType, REF_LIMIT, REPLAY_MAX};
use crate::sa::alg;
use crate::said::{SaProto, Said};

/// A message in the buffer it was written to.
pub type Message<'b> = Result<&'b [u8], NoRoom>;

/// What is known of an SA, for the replies to ADD, UPDATE and GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaReport<'a> {
    /// SPI, replay window, algorithms, flags and reference.
    pub sa: SaInfo,
    /// Source of the outer packet.
    pub src: IpAddr,
    /// Destination of the outer packet.
    pub dst: IpAddr,
    /// The address for which the SA is kept. Not in the reply to ADD.
    pub proxy: Option<IpAddr>,
    /// What has been used. Not in the reply to ADD.
    pub current: Option<Lifetime>,
    /// Hard limits.
    pub hard: Option<Lifetime>,
    /// Soft limits.
    pub soft: Option<Lifetime>,
    /// Identity of the source.
    pub ident_src: Option<Ident<'a>>,
    /// Identity of the destination.
    pub ident_dst: Option<Ident<'a>>,
    /// UDP encapsulation. In the reply to UPDATE its ports only.
    pub nat_t: NatT,
    /// References. In the reply to ADD only.
    pub saref: Option<SarefPair>,
}

fn start<'b>(buf: &'b mut [u8], to: &Header, kind: MsgType) -> Builder<'b> {
    Builder::new(buf, kind, to.satype, Origin::of(to))
}

/// An SA as clients take it: they refuse the whole message over a larger reference, which SAREF can tell.
fn told(sa: &SaInfo) -> SaInfo {
    let small = |reference: &u32| *reference < REF_LIMIT;
    SaInfo {
        reference: Some(sa.reference).filter(small).unwrap_or(0),
        ..*sa
    }
}

/// A request failed: the header of `to` and the errno. It goes to every PF_KEY socket.
pub fn error<'b>(buf: &'b mut [u8], to: &Header, errno: Errno) -> Message<'b> {
    let mut b = Builder::with_header(buf, *to);
    b.errno(Some(errno));
    b.into_bytes()
}

/// The request as it came: FLUSH and EXPIRE without an errno; PLUMBIF and UNPLUMBIF with the outcome.
pub fn echo<'b>(buf: &'b mut [u8], request: &Envelope<'_>, errno: Option<Errno>) -> Message<'b> {
    let mut b = Builder::with_header(buf, *request.header());
    b.errno(errno).raw(request.body());
    b.into_bytes()
}

/// FLUSH: SAs are gone at the request of somebody who speaks another dialect.
pub fn flush<'b>(buf: &'b mut [u8], to: &Header) -> Message<'b> {
    start(buf, to, MsgType::Flush).into_bytes()
}

/// GETSPI: the larval SA that now has `spi`.
pub fn get_spi<'b>(buf: &'b mut [u8], to: &Header, request: &GetSpi, sa: &SaInfo) -> Message<'b> {
    let sa = SaInfo {
        state: state::LARVAL,
        ..told(sa)
    };
    let mut b = start(buf, to, MsgType::GetSpi);
    b.sa(ExtType::Sa, &sa)
        .address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.dst);
    b.into_bytes()
}

/// ADD: the new SA. References are always reported, as the clients learn them from here.
pub fn add<'b>(buf: &'b mut [u8], to: &Header, report: &SaReport<'_>) -> Message<'b> {
    let report = SaReport {
        proxy: None,
        current: None,
        ..*report
    };
    let mut b = start(buf, to, MsgType::Add);
    put_report(&mut b, &report);
    b.saref(report.saref.as_ref());
    b.into_bytes()
}

/// UPDATE: the changed SA.
pub fn update<'b>(buf: &'b mut [u8], to: &Header, report: &SaReport<'_>) -> Message<'b> {
    let report = SaReport {
        nat_t: NatT {
            kind: None,
            oa: None,
            ..report.nat_t
        },
        ..*report
    };
    let mut b = start(buf, to, MsgType::Update);
    put_report(&mut b, &report);
    b.into_bytes()
}

/// GET: the stored SA, keys never.
pub fn get<'b>(buf: &'b mut [u8], to: &Header, report: &SaReport<'_>) -> Message<'b> {
    let mut b = start(buf, to, MsgType::Get);
    put_report(&mut b, report);
    b.into_bytes()
}

fn put_report(b: &mut Builder<'_>, report: &SaReport<'_>) {
    b.sa(ExtType::Sa, &told(&report.sa))
        .lifetime(ExtType::LifetimeCurrent, report.current.as_ref())
        .lifetime(ExtType::LifetimeHard, report.hard.as_ref())
        .lifetime(ExtType::LifetimeSoft, report.soft.as_ref())
        .address(ExtType::AddressSrc, report.src)
        .address(ExtType::AddressDst, report.dst)
        .opt_address(ExtType::AddressProxy, report.proxy)
        .ident(ExtType::IdentitySrc, report.ident_src.as_ref())
        .ident(ExtType::IdentityDst, report.ident_dst.as_ref())
        .nat_t_type(report.nat_t.kind)
        .nat_t_port(ExtType::NatTSport, report.nat_t.sport)
        .nat_t_port(ExtType::NatTDport, report.nat_t.dport)
        .opt_address(ExtType::NatTOa, report.nat_t.oa);
}

/// DELETE: SPI and reference of what is gone.
pub fn delete<'b>(buf: &'b mut [u8], to: &Header, request: &SaRef, reference: u32) -> Message<'b> {
    let sa = SaInfo {
        spi: request.said.spi,
        reference,
        ..SaInfo::default()
    };
    let mut b = start(buf, to, MsgType::Delete);
    b.sa(ExtType::Sa, &told(&sa))
        .address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.said.dst);
    b.into_bytes()
}

/// REGISTER: the algorithms of `satype`, most recently registered first. An empty list is left out.
///
/// With [`Origin::kernel`] it is the unsolicited announcement of a changed list.
pub fn register<'b>(
    buf: &'b mut [u8],
    origin: Origin,
    satype: u8,
    auth: &[Alg],
    encrypt: &[Alg],
) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::Register, satype, origin);
    b.supported(ExtType::SupportedAuth, auth)
        .supported(ExtType::SupportedEncrypt, encrypt);
    b.into_bytes()
}

/// GRPSA: the names of the request.
pub fn grpsa<'b>(buf: &'b mut [u8], to: &Header, request: &Grpsa) -> Message<'b> {
    let mut b = start(buf, to, MsgType::Grpsa);
    b.sa(ExtType::Sa, &request.first_sa)
        .address(ExtType::AddressDst, request.first.dst);
    if let Some((said, sa)) = &request.second {
        b.satype2(said.proto.satype())
            .sa(ExtType::Sa2, sa)
            .address(ExtType::AddressDst2, said.dst);
    }
    b.group(request.outer.as_ref());
    b.into_bytes()
}

/// ADDFLOW: SAID and selector, the ports left out.
pub fn add_flow<'b>(buf: &'b mut [u8], to: &Header, request: &AddFlow<'_>) -> Message<'b> {
    let mut b = start(buf, to, MsgType::AddFlow);
    b.sa(ExtType::Sa, &request.sa)
        .opt_address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.said.dst);
    put_flow(&mut b, &request.flow);
    b.into_bytes()
}

/// DELFLOW: the selector, the ports left out; nothing of it if everything was cleared.
pub fn del_flow<'b>(buf: &'b mut [u8], to: &Header, request: &DelFlow<'_>) -> Message<'b> {
    let mut b = start(buf, to, MsgType::DelFlow);
    if let Some(sa) = &request.sa {
        b.sa(ExtType::Sa, sa);
    }
    match &request.action {
        DelAction::Clear => {}
        DelAction::Delete(flow) | DelAction::Policy(flow) => put_flow(&mut b, flow),
    }
    b.into_bytes()
}

fn put_flow(b: &mut Builder<'_>, flow: &Flow) {
    b.address(ExtType::AddressSrcFlow, flow.src)
        .address(ExtType::AddressDstFlow, flow.dst)
        .address(ExtType::AddressSrcMask, flow.src_mask)
        .address(ExtType::AddressDstMask, flow.dst_mask)
        .protocol(flow.proto);
}

/// Which limit an SA has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The SA is gone.
    Hard(Lifetime),
    /// The SA should be replaced.
    Soft(Lifetime),
}

/// EXPIRE from the kernel, to every socket; `seq` is its counter. The stamps in `current` are seconds of uptime.
pub fn expire<'b>(
    buf: &'b mut [u8],
    seq: u32,
    said: &Said,
    src: IpAddr,
    sa: &SaInfo,
    current: &Lifetime,
    limit: &Limit,
) -> Message<'b> {
    let mut b = Builder::new(
        buf,
        MsgType::Expire,
        said.proto.satype(),
        Origin::kernel(seq),
    );
    b.sa(
        ExtType::Sa,
        &SaInfo {
            spi: said.spi,
            ..told(sa)
        },
    )
    .lifetime(ExtType::LifetimeCurrent, Some(current));
    match limit {
        Limit::Hard(life) => b.lifetime(ExtType::LifetimeHard, Some(life)),
        Limit::Soft(life) => b.lifetime(ExtType::LifetimeSoft, Some(life)),
    };
    b.address(ExtType::AddressSrc, src)
        .address(ExtType::AddressDst, said.dst);
    b.into_bytes()
}

/// ACQUIRE from the kernel, to sockets registered for ESP; `seq` is its counter.
///
/// Unlike in replies, `src` and `dst` carry the transport protocol and ports of the packet. The proposal is a fixed one
/// that says nothing about the policy: 3DES with MD5 or SHA1.
pub fn acquire<'b>(
    buf: &'b mut [u8],
    seq: u32,
    src: &Endpoint,
    dst: &Endpoint,
    ident_src: Option<&Ident<'_>>,
    ident_dst: Option<&Ident<'_>>,
) -> Message<'b> {
    let combs = [
        acquire_comb(alg::AUTH_MD5, 128),
        acquire_comb(alg::AUTH_SHA1, 160),
    ];
    let mut b = Builder::new(
        buf,
        MsgType::Acquire,
        SaProto::Esp.satype(),
        Origin::kernel(seq),
    );
    b.endpoint(ExtType::AddressSrc, src)
        .endpoint(ExtType::AddressDst, dst)
        .ident(ExtType::IdentitySrc, ident_src)
        .ident(ExtType::IdentityDst, ident_dst)
        .proposal(REPLAY_MAX, &combs);
    b.into_bytes()
}

fn acquire_comb(auth: u8, auth_bits: u16) -> Comb {
    const SOFT_SECONDS: u64 = 57_600;
    const HARD_SECONDS: u64 = 86_400;
    const PFS: u16 = 1;
    const _: () = assert!(flags::PFS == 1);
    Comb {
        auth,
        encrypt: alg::ENC_3DES,
        flags: PFS.into(),
        auth_minbits: auth_bits.into(),
        auth_maxbits: auth_bits.into(),
        encrypt_minbits: 168.into(),
        encrypt_maxbits: 168.into(),
        soft_addtime: SOFT_SECONDS.into(),
        hard_addtime: HARD_SECONDS.into(),
        soft_usetime: SOFT_SECONDS.into(),
        hard_usetime: HARD_SECONDS.into(),
        ..Comb::default()
    }
}

/// NAT_T_NEW_MAPPING from the kernel, to sockets registered for ESP; `seq` is its counter.
///
/// The ports stand both in the socket addresses and in extensions of their own: every client reads one of the two.
pub fn new_mapping<'b>(
    buf: &'b mut [u8],
    seq: u32,
    spi: u32,
    old: &Endpoint,
    new: &Endpoint,
) -> Message<'b> {
    let sa = SaInfo {
        spi,
        ..SaInfo::default()
    };
    let mut b = Builder::new(
        buf,
        MsgType::NatTNewMapping,
        SaProto::Esp.satype(),
        Origin::kernel(seq),
    );
    b.sa(ExtType::Sa, &sa)
        .endpoint(ExtType::AddressSrc, old)
        .endpoint(ExtType::AddressDst, new)
        .nat_t_port(ExtType::NatTSport, Some(old.port))
        .nat_t_port(ExtType::NatTDport, Some(new.port));
    b.into_bytes()
}
