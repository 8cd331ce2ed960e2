// SPDX-License-Identifier: GPL-2.0-only

//! REGISTER: a key daemon subscribes and learns the algorithms.

use super::{Answer, Audience, Context, Outcome};
use heapless::Vec;
use klips_core::{
    pfkey::{build::Origin, ext::Alg, reply},
    sa::alg::{supported, Supported},
    said::SaProto,
};

/// The most algorithms of one kind that are announced.
const MAX: usize = 32;

fn algs(list: &[Supported]) -> Vec<Alg, MAX> {
    list.iter()
        .take(MAX)
        .map(|alg| Alg {
            id: alg.id,
            iv_bits: alg.iv_bits,
            min_bits: alg.min_bits,
            max_bits: alg.max_bits,
        })
        .collect()
}

/// Subscribes the requester to `satype` and tells all its subscribers what there is.
pub(super) fn register(context: &mut Context<'_>, satype: u8, buf: &mut [u8]) -> Outcome {
    context.sock.data().register(satype);
    let (auth, encrypt) = SaProto::from_satype(satype).map_or((&[][..], &[][..]), supported);
    let origin = Origin::of(context.env.header());
    let message = reply::register(buf, origin, satype, &algs(auth), &algs(encrypt));
    Answer::new(Audience::Registered(satype), message)
}
