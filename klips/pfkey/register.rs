// SPDX-License-Identifier: GPL-2.0-only

//! REGISTER: a key daemon subscribes and learns the algorithms.

use super::{Answer, Audience, Outcome, PfKey};
use crate::{
    algorithms::{available, Available},
    kapi::net::sock::Socket,
};
use heapless::Vec;
use klips_core::{
    pfkey::{build::Origin, envelope::Envelope, ext::Alg, reply},
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
pub(super) fn register(
    sock: &Socket<PfKey>,
    env: &Envelope<'_>,
    request: &Registration,
    buf: &mut [u8],
) -> Outcome {
    let satype = request.satype;
    sock.data().register(satype);
    let (auth, encrypt) = (
        algs(&request.algorithms.auth),
        algs(&request.algorithms.encrypt),
    );
    let message = reply::register(buf, Origin::of(env.header()), satype, &auth, &encrypt);
    Answer::new(Audience::Registered(satype), message)
}
