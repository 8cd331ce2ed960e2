// SPDX-License-Identifier: GPL-2.0-only

//! Networks: what the tools accept and how a listing prints them.

use super::parse::{dotted, split_once};
use super::{
    addr_bits, parse_addr, parse_addr_with, parse_number, Addr, AddrError, Family, NumberError,
};
use core::fmt;
use core::net::IpAddr;

/// A network as a person writes it: an address whose host bits are zero, and a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subnet {
    addr: IpAddr,
    len: u8,
}

/// Why a subnet was refused. `Display` gives the sentence that the tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetError {
    /// No slash.
    NoSlash,
    /// `0/0` says nothing about its family, and nothing else did.
    AmbiguousAny,
    /// The address part.
    Addr(AddrError),
    /// The prefix length.
    Number(NumberError),
    /// A prefix longer than the address.
    TooLong,
    /// A mask given as an address, with holes.
    BadMask,
}

impl fmt::Display for SubnetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "no / in subnet specification",
            Self::AmbiguousAny => "unknown address family with 0/0 subnet not allowed.",
            Self::Addr(error) => return error.fmt(f),
            Self::Number(error) => return error.fmt(f),
            Self::TooLong => "subnet mask bit count too large",
            Self::BadMask => "non-contiguous or otherwise erroneous mask",
        })
    }
}

impl Subnet {
    /// The network of `len` bits that `addr` is in; `None` if the address has fewer bits.
    pub fn new(addr: IpAddr, len: u8) -> Option<Self> {
        let family = Family::of(&addr);
        (len <= family.bits()).then(|| Self {
            addr: family.addr(addr_bits(&addr) & family.mask(len)),
            len,
        })
    }

    /// The network address, host bits zero.
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// Prefix length in bits.
    pub const fn prefix_len(&self) -> u8 {
        self.len
    }

    /// The family of the address.
    pub const fn family(&self) -> Family {
        Family::of(&self.addr)
    }

    /// The netmask as an address.
    pub fn mask(&self) -> IpAddr {
        let family = self.family();
        family.addr(family.mask(self.len))
    }

    /// Parses `address/bits` or `address/mask` with a numeric address; see [`Subnet::parse_with`].
    ///
    /// # Errors
    ///
    /// [`SubnetError`].
    pub fn parse(text: &str, family: Option<Family>) -> Result<Self, SubnetError> {
        Self::parse_with(text, family, |_, _| None)
    }

    /// Parses a subnet; names go through `resolve`.
    ///
    /// * `10.1.0.0/16`, `company.example/24`, `2001:db8::/32`: address and prefix length;
    /// * `10.1.0.0/255.255.0.0`: the mask as an address, IPv4 only;
    /// * `10.1/16`: trailing zero components of a dotted address may be left out;
    /// * `0/0`: everything, of the family asked for; `%default` the same, IPv4 if nothing was asked for.
    ///
    /// Host bits are cleared, so what is parsed is always a network.
    ///
    /// # Errors
    ///
    /// [`SubnetError`], with the sentence of the classic library.
    pub fn parse_with(
        text: &str,
        family: Option<Family>,
        resolve: impl FnOnce(&str, Family) -> Option<IpAddr>,
    ) -> Result<Self, SubnetError> {
        if text.is_empty() {
            return Err(SubnetError::Addr(AddrError::Empty));
        }
        if text == "%default" {
            return Ok(Self {
                addr: family.unwrap_or(Family::V4).any(),
                len: 0,
            });
        }
        let (addr, mask) = split_once(text, b'/').ok_or(SubnetError::NoSlash)?;
        if addr == "0" && mask == "0" {
            let family = family.ok_or(SubnetError::AmbiguousAny)?;
            return Ok(Self {
                addr: family.any(),
                len: 0,
            });
        }
        let addr = match dotted(addr, true) {
            Ok(v4) if family != Some(Family::V6) => IpAddr::V4(v4),
            _ => parse_addr_with(addr, family, resolve).map_err(SubnetError::Addr)?,
        };
        let len = prefix_len(mask, Family::of(&addr))?;
        Self::new(addr, len).ok_or(SubnetError::TooLong)
    }
}

