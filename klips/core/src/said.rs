// SPDX-License-Identifier: GPL-2.0-only

//! SAIDs: the (destination, SPI, protocol) triple that names a security association, and the magic ones (shunts).

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

    /// The unspecified address of the same family as `like`.
    pub const fn any(like: &IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}
