// SPDX-License-Identifier: GPL-2.0-only

//! The policy of one socket: what key daemons give to the option `IP_IPSEC_POLICY` of the sockets that IKE goes through.
//!
//! It is the `sadb_x_policy` of the Linux dialect. Its extension type is not looked at: not every daemon fills it in.

use super::errno::Errno;
use super::layout::SocketPolicy;
use super::WORD;
use zerocopy::FromBytes;

/// The direction that a socket's policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the socket receives.
    In,
    /// What it sends.
    Out,
}

/// `IPSEC_POLICY_NONE`: no IPsec.
const NONE: u16 = 1;
/// `IPSEC_POLICY_ENTRUST`: whatever others say.
const ENTRUST: u16 = 3;
/// `IPSEC_POLICY_BYPASS`: no IPsec, whatever others say.
const BYPASS: u16 = 4;

/// The direction in which a socket is exempted from IPsec.
///
/// # Errors
///
/// `EINVAL` if the option is too short or its fields are out of range, `EOPNOTSUPP` for anything but exemptions.
pub fn exemption(option: &[u8]) -> Result<Direction, Errno> {
    let (policy, _) = SocketPolicy::read_from_prefix(option).map_err(|_| Errno::Einval)?;
    let said = usize::from(policy.head.len.get()).saturating_mul(WORD);
    if said > option.len() {
        return Err(Errno::Einval);
    }
    let direction = match policy.direction {
        1 => Direction::In,
        2 => Direction::Out,
        _ => return Err(Errno::Einval),
    };
    match policy.kind.get() {
        NONE | ENTRUST | BYPASS => Ok(direction),
        kind if kind > BYPASS => Err(Errno::Einval),
        _ => Err(Errno::Eopnotsupp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(words: u16, kind: u16, direction: u8) -> Vec<u8> {
        let mut bytes = words.to_ne_bytes().to_vec();
        bytes.extend(12_u16.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([direction, 0]);
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn exemptions_in_both_directions() {
        for kind in [NONE, ENTRUST, BYPASS] {
            assert_eq!(exemption(&option(2, kind, 1)), Ok(Direction::In));
            assert_eq!(exemption(&option(2, kind, 2)), Ok(Direction::Out));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let good = option(2, BYPASS, 2);
        for len in 0..good.len() {
            assert_eq!(exemption(&good[..len]), Err(Errno::Einval), "{len}");
        }
        assert_eq!(exemption(&option(3, BYPASS, 2)), Err(Errno::Einval));
        for direction in [0, 3, 255] {
            assert_eq!(exemption(&option(2, BYPASS, direction)), Err(Errno::Einval));
        }
        assert_eq!(exemption(&option(2, 5, 2)), Err(Errno::Einval));
        for kind in [0, 2] {
            assert_eq!(exemption(&option(2, kind, 2)), Err(Errno::Eopnotsupp));
        }
    }
}
