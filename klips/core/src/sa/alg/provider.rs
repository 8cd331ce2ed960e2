// SPDX-License-Identifier: GPL-2.0-only

//! Who does the work of an algorithm, so that one can ask whether the kernel has it.

use super::auths::{self, Auth};
use super::ciphers::Cipher;
use super::{authenc, comp_driver, DriverName, NONE};
use crate::said::SaProto;
use core::ffi::CStr;

/// What an algorithm is announced for; the two lists of a REGISTER reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// Authentication.
    Auth,
    /// Encryption, and what PF_KEY counts as such: tunnels, compression.
    Encrypt,
}

/// Who does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// This module, without help.
    Ourselves,
    /// A keyed hash of the kernel's crypto layer, by this name.
    Hash(&'static CStr),
    /// An AEAD of the kernel's crypto layer, by this name.
    Aead(DriverName),
    /// A compressor of the kernel's crypto layer, by this name.
    Compressor(&'static CStr),
}

/// Who does the work of algorithm `id` in SAs of `proto`; `None` if it is not in the table.
///
/// A cipher is asked for as an AEAD without authentication, in the form that an SA would use, so the answer covers the
/// templates around it.
pub fn provider(proto: SaProto, job: Job, id: u8) -> Option<Provider> {
    match (proto, job) {
        (SaProto::Ah | SaProto::Esp, Job::Auth) => hash(id),
        (SaProto::Esp, Job::Encrypt) => Cipher::find(id).map(aead),
        (SaProto::Ipip, Job::Encrypt) => Some(Provider::Ourselves),
        (SaProto::Comp, Job::Encrypt) => comp_driver(id).map(Provider::Compressor),
        _ => None,
    }
}

fn hash(id: u8) -> Option<Provider> {
    let auth = Auth::find(id).filter(|auth| auth.id != NONE)?;
    Some(Provider::Hash(auth.driver))
}

fn aead(cipher: &Cipher) -> Provider {
    Provider::Aead(match cipher.is_aead() {
        true => DriverName::whole(cipher.driver),
        false => authenc(auths::NO_AUTH.driver, cipher.driver, false),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::supported, *};

    #[test]
    fn everything_announced_has_a_provider() {
        for proto in [SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp] {
            let (auths, encs) = supported(proto);
            for (job, list) in [(Job::Auth, auths), (Job::Encrypt, encs)] {
                for alg in list {
                    assert!(
                        provider(proto, job, alg.id).is_some(),
                        "{proto:?} {job:?} {}",
                        alg.id
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_in_the_table_has_none() {
        assert_eq!(provider(SaProto::Esp, Job::Encrypt, 2), None);
        assert_eq!(provider(SaProto::Esp, Job::Auth, NONE), None);
        assert_eq!(provider(SaProto::Int, Job::Encrypt, 1), None);
    }
}
