// SPDX-License-Identifier: GPL-2.0-only

//! REGISTER: a key daemon subscribes and learns the algorithms.

use super::{Answer, Audience, Context, Outcome};
use crate::algorithms::{available, Available};
use heapless::Vec;
use klips_core::{
    pfkey::{
        build::Origin,
        errno::Errno,
        ext::Alg,
        linux::{self, compose},
        reply,
    },
    sa::alg::Supported,
    said::SaProto,
};

/// A REGISTER, and what this kernel has for it.
pub(super) struct Registration {
    satype: u8,
    algorithms: Available,
}

/// Asks the kernel, which may load modules for it: not under the mutex.
pub(super) fn prepare(satype: u8) -> Registration {
    let algorithms = SaProto::from_satype(satype).map_or_else(Available::default, available);
    Registration { satype, algorithms }
}

fn algs<const N: usize>(list: &Vec<Supported, N>) -> Vec<Alg, N> {
    list.iter()
        .map(|alg| Alg {
            id: alg.id,
            iv_bits: alg.iv_bits,
            min_bits: alg.min_bits,
            max_bits: alg.max_bits,
        })
        .collect()
}

/// Subscribes the requester to the satype and tells all its subscribers what there is.
pub(super) fn register(context: &Context<'_>, request: &Registration, buf: &mut [u8]) -> Outcome {
    let satype = request.satype;
    context.sock.data().register(satype);
    let (auth, encrypt) = (
        algs(&request.algorithms.auth),
        algs(&request.algorithms.encrypt),
    );
    let message = reply::register(
        buf,
        Origin::of(context.env.header()),
        satype,
        &auth,
        &encrypt,
    );
    Answer::new(Audience::Registered(satype), message)
}

/// The algorithms that REGISTER tells of in the Linux dialect, whatever the satype.
#[derive(Clone, Default)]
pub(crate) struct Announced {
    pub(super) auth: Vec<linux::Alg, MOST>,
    pub(super) encrypt: Vec<linux::Alg, MOST>,
}

/// The most algorithms of a kind that are announced.
const MOST: usize = 32;

/// The two algorithms that do nothing, which need no key.
const NULL_AUTH: linux::Alg = linux::Alg {
    id: linux::types::AUTH_NULL,
    iv_len: 0,
    min_bits: 0,
    max_bits: 0,
};

/// Asks the kernel, which may load modules for it: not under the mutex.
pub(super) fn announced() -> Announced {
    let there = available(SaProto::Esp);
    let form = |alg: &Supported| linux::Alg {
        id: alg.id,
        iv_len: alg.iv_bits / 8,
        min_bits: alg.min_bits,
        max_bits: alg.max_bits,
    };
    Announced {
        auth: core::iter::once(NULL_AUTH)
            .chain(there.auth.iter().map(form))
            .take(MOST)
            .collect(),
        encrypt: there.encrypt.iter().map(form).take(MOST).collect(),
    }
}

/// Subscribes the requester to the satype, if it is not 0, and tells all its subscribers what there is.
pub(super) fn register_linux(
    context: &mut Context<'_>,
    satype: u8,
    there: &Announced,
    buf: &mut [u8],
) -> Outcome {
    if satype != 0 && !context.sock.data().register(satype) {
        return Err(Errno::Eexist);
    }
    // Whoever is asked for SAs has been told of these.
    context.control.announced = there.clone();
    let audience = match satype {
        0 => Audience::Sender,
        satype => Audience::Registered(satype),
    };
    let origin = Origin::of(context.env.header());
    let message = compose::algorithms(buf, satype, origin, &there.auth, &there.encrypt);
    Answer::new(audience, message)
}
