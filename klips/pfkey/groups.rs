// SPDX-License-Identifier: GPL-2.0-only

//! GRPSA: chains SAs, or dissolves a chain.

use super::{Answer, Audience, Context, InBand, Outcome};
use klips_core::pfkey::{errno::Errno, reply, request::Grpsa};

/// With one SA, dissolves its group. With two, lets packets meet the second after the first; for inbound SAs, which meet
/// packets from the outside in, the other way round.
pub(super) fn group(context: &mut Context<'_>, request: &Grpsa, buf: &mut [u8]) -> Outcome {
    let sadb = &mut context.control.sadb;
    let first = sadb.get(&request.first).ok_or(Errno::Enoent)?;
    match &request.second {
        None => sadb.unlink_group(&first),
        Some((said, _)) => {
            let second = sadb.get(said).ok_or(Errno::Enoent)?;
            if second.fixed.inbound {
                sadb.link(&second, &first).in_band()?;
            } else {
                sadb.link(&first, &second).in_band()?;
            }
        }
    }
    Answer::new(
        Audience::All,
        reply::grpsa(buf, context.env.header(), request),
    )
}
