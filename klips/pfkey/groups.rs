// SPDX-License-Identifier: GPL-2.0-only

//! GRPSA: chains SAs, or dissolves a chain.

use super::{Answer, Audience, Context, InBand, Outcome};
use crate::sadb::{sa::Sa, MAX_GROUP};
use heapless::Vec;
use kernel::sync::Arc;
use klips_core::pfkey::{errno::Errno, reply, request::Grpsa};

/// With one SA, dissolves its group. With more, lets packets meet each after the one before it; inbound SAs, which meet
/// packets from the outside in, the other way round. All of them are chained, or none.
pub(super) fn group(context: &mut Context<'_>, request: &Grpsa, buf: &mut [u8]) -> Outcome {
    let sadb = &mut context.control.sadb;
    let mut chain: Vec<_, MAX_GROUP> = Vec::new();
    for said in request.members() {
        let sa = sadb.get(&said).ok_or(Errno::Enoent)?;
        chain.push(sa).map_err(|_| Errno::Einval)?;
    }
    match chain.as_slice() {
        [only] => sadb.unlink_group(only),
        members => {
            if go_inward(members)? {
                chain.reverse();
            }
            sadb.link(&chain).in_band()?;
        }
    }
    Answer::new(
        Audience::All,
        reply::grpsa(buf, context.env.header(), request),
    )
}

/// Whether packets meet the last of `members` first. That of the first does not count, as it has nothing to follow; the
/// others must be of one direction.
fn go_inward(members: &[Arc<Sa>]) -> Result<bool, Errno> {
    let mut outer = members.iter().skip(1).map(|sa| sa.fixed.inbound);
    let inward = outer.next().unwrap_or(false);
    if outer.all(|other| other == inward) {
        Ok(inward)
    } else {
        Err(Errno::Einval)
    }
}