fn prefix_len(mask: &str, family: Family) -> Result<u8, SubnetError> {
    match parse_number(mask, Some(10)) {
        Ok(len) => u8::try_from(len).map_err(|_| SubnetError::TooLong),
        Err(_)
            if family == Family::V4
                && (mask.bytes().any(|byte| byte == b'.') || mask.starts_with("0x")) =>
        {
            let mask = parse_addr(mask, Some(family)).map_err(SubnetError::Addr)?;
            contiguous_len(addr_bits(&mask), family).ok_or(SubnetError::BadMask)
        }
        Err(error) => Err(SubnetError::Number(error)),
    }
}

/// The prefix length of a mask, unless it has holes.
fn contiguous_len(mask: u128, family: Family) -> Option<u8> {
    let len = u8::try_from(mask.count_ones()).ok()?;
    (mask == family.mask(len)).then_some(len)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Addr(self.addr), self.len)
    }
}

/// A network as a listing prints it: any address with any mask, host bits and holes included.
///
/// A contiguous mask prints as its length, another one as an address: `10.0.0.0/255.0.255.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// Address, as it was given.
    pub addr: IpAddr,
    /// Mask of the same family.
    pub mask: IpAddr,
}

impl From<Subnet> for Net {
    fn from(subnet: Subnet) -> Self {
        Self {
            addr: subnet.addr,
            mask: subnet.mask(),
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match contiguous_len(addr_bits(&self.mask), Family::of(&self.mask)) {
            Some(len) => write!(f, "{}/{len}", Addr(self.addr)),
            None => write!(f, "{}/{}", Addr(self.addr), Addr(self.mask)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, SubnetError> {
        Subnet::parse(text, None).map(|subnet| subnet.to_string())
    }

    #[test]
    fn forms() {
        for (given, printed) in [
            ("10.1.0.0/16", "10.1.0.0/16"),
            ("10/8", "10.0.0.0/8"),
            ("10.1/16", "10.1.0.0/16"),
            ("10.1.2.3/16", "10.1.0.0/16"),
            ("10.1.0.0/255.255.0.0", "10.1.0.0/16"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4/32", "1.2.3.4/32"),
            ("%default", "0.0.0.0/0"),
            ("2001:db8:1::9/48", "2001:db8:1::/48"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse(given).as_deref(), Ok(printed), "{given}");
        }
        assert_eq!(
            Subnet::parse("0/0", Some(Family::V6)).unwrap().to_string(),
            "::/0"
        );
        assert_eq!(
            Subnet::parse("0/0", Some(Family::V4)).unwrap().to_string(),
            "0.0.0.0/0"
        );
    }

    #[test]
    fn sentences() {
        for (given, sentence) in [
            ("", "empty string"),
            ("10.0.0.0", "no / in subnet specification"),
            ("0/0", "unknown address family with 0/0 subnet not allowed."),
            ("10.0.0.0/33", "subnet mask bit count too large"),
            ("10.0.0.0/999", "subnet mask bit count too large"),
            ("::/129", "subnet mask bit count too large"),
            (
                "10.0.0.0/255.0.255.0",
                "non-contiguous or otherwise erroneous mask",
            ),
            ("10.0.0.0/", "empty string"),
            ("10.0.0.0/x", "non-digit in number"),
            ("1.2.3.256/24", "byte overflow in dotted-decimal address"),
            ("nowhere/24", "does not look numeric and name lookup failed"),
        ] {
            assert_eq!(parse(given).unwrap_err().to_string(), sentence, "{given}");
        }
        let error = Subnet::parse("2001:db8::/32", Some(Family::V4)).unwrap_err();
        assert_eq!(error.to_string(), "non-ipv6 address may not contain `:'");
    }

    #[test]
    fn names_resolve() {
        let answer = "192.0.2.77".parse().unwrap();
        let subnet = Subnet::parse_with("company.example/24", None, |_, _| Some(answer)).unwrap();
        assert_eq!(subnet.to_string(), "192.0.2.0/24");
    }

    #[test]
    fn listing_keeps_host_bits_and_holes() {
        let net = |addr: &str, mask: &str| {
            Net {
                addr: addr.parse().unwrap(),
                mask: mask.parse().unwrap(),
            }
            .to_string()
        };
        assert_eq!(net("10.1.2.3", "255.0.0.0"), "10.1.2.3/8");
        assert_eq!(net("10.0.0.0", "255.0.255.0"), "10.0.0.0/255.0.255.0");
        assert_eq!(net("0.0.0.0", "0.0.0.0"), "0.0.0.0/0");
        assert_eq!(net("2001:db8::", "ffff:ffff::"), "2001:db8::/32");
        assert_eq!(net("::", "ff02::1"), "::/ff02::1");
    }
}
