// SPDX-License-Identifier: GPL-2.0-only

//! Addresses as text: how the listings print them and what the tools accept.

mod number;
mod parse;
mod subnet;

pub(crate) use parse::split_once;

pub use number::{parse_number, NumberError};
pub use parse::{parse_addr, parse_addr_with, AddrError};
pub use subnet::{Net, Subnet, SubnetError};

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

/// An address family. IPv4 sorts before IPv6, as in every listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4, `inet`.
    V4,
    /// IPv6, `inet6`.
    V6,
}

impl Family {
    /// The family of an address.
    #[inline]
    pub const fn of(addr: &IpAddr) -> Self {
        match addr {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Length of an address in bits.
    #[inline]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The unspecified address.
    #[inline]
    pub const fn any(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Self::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    /// The address whose numeric value is `bits`; for IPv4 the low 32 bits count.
    #[inline]
    pub fn addr(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => {
                let [.., a, b, c, d] = bits.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            Self::V6 => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }

    /// The netmask of `len` leading one bits; a longer `len` counts as the whole address.
    #[inline]
    pub fn mask(self, len: u8) -> u128 {
        let host_bits = self.bits().saturating_sub(len);
        let ones = u128::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);
        match self {
            Self::V4 => ones & u128::from(u32::MAX),
            Self::V6 => ones,
        }
    }
}

/// The numeric value of an address: IPv4 in the low 32 bits.
#[inline]
pub const fn addr_bits(addr: &IpAddr) -> u128 {
    match addr {
        // A const fn cannot call `u128::from`; from_be_bytes of the padded octets says the same.
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            u128::from_be_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])
        }
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// An address as KLIPS prints it.
///
/// IPv6 in lower case, leading zeros dropped, the *first* run of two or more zero groups squeezed to `::` (not the
/// longest one, as the standard library and RFC 5952 have it), never with an embedded dotted quad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr(pub IpAddr);

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                write!(f, "{a}.{b}.{c}.{d}")
            }
            IpAddr::V6(v6) => write_groups(f, &v6.segments()),
        }
    }
}

fn write_groups(f: &mut fmt::Formatter<'_>, groups: &[u16; 8]) -> fmt::Result {
    let squeezed = first_zero_run(groups);
    for (i, group) in groups.iter().enumerate() {
        if squeezed.contains(&i) {
            if i == squeezed.start {
                f.write_str("::")?;
            }
            continue;
        }
        if i != 0 && i != squeezed.end {
            f.write_str(":")?;
        }
        write!(f, "{group:x}")?;
    }
    Ok(())
}

/// The first run of at least two zero groups; an empty range past the end if there is none.
fn first_zero_run(groups: &[u16; 8]) -> Range<usize> {
    let mut start = 0;
    let mut len: usize = 0;
    for (i, group) in groups.iter().enumerate() {
        if *group == 0 {
            if len == 0 {
                start = i;
            }
            len = len.saturating_add(1);
        } else if len >= 2 {
            break;
        } else {
            len = 0;
        }
    }
    if len >= 2 {
        start..start.saturating_add(len)
    } else {
        usize::MAX..usize::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(text: &str) -> String {
        Addr(text.parse().unwrap()).to_string()
    }

    #[test]
    fn ipv6_squeezes_the_first_run() {
        for (given, printed) in [
            ("::", "::"),
            ("::1", "::1"),
            ("1::", "1::"),
            ("2001:DB8::1", "2001:db8::1"),
            ("1:0:0:2:0:0:0:3", "1::2:0:0:0:3"),
            ("1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"),
            ("0:0:1:0:0:0:0:0", "::1:0:0:0:0:0"),
            ("0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"),
            ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
            ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"),
            ("::ffff:192.0.2.1", "::ffff:c000:201"),
            ("3058:4::5", "3058:4::5"),
        ] {
            assert_eq!(print(given), printed, "{given}");
        }
    }

    #[test]
    fn ipv4_is_dotted() {
        assert_eq!(print("192.0.2.255"), "192.0.2.255");
        assert_eq!(print("0.0.0.0"), "0.0.0.0");
    }

    #[test]
    fn bits_and_back() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "10.1.2.3",
            "::",
            "2001:db8::9",
        ] {
            let addr: IpAddr = text.parse().unwrap();
            assert_eq!(Family::of(&addr).addr(addr_bits(&addr)), addr);
        }
    }

    #[test]
    fn masks() {
        assert_eq!(Family::V4.mask(0), 0);
        assert_eq!(Family::V4.mask(8), 0xff00_0000);
        assert_eq!(Family::V4.mask(32), 0xffff_ffff);
        assert_eq!(Family::V4.mask(200), 0xffff_ffff);
        assert_eq!(Family::V6.mask(0), 0);
        assert_eq!(Family::V6.mask(1), 1 << 127);
        assert_eq!(Family::V6.mask(128), u128::MAX);
    }
}
