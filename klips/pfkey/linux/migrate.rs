// SPDX-License-Identifier: GPL-2.0-only

//! MIGRATE: a policy gets other ends, and its SAs go there with all that they have counted.
//!
//! Nothing is changed before all memory that it takes is there.

use super::{
    form::{form, Keys},
    policies::watch,
    sas::whole,
};
use crate::{
    pfkey::{told::Change, Answer, Audience, Context, InBand, Outcome},
    sadb::{
        sa::{Blueprint, Sa},
        Move,
    },
    spd::{Policy, Spec},
};
use core::net::IpAddr;
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    pfkey::{
        build::Origin,
        errno::Errno,
        linux::{compose, Direction, Endpoint, Migration, Mode, Request, Template},
        Speech,
    },
    spd::selector,
};

type Done<T> = core::result::Result<T, Errno>;
type Ends = (IpAddr, IpAddr);

/// What becomes of one template, and of the SAs that fit it.
struct Step {
    proto: u8,
    mode: Mode,
    reqid: u32,
    old: Ends,
    new: Ends,
}

impl Step {
    /// `EINVAL`: the two halves are not about the same SAs.
    fn of(old: &Template, new: &Template) -> Done<Self> {
        let hosts = |half: &Template| half.ends.map(|(src, dst)| (src.ip(), dst.ip()));
        let same = old.proto == new.proto && old.mode == new.mode && old.reqid == new.reqid;
        let ends = hosts(old).zip(hosts(new)).filter(|_| same);
        let (old_ends, new_ends) = ends.ok_or(Errno::Einval)?;
        Ok(Self {
            proto: old.proto,
            mode: match old.mode {
                Mode::Any => Mode::Transport,
                mode => mode,
            },
            reqid: old.reqid,
            old: old_ends,
            new: new_ends,
        })
    }

    fn fits(&self, template: &Template) -> bool {
        let hosts = template.ends.map(|(src, dst)| (src.ip(), dst.ip()));
        self.proto == template.proto
            && self.mode == template.mode
            && (self.reqid == 0 || self.reqid == template.reqid)
            && hosts.is_none_or(|hosts| hosts == self.old)
    }

    fn moves(&self, sa: &Sa) -> bool {
        let said = sa.said();
        sa.mode()
            .is_some_and(|mode| mode == self.mode || mode == Mode::Any)
            && sa.carries_traffic()
            && said.proto.ip_proto() == self.proto
            && (self.reqid == 0 || self.reqid == sa.reqid())
            && (sa.fixed.src, said.dst) == self.old
    }
}

pub(super) fn migrate(
    context: &mut Context<'_>,
    request: &Migration<'_>,
    buf: &mut [u8],
) -> Outcome {
    let steps = steps(request)?;
    let selector = selector(&request.src, &request.dst).ok_or(Errno::Einval)?;
    let direction = Direction::from_number(request.policy.direction).ok_or(Errno::Einval)?;
    let policy = context.control.spd.find(direction, &selector);
    let policy = policy.ok_or(Errno::Enoent)?;
    let spec = moved(&policy, &steps)?;
    let moves = prepare(context, &steps)?;
    let policy = context.control.spd.replace(spec).in_band()?;
    watch(context, &policy);
    context.answered = true;
    let origin = Origin::of(context.env.header());
    for one in moves {
        // KLIPS's dialect has no word for a move.
        let gone = Change::Deleted(one.old().clone());
        let come = Change::Added(one.successor().clone());
        context.control.sadb.make_move(one);
        context.timed = true;
        gone.tell(context.ns, Speech::Klips, origin, buf);
        come.tell(context.ns, Speech::Klips, origin, buf);
    }
    let message = compose::request(buf, origin, &Request::Migrate(*request));
    Answer::new(Audience::All, message)
}

fn steps(request: &Migration<'_>) -> Done<KVec<Step>> {
    let mut steps = KVec::new();
    let mut halves = request.policy.templates.iter();
    while let (Some(old), Some(new)) = (halves.next(), halves.next()) {
        let pushed = steps.push(Step::of(&old, &new)?, GFP_KERNEL);
        pushed.map_err(Error::from).in_band()?;
    }
    Ok(steps)
}

/// The policy as it is to be. `ENODATA`: none of its templates is meant.
fn moved(policy: &Policy, steps: &[Step]) -> Done<Spec> {
    let mut templates = KVec::new();
    let mut met = false;
    for template in policy.templates.iter() {
        let step = steps.iter().find(|step| step.fits(template));
        met |= step.is_some();
        let ends = step.zip(template.ends).map(|(step, (src, dst))| {
            let (mut new_src, mut new_dst) = (src, dst);
            new_src.set_ip(step.new.0);
            new_dst.set_ip(step.new.1);
            (new_src, new_dst)
        });
        let template = Template {
            ends: ends.or(template.ends),
            ..*template
        };
        let pushed = templates.push(template, GFP_KERNEL);
        pushed.map_err(Error::from).in_band()?;
    }
    if !met {
        return Err(Errno::Enodata);
    }
    Ok(Spec {
        templates,
        ..**policy
    })
}

/// Makes the SAs that are to stand in the place of others.
fn prepare(context: &mut Context<'_>, steps: &[Step]) -> Done<KVec<Move>> {
    let mut moves = KVec::new();
    let mut last = None;
    while let Some(place) = context.control.sadb.next_place(last.as_ref()) {
        last = Some(place);
        let Some(old) = context.control.sadb.at(&place) else {
            continue;
        };
        let Some(step) = steps.iter().find(|step| step.moves(&old)) else {
            continue;
        };
        let new = copy(context, &old, step.new)?;
        if moves
            .iter()
            .any(|one: &Move| one.successor().said() == new.said())
        {
            return Err(Errno::Eexist);
        }
        let one = context.control.sadb.prepare_move(old, new).in_band()?;
        let pushed = moves.push(one, GFP_KERNEL);
        pushed.map_err(Error::from).in_band()?;
    }
    Ok(moves)
}

/// The same SA between other ends. Its sequence numbers follow when it takes the place of the old one.
fn copy(context: &mut Context<'_>, old: &Arc<Sa>, ends: Ends) -> Done<Arc<Sa>> {
    let (src, dst) = (Endpoint::whole(ends.0), Endpoint::whole(ends.1));
    let told = form(old, Keys::Told).ok_or(Errno::Einval)?;
    let request = klips_core::pfkey::linux::Sa { src, dst, ..told };
    let blueprint = Blueprint {
        saref: old.fixed.saref,
        life: old.life(),
        ..whole(context, &request)?
    };
    Sa::new(blueprint).in_band()
}
