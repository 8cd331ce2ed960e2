// SPDX-License-Identifier: GPL-2.0-only

//! The algorithms that this kernel has.
//!
//! The table of `klips_core` says what the module could do; the kernel's crypto layer, which loads its modules when they
//! are asked for, says what it can do here. It is asked anew each time: what is there is found quickly, and a module that
//! is installed later counts from then on. Nothing is asked before a key daemon registers, an SA is made or a listing is
//! read, so inserting this module loads no other.

use crate::kapi::crypto;
use heapless::Vec;
use klips_core::{
    sa::alg::{provider, supported, Job, Provider, Supported},
    said::SaProto,
};

/// The most algorithms of one kind that are announced.
const MAX: usize = 32;

/// The algorithms of one protocol, most recently added first.
#[derive(Default)]
pub(crate) struct Available {
    /// Authentication.
    pub(crate) auth: Vec<Supported, MAX>,
    /// Encryption.
    pub(crate) encrypt: Vec<Supported, MAX>,
}

/// Whether this kernel can do `job` for SAs of `proto` by algorithm `id`. Process context; may load modules.
pub(crate) fn has(proto: SaProto, job: Job, id: u8) -> bool {
    match provider(proto, job, id) {
        None => false,
        Some(Provider::Ourselves) => true,
        Some(Provider::Hash(name)) => crypto::has_hash(name),
        Some(Provider::Aead(name)) => crypto::has_aead(&name),
        Some(Provider::Compressor(name)) => crypto::has_compressor(name),
    }
}

/// What this kernel has for SAs of `proto`. Process context; may load modules.
pub(crate) fn available(proto: SaProto) -> Available {
    let (auth, encrypt) = supported(proto);
    let there = |job, list: &[Supported]| {
        // Looking in vain takes long, and some are listed twice.
        let mut absent = Vec::<u8, MAX>::new();
        let here = list.iter().filter(|alg| {
            let here = !absent.contains(&alg.id) && has(proto, job, alg.id);
            if !here {
                let _ = absent.push(alg.id);
            }
            here
        });
        here.copied().take(MAX).collect()
    };
    Available {
        auth: there(Job::Auth, auth),
        encrypt: there(Job::Encrypt, encrypt),
    }
}
