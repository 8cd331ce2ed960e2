// SPDX-License-Identifier: GPL-2.0-only

//! What the tools say: requests, in the bytes that the classic tools have always sent.
//!
//! Each function is the inverse of [`parse`](mod@super::parse) for one [`Request`](super::Request), and writes the
//! extensions in ascending order of type. `buf` must be large enough for the message;
//! [`MAX_REPLY`](super::MAX_REPLY) bytes are.

use super::build::{Builder, Origin};
use super::ext::{DebugMasks, Endpoint, SaInfo};
use super::reply::Message;
use super::request::{
    AddFlow, DelAction, DelFlow, Flow, GetSpi, Grpsa, Interface, SaParams, SaRef,
};
use super::types::{flags, ExtType, MsgType};

/// REGISTER for a satype.
pub fn register(buf: &mut [u8], origin: Origin, satype: u8) -> Message<'_> {
    Builder::new(buf, MsgType::Register, satype, origin).into_bytes()
}

/// FLUSH of a satype; 0 is all.
pub fn flush(buf: &mut [u8], origin: Origin, satype: u8) -> Message<'_> {
    Builder::new(buf, MsgType::Flush, satype, origin).into_bytes()
}

/// GETSPI.
pub fn get_spi<'b>(buf: &'b mut [u8], origin: Origin, request: &GetSpi) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::GetSpi, request.proto.satype(), origin);
    b.address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.dst)
        .opt_address(ExtType::AddressProxy, request.proxy)
        .spi_range(&request.range);
    b.into_bytes()
}

/// ADD.
pub fn add<'b>(buf: &'b mut [u8], origin: Origin, request: &SaParams<'_>) -> Message<'b> {
    sa_params(buf, MsgType::Add, origin, request)
}

/// UPDATE. Of the NAT-T extensions it can carry the ports only; any other makes the kernel refuse it.
pub fn update<'b>(buf: &'b mut [u8], origin: Origin, request: &SaParams<'_>) -> Message<'b> {
    sa_params(buf, MsgType::Update, origin, request)
}

fn sa_params<'b>(
    buf: &'b mut [u8],
    kind: MsgType,
    origin: Origin,
    request: &SaParams<'_>,
) -> Message<'b> {
    let mut b = Builder::new(buf, kind, request.said.proto.satype(), origin);
    b.sa(ExtType::Sa, &named(&request.sa, request.said.spi))
        .lifetime(ExtType::LifetimeHard, request.hard.as_ref())
        .lifetime(ExtType::LifetimeSoft, request.soft.as_ref())
        .address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.said.dst)
        .opt_address(ExtType::AddressProxy, request.proxy)
        .key(ExtType::KeyAuth, request.auth_key.as_ref())
        .key(ExtType::KeyEncrypt, request.encrypt_key.as_ref())
        .ident(ExtType::IdentitySrc, request.ident_src.as_ref())
        .ident(ExtType::IdentityDst, request.ident_dst.as_ref())
        .nat_t_type(request.nat_t.kind)
        .nat_t_port(ExtType::NatTSport, request.nat_t.sport)
        .nat_t_port(ExtType::NatTDport, request.nat_t.dport)
        .opt_address(ExtType::NatTOa, request.nat_t.oa);
    if let Some(ifnum) = request.out_if {
        b.plumbif(ifnum);
    }
    b.saref(request.saref.as_ref());
    b.into_bytes()
}

/// DELETE.
pub fn delete<'b>(buf: &'b mut [u8], origin: Origin, request: &SaRef) -> Message<'b> {
    sa_ref(buf, MsgType::Delete, origin, request)
}

/// GET.
pub fn get<'b>(buf: &'b mut [u8], origin: Origin, request: &SaRef) -> Message<'b> {
    sa_ref(buf, MsgType::Get, origin, request)
}

fn sa_ref<'b>(buf: &'b mut [u8], kind: MsgType, origin: Origin, request: &SaRef) -> Message<'b> {
    let mut b = Builder::new(buf, kind, request.said.proto.satype(), origin);
    b.sa(ExtType::Sa, &named(&request.sa, request.said.spi))
        .address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.said.dst);
    b.into_bytes()
}

