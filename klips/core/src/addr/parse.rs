// SPDX-License-Identifier: GPL-2.0-only

//! Addresses from text: numeric ones here, names through a resolver that the caller brings.

use super::{parse_number, Family, NumberError};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address was refused. `Display` gives the sentence that the tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddrError {
    /// Nothing there.
    Empty,
    /// Neither numeric nor a name that the resolver knows.
    NotNumericNotFound,
    /// A component above 255.
    ByteOverflow,
    /// Not four components separated by single dots.
    BadDotted,
    /// A character that no DNS name has.
    IllegalCharacter,
    /// A character between the colons that is no hexadecimal digit.
    NonHexField,
    /// Too many or too few fields, an overlong one, or `::` twice.
    BadColons,
    /// A colon where an IPv4 address is wanted.
    ColonInV4,
    /// A bad `0x` address.
    Number(NumberError),
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty string",
            Self::NotNumericNotFound => "does not look numeric and name lookup failed",
            Self::ByteOverflow => "byte overflow in dotted-decimal address",
            Self::BadDotted => "syntax error in dotted-decimal address",
            Self::IllegalCharacter => "illegal (non-DNS-name) character in name",
            Self::NonHexField => "non-hex field in IPv6 numeric address",
            Self::BadColons => "malformed IPv6 numeric address",
            Self::ColonInV4 => "non-ipv6 address may not contain `:'",
            Self::Number(error) => return error.fmt(f),
        })
    }
}

/// Parses a numeric address. Without a family, a colon makes it IPv6.
///
/// # Errors
///
/// As [`parse_addr_with`], whose resolver knows no name here.
pub fn parse_addr(text: &str, family: Option<Family>) -> Result<IpAddr, AddrError> {
    parse_addr_with(text, family, |_, _| None)
}

/// Parses a numeric address, or asks `resolve` for the address of a name.
///
/// `resolve` sees only text that can be a DNS name; an answer of the wrong family counts as none.
///
/// # Errors
///
/// [`AddrError`], with the sentence of the classic library.
pub fn parse_addr_with(
    text: &str,
    family: Option<Family>,
    resolve: impl FnOnce(&str, Family) -> Option<IpAddr>,
) -> Result<IpAddr, AddrError> {
    if text.is_empty() {
        return Err(AddrError::Empty);
    }
    let family = family.unwrap_or(if has_colon(text) {
        Family::V6
    } else {
        Family::V4
    });
    match numeric(text, family)? {
        Some(addr) => Ok(addr),
        None => lookup(text, family, resolve),
    }
}

/// The address if the text looks numeric at all; `None` if it can only be a name.
fn numeric(text: &str, family: Family) -> Result<Option<IpAddr>, AddrError> {
    match family {
        Family::V4 if has_colon(text) => Err(AddrError::ColonInV4),
        Family::V4 if text.starts_with("0x") || text.starts_with("0X") => {
            let bits = parse_number(text, None).map_err(AddrError::Number)?;
            Ok(Some(IpAddr::V4(Ipv4Addr::from_bits(bits))))
        }
        Family::V4 if text.bytes().all(|b| b == b'.' || b.is_ascii_digit()) => {
            dotted(text, false).map(|v4| Some(IpAddr::V4(v4)))
        }
        Family::V6 if has_colon(text) => colons(text).map(|v6| Some(IpAddr::V6(v6))),
        Family::V4 | Family::V6 => Ok(None),
    }
}

/// A dotted-decimal address; `abbreviated` lets trailing `.0` components be missing, as in `10/8`.
///
/// Leading zeros are decimal here: the text says bytes, not C constants.
pub(super) fn dotted(text: &str, abbreviated: bool) -> Result<Ipv4Addr, AddrError> {
    let mut octets = [0_u8; 4];
    let mut rest = Some(text);
    for octet in &mut octets {
        let Some(text) = rest else {
            return if abbreviated {
                Ok(Ipv4Addr::from(octets))
            } else {
                Err(AddrError::BadDotted)
            };
        };
        let part = match split_once(text, b'.') {
            Some((part, more)) => {
                rest = Some(more);
                part
            }
            None => {
                rest = None;
                text
            }
        };
        *octet = byte(part)?;
    }
    match rest {
        None => Ok(Ipv4Addr::from(octets)),
        Some(_) => Err(AddrError::BadDotted),
    }
}

