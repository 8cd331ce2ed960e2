// SPDX-License-Identifier: GPL-2.0-only

//! SAIDs: the (destination, SPI, protocol) triple that names a security association, and the magic ones (shunts).

mod parse;

pub use parse::SaidError;

use crate::addr::{addr_bits, Addr, Family};
use crate::hash::{high, low, mix};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The protocol of a SAID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SaProto {
    /// Authentication Header, IP protocol 51, satype 2.
    Ah,
    /// Encapsulating Security Payload, IP protocol 50, satype 3.
    Esp,
    /// IP in IP (any family in any family), IP protocol 4, satype 9.
    Ipip,
    /// IP payload compression, IP protocol 108, satype 10.
    Comp,
    /// Internal: the magic SAIDs, IP protocol 61, satype 11.
    Int,
}

impl SaProto {
    /// IP protocol number.
    pub const fn ip_proto(self) -> u8 {
        match self {
            Self::Ah => 51,
            Self::Esp => 50,
            Self::Ipip => 4,
            Self::Comp => 108,
            Self::Int => 61,
        }
    }

    /// PF_KEY satype.
    pub const fn satype(self) -> u8 {
        match self {
            Self::Ah => 2,
            Self::Esp => 3,
            Self::Ipip => 9,
            Self::Comp => 10,
            Self::Int => 11,
        }
    }

    /// The protocol of a PF_KEY satype, if it names one.
    pub const fn from_satype(satype: u8) -> Option<Self> {
        match satype {
            2 => Some(Self::Ah),
            3 => Some(Self::Esp),
            9 => Some(Self::Ipip),
            10 => Some(Self::Comp),
            11 => Some(Self::Int),
            _ => None,
        }
    }

    /// The protocol of an IP protocol number, if SAs have it.
    pub const fn from_ip_proto(proto: u8) -> Option<Self> {
        match proto {
            51 => Some(Self::Ah),
            50 => Some(Self::Esp),
            4 => Some(Self::Ipip),
            108 => Some(Self::Comp),
            61 => Some(Self::Int),
            _ => None,
        }
    }

    /// The prefix in SAID text: `ah`, `esp`, `tun`, `comp`, `int`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Ah => "ah",
            Self::Esp => "esp",
            Self::Ipip => "tun",
            Self::Comp => "comp",
            Self::Int => "int",
        }
    }
}

/// The name of a security association. `spi` is in host byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said {
    /// Destination address of the outer packet.
    pub dst: IpAddr,
    /// Security parameter index, host byte order.
    pub spi: u32,
    /// Protocol.
    pub proto: SaProto,
}

/// What a magic SAID does to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shunt {
    /// Send in clear.
    Pass,
    /// Discard silently.
    Drop,
    /// Discard with an ICMP error.
    Reject,
    /// Queue the first and last packet and wait for a replace.
    Hold,
    /// ACQUIRE, then a host-pair hold.
    Trap,
    /// ACQUIRE, then the whole eroute becomes a hold.
    TrapSubnet,
}

impl Shunt {
    /// The magic SPI of this shunt (256..=261).
    pub const fn spi(self) -> u32 {
        match self {
            Self::Pass => 256,
            Self::Drop => 257,
            Self::Reject => 258,
            Self::Hold => 259,
            Self::Trap => 260,
            Self::TrapSubnet => 261,
        }
    }

    /// The shunt of a magic SPI.
    pub const fn from_spi(spi: u32) -> Option<Self> {
        match spi {
            256 => Some(Self::Pass),
            257 => Some(Self::Drop),
            258 => Some(Self::Reject),
            259 => Some(Self::Hold),
            260 => Some(Self::Trap),
            261 => Some(Self::TrapSubnet),
            _ => None,
        }
    }

    /// `%pass` and so on.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "%pass",
            Self::Drop => "%drop",
            Self::Reject => "%reject",
            Self::Hold => "%hold",
            Self::Trap => "%trap",
            Self::TrapSubnet => "%trapsubnet",
        }
    }
}

impl Said {
    /// The SAID of a shunt, in its IPv4 form.
    pub const fn from_shunt(shunt: Shunt) -> Self {
        Self {
            dst: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            spi: shunt.spi(),
            proto: SaProto::Int,
        }
    }