/// GRPSA, of two to four SAs or of a single one.
pub fn grpsa<'b>(buf: &'b mut [u8], origin: Origin, request: &Grpsa) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::Grpsa, request.first.proto.satype(), origin);
    b.sa(ExtType::Sa, &named(&request.first_sa, request.first.spi))
        .address(ExtType::AddressDst, request.first.dst);
    if let Some((said, sa)) = &request.second {
        b.satype2(said.proto.satype())
            .sa(ExtType::Sa2, &named(sa, said.spi))
            .address(ExtType::AddressDst2, said.dst);
    }
    b.group(request.outer.as_ref());
    b.into_bytes()
}

/// ADDFLOW. The flags of the SA extension choose the action.
pub fn add_flow<'b>(buf: &'b mut [u8], origin: Origin, request: &AddFlow<'_>) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::AddFlow, request.said.proto.satype(), origin);
    b.sa(ExtType::Sa, &named(&request.sa, request.said.spi))
        .opt_address(ExtType::AddressSrc, request.src)
        .address(ExtType::AddressDst, request.said.dst)
        .ident(ExtType::IdentitySrc, request.ident_src.as_ref())
        .ident(ExtType::IdentityDst, request.ident_dst.as_ref());
    flow(&mut b, &request.flow);
    b.into_bytes()
}

/// DELFLOW. A [`DelAction::Clear`] or [`DelAction::Policy`] needs an SA extension with the matching flag.
pub fn del_flow<'b>(buf: &'b mut [u8], origin: Origin, request: &DelFlow<'_>) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::DelFlow, 0, origin);
    if let Some(sa) = &request.sa {
        b.sa(ExtType::Sa, sa);
    }
    b.ident(ExtType::IdentitySrc, request.ident_src.as_ref())
        .ident(ExtType::IdentityDst, request.ident_dst.as_ref());
    match &request.action {
        DelAction::Clear => {}
        DelAction::Delete(selector) | DelAction::Policy(selector) => flow(&mut b, selector),
    }
    b.into_bytes()
}

/// DELFLOW of one eroute.
pub fn delete_flow<'b>(buf: &'b mut [u8], origin: Origin, selector: &Flow) -> Message<'b> {
    let request = DelFlow {
        sa: None,
        action: DelAction::Delete(*selector),
        ident_src: None,
        ident_dst: None,
    };
    del_flow(buf, origin, &request)
}

/// DELFLOW of all eroutes.
pub fn clear_flows(buf: &mut [u8], origin: Origin) -> Message<'_> {
    let request = DelFlow {
        sa: Some(SaInfo {
            flags: flags::CLEARFLOW,
            ..SaInfo::default()
        }),
        action: DelAction::Clear,
        ident_src: None,
        ident_dst: None,
    };
    del_flow(buf, origin, &request)
}

/// DEBUG.
pub fn debug<'b>(buf: &'b mut [u8], origin: Origin, masks: &DebugMasks) -> Message<'b> {
    let mut b = Builder::new(buf, MsgType::Debug, 0, origin);
    b.debug(masks);
    b.into_bytes()
}

/// PLUMBIF.
pub fn plumbif(buf: &mut [u8], origin: Origin, interface: Interface) -> Message<'_> {
    plumbing(buf, MsgType::PlumbIf, origin, interface)
}

/// UNPLUMBIF.
pub fn unplumbif(buf: &mut [u8], origin: Origin, interface: Interface) -> Message<'_> {
    plumbing(buf, MsgType::UnplumbIf, origin, interface)
}

fn plumbing(buf: &mut [u8], kind: MsgType, origin: Origin, interface: Interface) -> Message<'_> {
    let ifnum = interface.number().ok_or(super::NoRoom)?;
    let mut b = Builder::new(buf, kind, 0, origin);
    b.plumbif(ifnum);
    b.into_bytes()
}

/// The SA extension of an SA whose SPI is told by its SAID.
fn named(sa: &SaInfo, spi: u32) -> SaInfo {
    SaInfo { spi, ..*sa }
}

/// A selector with its ports.
fn flow(b: &mut Builder<'_>, flow: &Flow) {
    let end = |addr, port| Endpoint {
        addr,
        port,
        proto: 0,
    };
    b.endpoint(ExtType::AddressSrcFlow, &end(flow.src, flow.sport))
        .endpoint(ExtType::AddressDstFlow, &end(flow.dst, flow.dport))
        .endpoint(
            ExtType::AddressSrcMask,
            &end(flow.src_mask, flow.sport_mask),
        )
        .endpoint(
            ExtType::AddressDstMask,
            &end(flow.dst_mask, flow.dport_mask),
        )
        .protocol(flow.proto);
}