fn byte(text: &str) -> Result<u8, AddrError> {
    match parse_number(text, Some(10)) {
        Ok(value) => u8::try_from(value).map_err(|_| AddrError::ByteOverflow),
        Err(NumberError::Overflow) => Err(AddrError::ByteOverflow),
        Err(_) => Err(AddrError::BadDotted),
    }
}

/// As the method of `str`, whose searcher has overflow checks that can panic.
pub(crate) fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let mut at: usize = 0;
    for byte in text.bytes() {
        let next = at.wrapping_add(1);
        if byte == separator {
            return Some((text.get(..at)?, text.get(next..)?));
        }
        at = next;
    }
    None
}

fn has_colon(text: &str) -> bool {
    text.bytes().any(|byte| byte == b':')
}

fn colons(text: &str) -> Result<Ipv6Addr, AddrError> {
    text.parse().map_err(|_| {
        if text
            .bytes()
            .all(|b| b == b':' || b == b'.' || b.is_ascii_hexdigit())
        {
            AddrError::BadColons
        } else {
            AddrError::NonHexField
        }
    })
}

fn lookup(
    name: &str,
    family: Family,
    resolve: impl FnOnce(&str, Family) -> Option<IpAddr>,
) -> Result<IpAddr, AddrError> {
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    {
        return Err(AddrError::IllegalCharacter);
    }
    resolve(name, family)
        .filter(|addr| Family::of(addr) == family)
        .ok_or(AddrError::NotNumericNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Result<IpAddr, AddrError> {
        parse_addr(text, Some(Family::V4))
    }

    fn v6(text: &str) -> Result<IpAddr, AddrError> {
        parse_addr(text, Some(Family::V6))
    }

    #[test]
    fn numeric_addresses() {
        assert_eq!(v4("192.0.2.1"), Ok("192.0.2.1".parse().unwrap()));
        assert_eq!(v4("010.0.0.1"), Ok("10.0.0.1".parse().unwrap()));
        assert_eq!(v4("0xc0000201"), Ok("192.0.2.1".parse().unwrap()));
        assert_eq!(v6("2001:DB8::1"), Ok("2001:db8::1".parse().unwrap()));
        assert_eq!(parse_addr("::1", None), Ok("::1".parse().unwrap()));
        assert_eq!(parse_addr("1.2.3.4", None), Ok("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn sentences() {
        assert_eq!(v4("").unwrap_err().to_string(), "empty string");
        assert_eq!(
            v4("1.2.3.256").unwrap_err().to_string(),
            "byte overflow in dotted-decimal address"
        );
        assert_eq!(v4("1.2.3"), Err(AddrError::BadDotted));
        assert_eq!(v4("1.2.3.4.5"), Err(AddrError::BadDotted));
        assert_eq!(v4("1..3.4"), Err(AddrError::BadDotted));
        assert_eq!(
            v4("::1").unwrap_err().to_string(),
            "non-ipv6 address may not contain `:'"
        );
        assert_eq!(
            v6("::g").unwrap_err().to_string(),
            "non-hex field in IPv6 numeric address"
        );
        assert_eq!(v6("1::2::3"), Err(AddrError::BadColons));
        assert_eq!(
            v4("no such").unwrap_err().to_string(),
            "illegal (non-DNS-name) character in name"
        );
        assert_eq!(
            v4("gw.example").unwrap_err().to_string(),
            "does not look numeric and name lookup failed"
        );
    }

    #[test]
    fn resolver_is_asked_for_names_only() {
        let answer: IpAddr = "192.0.2.7".parse().unwrap();
        let found = parse_addr_with("gw.example", None, |name, family| {
            assert_eq!((name, family), ("gw.example", Family::V4));
            Some(answer)
        });
        assert_eq!(found, Ok(answer));
        let refused = parse_addr_with("gw", Some(Family::V6), |_, _| Some(answer));
        assert_eq!(refused, Err(AddrError::NotNumericNotFound));
        let numeric = parse_addr_with("192.0.2.8", None, |_, _| {
            panic!("numeric text was resolved")
        });
        assert_eq!(numeric, Ok("192.0.2.8".parse().unwrap()));
    }
}
