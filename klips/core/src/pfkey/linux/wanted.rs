// SPDX-License-Identifier: GPL-2.0-only

//! ACQUIRE as a kernel says it: which SA a policy wants, and the algorithms to choose from.

use core::net::IpAddr;

use super::compose::{self, Message};
use super::ext::{Alg, Endpoint};
use super::message::Acquire;
use super::policy::{Policy, Templates};
use super::types::{Action, Direction, SaType, AUTH_NULL, ENC_NULL};
use crate::pfkey::build::Origin;
use crate::pfkey::ext::Proposal;
use crate::pfkey::layout::Comb;
use crate::sa::alg::{authenticates_itself, ENC_3DES, ENC_AES};

/// An SA that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its type.
    pub satype: SaType,
    /// Its source.
    pub src: IpAddr,
    /// Its destination.
    pub dst: IpAddr,
    /// The number of the policy.
    pub policy: u32,
    /// The priority of the policy.
    pub priority: u32,
}

/// The most combinations of a proposal. With them a message has less than 4096 bytes, which is what clients have room for.
pub const MAX_COMBS: usize = 48;

/// Packets in the replay window that is proposed.
const REPLAY: u8 = 32;
/// Seconds after which an SA is to end, and after which there is to be another one: since it was made, since it was used.
const HARD_ADDTIME: u64 = 86_400;
const SOFT_ADDTIME: u64 = 72_000;
const HARD_USETIME: u64 = 28_800;
const SOFT_USETIME: u64 = 25_200;

/// The message, to be answered under `seq`; `auth` and `encrypt` are what the kernel has.
///
/// # Errors
///
/// [`NoRoom`](crate::pfkey::build::NoRoom) if `buf` is too small.
pub fn acquire<'b>(
    buf: &'b mut [u8],
    seq: u32,
    wanted: &Wanted,
    auth: &[Alg],
    encrypt: &[Alg],
) -> Message<'b> {
    let end = |addr| Endpoint {
        proto: 0,
        ..Endpoint::whole(addr)
    };
    let acquire = Acquire {
        satype: wanted.satype.number(),
        src: end(wanted.src),
        dst: end(wanted.dst),
        policy: Some(Policy {
            action: Action::Ipsec,
            direction: Direction::Out.number(),
            id: wanted.policy,
            priority: wanted.priority,
            templates: Templates::NONE,
        }),
        proposal: Some(Proposal {
            replay: REPLAY,
            combs: &[],
        }),
    };
    let combs = combs(wanted.satype, auth, encrypt);
    compose::acquire(buf, Origin::kernel(seq), &acquire, combs)
}

/// The combinations for an SA of this type.
fn combs<'a>(
    satype: SaType,
    auth: &'a [Alg],
    encrypt: &'a [Alg],
) -> impl Iterator<Item = Comb> + Clone + 'a {
    (0..MAX_COMBS).map_while(move |n| nth(satype, auth, encrypt, n))
}

/// The `n`th combination; those with AES come first. What does nothing is not proposed.
fn nth(satype: SaType, auth: &[Alg], encrypt: &[Alg], n: usize) -> Option<Comb> {
    let auths = || auth.iter().filter(|alg| alg.id != AUTH_NULL);
    if satype != SaType::Esp {
        let mut auths = auths().filter(|_| satype == SaType::Ah);
        return auths.nth(n).map(|auth| comb(Some(auth), None));
    }
    let many = auths().fold(0_usize, |count, _| count.saturating_add(1));
    let mut left = n;
    for aes in [true, false] {
        for cipher in encrypt.iter().filter(|alg| (alg.id == ENC_AES) == aes) {
            if cipher.id == ENC_NULL || is_listed_twice(cipher) {
                continue;
            }
            let alone = authenticates_itself(cipher.id);
            let count = if alone { 1 } else { many };
            let Some(further) = left.checked_sub(count) else {
                let auth = auths().nth(left).filter(|_| !alone);
                return Some(comb(auth, Some(cipher)));
            };
            left = further;
        }
    }
    None
}

/// 3DES is there once more, with the bits of its key that count.
const fn is_listed_twice(alg: &Alg) -> bool {
    alg.id == ENC_3DES && alg.min_bits == 168
}

