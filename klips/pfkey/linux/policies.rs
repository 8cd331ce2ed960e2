// SPDX-License-Identifier: GPL-2.0-only

//! The messages about policies: SPDADD, SPDUPDATE, SPDDELETE, SPDDELETE2, SPDGET, SPDFLUSH, and SPDEXPIRE, which the
//! kernel sends.

use super::form::stamp;
use crate::{
    kapi::time,
    pfkey::{Answer, Audience, Context, InBand, Outcome},
    sadb::sa::Limit,
    spd::{Policy, Spec, MAX_TEMPLATES},
};
use core::net::SocketAddr;
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    pfkey::{
        build::Origin,
        errno::Errno,
        ext::Lifetime,
        linux::{
            self, compose, types::ANY_PROTO, Action, Direction, Endpoint, Level, Mode, MsgType,
            SpdEntry, Template, Templates,
        },
    },
    spd::selector,
};

type Done<T> = core::result::Result<T, Errno>;

/// What a request says of a policy, as it is kept.
fn spec(entry: &SpdEntry<'_>) -> Done<Spec> {
    if entry.sec_ctx.is_some() {
        // There is nobody here to ask what it means, and it is not to be taken for less.
        return Err(Errno::Einval);
    }
    let selector = selector(&entry.src, &entry.dst).ok_or(Errno::Einval)?;
    let templates = templates(&entry.policy)?;
    let proto = match entry.dst.proto {
        0 => ANY_PROTO,
        proto => proto,
    };
    let told = |end: Endpoint| Endpoint { proto, ..end };
    Ok(Spec {
        direction: direction(entry)?,
        selector,
        src: told(entry.src),
        dst: told(entry.dst),
        // Protection by nothing is none.
        action: match entry.policy.action {
            Action::Ipsec if templates.is_empty() => Action::None,
            action => action,
        },
        priority: entry.policy.priority,
        templates,
        hard: entry.hard.unwrap_or_default(),
        soft: entry.soft.unwrap_or_default(),
    })
}

fn direction(entry: &SpdEntry<'_>) -> Done<Direction> {
    Direction::from_number(entry.policy.direction).ok_or(Errno::Einval)
}

fn templates(policy: &linux::Policy<'_>) -> Done<KVec<Template>> {
    let mut list = KVec::new();
    if policy.action != Action::Ipsec {
        return Ok(list);
    }
    for template in policy.templates.iter() {
        if list.len() >= MAX_TEMPLATES {
            return Err(Errno::Einval);
        }
        let pushed = list.push(plain(&template)?, GFP_KERNEL);
        pushed.map_err(Error::from).in_band()?;
    }
    Ok(list)
}

/// A template without what has no meaning in it.
fn plain(template: &Template) -> Done<Template> {
    let mode = match template.mode {
        Mode::Any | Mode::Transport => Mode::Transport,
        Mode::Tunnel => Mode::Tunnel,
        Mode::Beet => return Err(Errno::Einval),
    };
    let level = match template.level {
        Level::Default => Level::Require,
        level => level,
    };
    let host = |end: SocketAddr| SocketAddr::new(end.ip(), 0);
    let ends = template.ends.map(|(src, dst)| (host(src), host(dst)));
    Ok(Template {
        proto: template.proto,
        mode,
        level,
        // Only what is to have SAs of its own names them.
        reqid: if level == Level::Unique {
            template.reqid
        } else {
            0
        },
        ends: ends.filter(|_| mode == Mode::Tunnel),
    })
}

/// A message about a policy.
pub(in crate::pfkey) fn describe<'b>(
    policy: &Policy,
    kind: MsgType,
    origin: Origin,
    buf: &'b mut [u8],
) -> compose::Message<'b> {
    compose::policy(buf, kind, origin, &entry(policy))
}

