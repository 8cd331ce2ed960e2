// SPDX-License-Identifier: GPL-2.0-only

//! Who does the work of an algorithm, so that one can ask whether the kernel has it.

use super::{table::driver, AUTH_MD5, AUTH_SHA1, AUTH_SHA2_256, NONE};
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
    Aead(&'static CStr),
}

/// Who does the work of algorithm `id` in SAs of `proto`; `None` if it is not in the table.
///
/// A cipher is asked for without authentication, in the very form that an SA of its own would use, so the answer covers the
/// templates around it.
pub fn provider(proto: SaProto, job: Job, id: u8) -> Option<Provider> {
    match (proto, job) {
        (SaProto::Ah | SaProto::Esp, Job::Auth) => hash(id).map(Provider::Hash),
        (SaProto::Esp, Job::Encrypt) => driver(id, NONE).map(Provider::Aead),
        (SaProto::Ipip, Job::Encrypt) => Some(Provider::Ourselves),
        _ => None,
    }
}

const fn hash(id: u8) -> Option<&'static CStr> {
    Some(match id {
        AUTH_MD5 => c"hmac(md5)",
        AUTH_SHA1 => c"hmac(sha1)",
        AUTH_SHA2_256 => c"hmac(sha256)",
        _ => return None,
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