fn comb(auth: Option<&Alg>, encrypt: Option<&Alg>) -> Comb {
    let of = |alg: Option<&Alg>| alg.map_or((0, 0, 0), |alg| (alg.id, alg.min_bits, alg.max_bits));
    let (auth, auth_min, auth_max) = of(auth);
    let (encrypt, encrypt_min, encrypt_max) = of(encrypt);
    Comb {
        auth,
        encrypt,
        auth_minbits: auth_min.into(),
        auth_maxbits: auth_max.into(),
        encrypt_minbits: encrypt_min.into(),
        encrypt_maxbits: encrypt_max.into(),
        hard_addtime: HARD_ADDTIME.into(),
        soft_addtime: SOFT_ADDTIME.into(),
        hard_usetime: HARD_USETIME.into(),
        soft_usetime: SOFT_USETIME.into(),
        ..Comb::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pfkey::envelope;
    use crate::pfkey::linux::{message, Message};
    use crate::sa::alg::supported;
    use crate::said::SaProto;

    fn algs(list: &[crate::sa::alg::Supported]) -> Vec<Alg> {
        let form = |alg: &crate::sa::alg::Supported| Alg {
            id: alg.id,
            iv_len: alg.iv_bits / 8,
            min_bits: alg.min_bits,
            max_bits: alg.max_bits,
        };
        list.iter().map(form).collect()
    }

    fn pairs(satype: SaType) -> Vec<(u8, u8)> {
        let (auth, encrypt) = supported(SaProto::Esp);
        let mut auth = algs(auth);
        auth.push(Alg {
            id: AUTH_NULL,
            ..auth[0]
        });
        let encrypt = algs(encrypt);
        (0..)
            .map_while(|n| nth(satype, &auth, &encrypt, n))
            .map(|comb| (comb.auth, comb.encrypt))
            .collect()
    }

    #[test]
    fn combinations_are_there_once_and_make_sense() {
        let mut esp = pairs(SaType::Esp);
        assert_eq!(esp[0].1, ENC_AES);
        for (auth, encrypt) in &esp {
            assert_eq!(*auth == 0, authenticates_itself(*encrypt), "{encrypt}");
            assert!(*auth != AUTH_NULL && *encrypt != ENC_NULL && *encrypt != 0);
        }
        let count = esp.len();
        esp.sort_unstable();
        esp.dedup();
        assert_eq!(esp.len(), count);
        let ah = pairs(SaType::Ah);
        assert_eq!(ah.len(), supported(SaProto::Ah).0.len());
        assert!(ah.iter().all(|(_, encrypt)| *encrypt == 0));
        assert_eq!(pairs(SaType::IpComp), []);
    }

    #[test]
    fn the_largest_one_fits_where_clients_put_it() {
        let (auth, encrypt) = supported(SaProto::Esp);
        let (auth, encrypt) = (algs(auth), algs(encrypt));
        let wanted = Wanted {
            satype: SaType::Esp,
            src: "2001:db8::1".parse().unwrap(),
            dst: "2001:db8::2".parse().unwrap(),
            policy: 17,
            priority: 5,
        };
        let mut buf = [0xa5; crate::pfkey::MAX_REPLY];
        let bytes = acquire(&mut buf, 7, &wanted, &auth, &encrypt).unwrap();
        assert!(bytes.len() < 4096);
        let envelope = envelope::open(bytes).unwrap();
        assert_eq!(
            (envelope.header().seq.get(), envelope.header().pid.get()),
            (7, 0)
        );
        let Ok(Message::Acquire(told)) = message(&envelope) else {
            panic!("not understood");
        };
        assert_eq!(
            (told.src.addr, told.src.prefix_len, told.src.proto),
            (wanted.src, 128, 0)
        );
        assert_eq!((told.dst.addr, told.dst.port), (wanted.dst, 0));
        let policy = told.policy.unwrap();
        assert_eq!((policy.id, policy.priority, policy.direction), (17, 5, 2));
        assert!(policy.action == Action::Ipsec && policy.templates.is_empty());
        let proposal = told.proposal.unwrap();
        assert_eq!((proposal.replay, proposal.combs().count()), (32, MAX_COMBS));
        let first = proposal.combs().next().unwrap();
        let times = [
            first.hard_addtime,
            first.soft_addtime,
            first.hard_usetime,
            first.soft_usetime,
        ];
        assert_eq!(
            times.map(|time| time.get()),
            [86_400, 72_000, 28_800, 25_200]
        );
        assert_eq!(
            (first.encrypt_minbits.get(), first.encrypt_maxbits.get()),
            (128, 256)
        );
    }
}