/// SPDEXPIRE, with the kind of limit that was exceeded and without the other.
pub(in crate::pfkey) fn expired<'b>(
    policy: &Policy,
    limit: Limit,
    buf: &'b mut [u8],
) -> compose::Message<'b> {
    let mut told = entry(policy);
    match limit {
        Limit::Hard => told.soft = None,
        Limit::Soft => told.hard = None,
    }
    compose::policy(buf, MsgType::SpdExpire, Origin::kernel(0), &told)
}

/// A policy as messages tell it.
fn entry(policy: &Policy) -> SpdEntry<'_> {
    SpdEntry {
        src: policy.src,
        dst: policy.dst,
        policy: linux::Policy {
            action: policy.action,
            direction: policy.direction.number(),
            id: policy.id,
            priority: policy.priority,
            templates: Templates::new(&policy.templates),
        },
        hard: Some(policy.hard),
        soft: Some(policy.soft),
        current: Some(Lifetime {
            allocations: crate::pfkey::form::clamp(policy.count()),
            addtime: stamp(policy.created),
            usetime: stamp(policy.last_use()),
            ..Lifetime::default()
        }),
        sec_ctx: None,
    }
}

/// The answer about a policy.
fn tell(
    context: &Context<'_>,
    policy: &Policy,
    kind: MsgType,
    audience: Audience,
    buf: &mut [u8],
) -> Outcome {
    let origin = Origin::of(context.env.header());
    Answer::new(audience, describe(policy, kind, origin, buf))
}

/// Has time watched over a policy that it can end.
pub(super) fn watch(context: &mut Context<'_>, policy: &Arc<Policy>) {
    let now = time::uptime_secs();
    context.timed |= context.control.spd.set_deadline(policy, now);
}

/// The message of the request, which SPDSETIDX shares with SPDADD.
fn kind(context: &Context<'_>) -> Done<MsgType> {
    MsgType::from_number(context.env.header().kind).ok_or(Errno::Einval)
}

pub(super) fn add(context: &mut Context<'_>, entry: &SpdEntry<'_>, buf: &mut [u8]) -> Outcome {
    let policy = context.control.spd.add(spec(entry)?).in_band()?;
    watch(context, &policy);
    tell(context, &policy, kind(context)?, Audience::All, buf)
}

pub(super) fn update(context: &mut Context<'_>, entry: &SpdEntry<'_>, buf: &mut [u8]) -> Outcome {
    let policy = context.control.spd.replace(spec(entry)?).in_band()?;
    context.answered = true;
    watch(context, &policy);
    tell(context, &policy, MsgType::SpdUpdate, Audience::All, buf)
}

pub(super) fn delete(context: &mut Context<'_>, entry: &SpdEntry<'_>, buf: &mut [u8]) -> Outcome {
    let selector = selector(&entry.src, &entry.dst).ok_or(Errno::Einval)?;
    let found = context.control.spd.find(direction(entry)?, &selector);
    let policy = found.ok_or(Errno::Enoent)?;
    context.control.spd.remove(&policy);
    context.answered = true;
    tell(context, &policy, MsgType::SpdDelete, Audience::All, buf)
}

pub(super) fn delete_by_id(context: &mut Context<'_>, id: u32, buf: &mut [u8]) -> Outcome {
    let policy = context.control.spd.get(id).ok_or(Errno::Enoent)?;
    context.control.spd.remove(&policy);
    context.answered = true;
    tell(context, &policy, MsgType::SpdDelete2, Audience::All, buf)
}

pub(super) fn get(context: &mut Context<'_>, id: u32, buf: &mut [u8]) -> Outcome {
    let policy = context.control.spd.get(id).ok_or(Errno::Enoent)?;
    tell(context, &policy, MsgType::SpdGet, Audience::Sender, buf)
}

pub(super) fn flush(context: &mut Context<'_>, buf: &mut [u8]) -> Outcome {
    context.answered = true;
    let audience = match context.control.spd.clear() {
        0 => Audience::Sender,
        _ => Audience::SenderAndAll,
    };
    let origin = Origin::of(context.env.header());
    Answer::new(audience, compose::bare(buf, MsgType::SpdFlush, 0, origin))
}