    /// The shunt that this SAID names, if it is one of the known magic ones.
    pub const fn shunt(&self) -> Option<Shunt> {
        match self.proto {
            SaProto::Int => Shunt::from_spi(self.spi),
            _ => None,
        }
    }

    /// A hash for the caller's table, fast rather than strong.
    ///
    /// SPIs are chosen by whoever receives, so a secret `seed` is wanted where peers may flood a table.
    #[inline]
    pub fn hash64(&self, seed: u64) -> u64 {
        let bits = addr_bits(&self.dst);
        let name = (u64::from(self.proto.ip_proto()) << 32) | u64::from(self.spi);
        let hash = mix(mix(seed, name), low(bits));
        match Family::of(&self.dst) {
            Family::V4 => hash,
            Family::V6 => mix(hash, high(bits)),
        }
    }

    /// The unspecified address of the same family as `like`.
    pub const fn any(like: &IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// Format `x`, that of every `/proc` file: `esp0x1234@192.0.2.1`.
///
/// Magic SAIDs print their name, an unknown one `%unk-<spi>`. A tunnel without SPI and address prints as the obsolete
/// `%passthrough4` or `%passthrough6`.
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.proto, self.dst) {
            (SaProto::Int, _) => match Shunt::from_spi(self.spi) {
                Some(shunt) => f.write_str(shunt.name()),
                None => write!(f, "%unk-{}", self.spi),
            },
            (SaProto::Ipip, IpAddr::V4(Ipv4Addr::UNSPECIFIED)) if self.spi == 0 => {
                f.write_str("%passthrough4")
            }
            (SaProto::Ipip, IpAddr::V6(Ipv6Addr::UNSPECIFIED)) if self.spi == 0 => {
                f.write_str("%passthrough6")
            }
            _ => write!(
                f,
                "{}0x{:x}@{}",
                self.proto.prefix(),
                self.spi,
                Addr(self.dst)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(proto: SaProto, spi: u32, dst: &str) -> String {
        let dst = dst.parse().unwrap();
        Said { dst, spi, proto }.to_string()
    }

    #[test]
    fn listing_form() {
        assert_eq!(
            said(SaProto::Esp, 0x1234, "192.0.2.1"),
            "esp0x1234@192.0.2.1"
        );
        assert_eq!(
            said(SaProto::Ipip, 0x130, "3058:4::5"),
            "tun0x130@3058:4::5"
        );
        assert_eq!(said(SaProto::Ah, 0xffff_ffff, "::1"), "ah0xffffffff@::1");
        assert_eq!(said(SaProto::Comp, 0xa1, "10.0.0.1"), "comp0xa1@10.0.0.1");
        assert_eq!(said(SaProto::Ipip, 0, "10.0.0.1"), "tun0x0@10.0.0.1");
    }

    #[test]
    fn magic_forms() {
        assert_eq!(said(SaProto::Int, 256, "0.0.0.0"), "%pass");
        assert_eq!(said(SaProto::Int, 261, "::"), "%trapsubnet");
        assert_eq!(said(SaProto::Int, 262, "0.0.0.0"), "%unk-262");
        assert_eq!(said(SaProto::Ipip, 0, "0.0.0.0"), "%passthrough4");
        assert_eq!(said(SaProto::Ipip, 0, "::"), "%passthrough6");
    }

    #[test]
    fn hash_depends_on_every_field() {
        let name = |text| Said::parse(text).unwrap().hash64(7);
        let all = [
            name("esp0x100@10.0.0.1"),
            name("esp0x101@10.0.0.1"),
            name("ah0x100@10.0.0.1"),
            name("esp0x100@10.0.0.2"),
            name("esp0x100@2001:db8::1"),
            name("esp0x100@2001:db9::1"),
            Said::parse("esp0x100@10.0.0.1").unwrap().hash64(8),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b), "{i}");
        }
    }

    #[test]
    fn protocol_numbers_agree() {
        for proto in [
            SaProto::Ah,
            SaProto::Esp,
            SaProto::Ipip,
            SaProto::Comp,
            SaProto::Int,
        ] {
            assert_eq!(SaProto::from_satype(proto.satype()), Some(proto));
            assert_eq!(SaProto::from_ip_proto(proto.ip_proto()), Some(proto));
        }
    }
}
