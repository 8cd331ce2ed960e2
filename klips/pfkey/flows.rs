// SPDX-License-Identifier: GPL-2.0-only

//! ADDFLOW and DELFLOW: eroutes, and the policy of inbound tunnels.

use super::{form::own_ident, Answer, Audience, Context, InBand, Outcome};
use crate::{
    eroute::{Idents, Spec},
    kapi::rcu::Rcu,
    sadb::sa::Policy,
    sysctl::klips_debug,
};
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    eroute::{Key, Selector},
    pfkey::{
        errno::Errno,
        reply,
        request::{AddAction, AddFlow, DelAction, DelFlow, Flow},
        types::flags,
    },
    said::SaProto,
};

/// The selector of a flow: a mask of ones where it names a protocol, and the port masks that came with it.
fn selector(flow: &Flow) -> Option<Selector> {
    let proto_mask = if flow.proto == 0 { 0 } else { u8::MAX };
    let key = Key::new(&flow.src, &flow.dst, flow.proto, flow.sport, flow.dport)?;
    let mask = Key::new(
        &flow.src_mask,
        &flow.dst_mask,
        proto_mask,
        flow.sport_mask,
        flow.dport_mask,
    )?;
    Selector::new(key, mask)
}

pub(super) fn add(context: &mut Context<'_>, request: &AddFlow<'_>, buf: &mut [u8]) -> Outcome {
    let selector = selector(&request.flow).ok_or(Errno::Einval)?;
    klips_debug!(
        context.ns,
        Eroute,
        "eroute: pid {} {:?} {} -> {} => {}",
        context.env.header().pid.get(),
        request.action(),
        request.flow.src,
        request.flow.dst,
        request.said
    );
    let spec = || -> core::result::Result<Spec, Errno> {
        Ok(Spec {
            said: request.said,
            idents: idents(request).in_band()?,
        })
    };
    match request.action() {
        AddAction::Add => {
            let spec = spec()?;
            context.control.eroutes.add(selector, spec).in_band()?;
        }
        AddAction::Replace => {
            let spec = spec()?;
            context.released = context.control.eroutes.replace(selector, spec).in_band()?;
        }
        AddAction::InboundPolicy { .. } => set_policy(context, request, &selector)?,
    }
    Answer::new(
        Audience::All,
        reply::add_flow(buf, context.env.header(), request),
    )
}

fn idents(request: &AddFlow<'_>) -> kernel::error::Result<Option<Arc<Idents>>> {
    let idents = Idents {
        src: own_ident(request.ident_src.as_ref())?,
        dst: own_ident(request.ident_dst.as_ref())?,
    };
    if idents.src.is_none() && idents.dst.is_none() {
        return Ok(None);
    }
    Ok(Some(Arc::new(idents, GFP_KERNEL)?))
}

/// Says which inner packets may come out of the inbound tunnel that the SAID's group ends in.
fn set_policy(
    context: &mut Context<'_>,
    request: &AddFlow<'_>,
    selector: &Selector,
) -> core::result::Result<(), Errno> {
    let control = &mut *context.control;
    let sa = control.sadb.get(&request.said).ok_or(Errno::Enoent)?;
    let tunnel = control
        .sadb
        .find_in_chain(sa, |sa| sa.said().proto == SaProto::Ipip)
        .ok_or(Errno::Enoent)?;
    let policy = Rcu::prepare(Policy {
        key: *selector.key(),
        mask: *selector.mask(),
    })
    .in_band()?;
    control.sadb.set_policy(&tunnel, policy);
    tunnel.add_flags(request.sa.flags & (flags::INFLOW | flags::POLICYONLY));
    Ok(())
}

pub(super) fn delete(context: &mut Context<'_>, request: &DelFlow<'_>, buf: &mut [u8]) -> Outcome {
    let eroutes = &mut context.control.eroutes;
    match &request.action {
        DelAction::Clear => context.lost = eroutes.clear(),
        DelAction::Delete(flow) => {
            let selector = selector(flow).ok_or(Errno::Einval)?;
            context.lost = eroutes.delete(&selector).in_band()?.len();
        }
        // The policy goes with its SA.
        DelAction::Policy(_) => {}
    }
    Answer::new(
        Audience::All,
        reply::del_flow(buf, context.env.header(), request),
    )
}
