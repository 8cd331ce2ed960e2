// SPDX-License-Identifier: GPL-2.0-only

//! What an eroute's SAID means for a packet.

use crate::said::{SaProto, Said, Shunt};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes through this SA and those grouped behind it.
    Protect(Said),
    /// A shunt decides.
    Shunt(Shunt),
    /// A magic SAID without meaning; the packet is discarded.
    UnknownShunt,
}

impl From<Said> for Verdict {
    #[inline]
    fn from(said: Said) -> Self {
        match (said.proto, Shunt::from_spi(said.spi)) {
            (SaProto::Int, Some(shunt)) => Self::Shunt(shunt),
            (SaProto::Int, None) => Self::UnknownShunt,
            _ => Self::Protect(said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_internal_saids_are_shunts() {
        let pass = Said::from_shunt(Shunt::Pass);
        assert_eq!(Verdict::from(pass), Verdict::Shunt(Shunt::Pass));
        let unknown = Said { spi: 0x1ff, ..pass };
        assert_eq!(Verdict::from(unknown), Verdict::UnknownShunt);
        let esp = Said {
            proto: SaProto::Esp,
            ..pass
        };
        assert_eq!(Verdict::from(esp), Verdict::Protect(esp));
    }
}
