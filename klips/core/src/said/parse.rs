// SPDX-License-Identifier: GPL-2.0-only

//! SAIDs from text, as a person types them.

use super::{SaProto, Said, Shunt};
use crate::addr::{parse_addr_with, parse_number, split_once, AddrError, Family, NumberError};
use core::fmt;
use core::net::IpAddr;

/// The shortest text that can be a SAID: `ah0@0`.
const MIN_LEN: usize = 5;

/// Why a SAID was refused. `Display` gives the sentence that the tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidError {
    /// Nothing there.
    Empty,
    /// Fewer than five characters.
    TooShort,
    /// A `%` word that names no shunt.
    UnknownKeyword,
    /// No `@`.
    NoAt,
    /// Starts with none of `ah`, `esp`, `tun`, `comp`, `int`.
    NoProtocol,
    /// The `@` follows the protocol.
    NoSpi,
    /// The `@` follows the family mark behind the protocol.
    NoSpiFound,
    /// The SPI is no number.
    Spi(NumberError),
    /// What follows the `@` is no address.
    Addr(AddrError),
}

impl fmt::Display for SaidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty string",
            Self::TooShort => "string too short to be SA identifier",
            Self::UnknownKeyword => "unknown % keyword",
            Self::NoAt => "no @ in SA specifier",
            Self::NoProtocol => "SA specifier lacks valid protocol prefix",
            Self::NoSpi => "no SPI in SA specifier",
            Self::NoSpiFound => "no SPI found in SA specifier",
            Self::Spi(error) => return error.fmt(f),
            Self::Addr(error) => return error.fmt(f),
        })
    }
}

impl Said {
    /// Parses a SAID with a numeric address; see [`Said::parse_with`].
    ///
    /// # Errors
    ///
    /// [`SaidError`].
    pub fn parse(text: &str) -> Result<Self, SaidError> {
        Self::parse_with(text, |_, _| None)
    }

    /// Parses a SAID; a name after the `@` goes through `resolve`.
    ///
    /// * `esp.1234@192.0.2.1`, `esp:1234@2001:db8::1`: hexadecimal SPI, the mark says which family;
    /// * `esp0x1234@…`, `esp4660@…`: SPI in the base that its prefix tells, family by the look of the address;
    /// * `%pass`, `%drop`, `%reject`, `%hold`, `%trap`, `%trapsubnet`: the shunts, in their IPv4 form;
    /// * `%passthrough`, `%passthrough4`, `%passthrough6`: an obsolete way to say pass.
    ///
    /// # Errors
    ///
    /// [`SaidError`], with the sentence of the classic library.
    pub fn parse_with(
        text: &str,
        resolve: impl FnOnce(&str, Family) -> Option<IpAddr>,
    ) -> Result<Self, SaidError> {
        if text.is_empty() {
            return Err(SaidError::Empty);
        }
        if text.len() < MIN_LEN {
            return Err(SaidError::TooShort);
        }
        if text.starts_with('%') {
            return keyword(text).ok_or(SaidError::UnknownKeyword);
        }
        let (name, addr) = split_once(text, b'@').ok_or(SaidError::NoAt)?;
        let (proto, spi) = protocol(name).ok_or(SaidError::NoProtocol)?;
        let (spi, family) = parse_spi(spi)?;
        let dst = parse_addr_with(addr, family, resolve).map_err(SaidError::Addr)?;
        Ok(Self { dst, spi, proto })
    }
}

fn keyword(word: &str) -> Option<Said> {
    const SHUNTS: [Shunt; 6] = [
        Shunt::Pass,
        Shunt::Drop,
        Shunt::Reject,
        Shunt::Hold,
        Shunt::Trap,
        Shunt::TrapSubnet,
    ];
    let passthrough = |family: Family| Said {
        dst: family.any(),
        spi: 0,
        proto: SaProto::Ipip,
    };
    match word {
        "%passthrough" | "%passthrough4" => Some(passthrough(Family::V4)),
        "%passthrough6" => Some(passthrough(Family::V6)),
        _ => SHUNTS
            .into_iter()
            .find(|shunt| shunt.name() == word)
            .map(Said::from_shunt),
    }
}

fn protocol(name: &str) -> Option<(SaProto, &str)> {
    [
        SaProto::Ah,
        SaProto::Esp,
        SaProto::Ipip,
        SaProto::Comp,
        SaProto::Int,
    ]
    .into_iter()
    .find_map(|proto| Some((proto, name.strip_prefix(proto.prefix())?)))
}

/// The SPI, and the family if the text marks one.
fn parse_spi(text: &str) -> Result<(u32, Option<Family>), SaidError> {
    if text.is_empty() {
        return Err(SaidError::NoSpi);
    }
    let (digits, family) = if let Some(digits) = text.strip_prefix('.') {
        (digits, Some(Family::V4))
    } else if let Some(digits) = text.strip_prefix(':') {
        (digits, Some(Family::V6))
    } else {
        (text, None)
    };
    if digits.is_empty() {
        return Err(SaidError::NoSpiFound);
    }
    let spi = parse_number(digits, family.map(|_| 16)).map_err(SaidError::Spi)?;
    Ok((spi, family))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(text: &str) -> String {
        Said::parse(text).unwrap().to_string()
    }

    #[test]
    fn one_sa_many_spellings() {
        for text in [
            "esp0x1234@192.0.2.1",
            "esp.1234@192.0.2.1",
            "esp4660@192.0.2.1",
            "esp011064@192.0.2.1",
        ] {
            assert_eq!(listing(text), "esp0x1234@192.0.2.1", "{text}");
        }
        assert_eq!(listing("esp1234@192.0.2.1"), "esp0x4d2@192.0.2.1");
        assert_eq!(listing("tun:130@3058:4::5"), "tun0x130@3058:4::5");
        assert_eq!(listing("tun0x130@3058:4::5"), "tun0x130@3058:4::5");
        assert_eq!(listing("comp0xa1@10.0.0.1"), "comp0xa1@10.0.0.1");
    }

    #[test]
    fn keywords() {
        for name in ["%pass", "%drop", "%reject", "%hold", "%trap", "%trapsubnet"] {
            let said = Said::parse(name).unwrap();
            assert_eq!(said.to_string(), name);
            assert_eq!(said.dst, Family::V4.any());
        }
        assert_eq!(listing("%passthrough"), "%passthrough4");
        assert_eq!(listing("%passthrough6"), "%passthrough6");
    }

    #[test]
    fn sentences() {
        for (given, sentence) in [
            ("", "empty string"),
            ("ah@0", "string too short to be SA identifier"),
            ("%nope", "unknown % keyword"),
            ("esp0x1234", "no @ in SA specifier"),
            (
                "xsp0x1234@1.2.3.4",
                "SA specifier lacks valid protocol prefix",
            ),
            ("esp@1.2.3.4", "no SPI in SA specifier"),
            ("esp.@1.2.3.4", "no SPI found in SA specifier"),
            ("esp.xyz@1.2.3.4", "non-hex digit in hex number"),
            ("esp12x@1.2.3.4", "non-digit in number"),
            ("esp0x123456789@1.2.3.4", "hex number too long"),
            ("esp4294967296@1.2.3.4", "unsigned-long overflow"),
            (
                "esp0x1@1.2.3.300",
                "byte overflow in dotted-decimal address",
            ),
            (
                "esp0x1@gw.example",
                "does not look numeric and name lookup failed",
            ),
            ("esp0x1@a b", "illegal (non-DNS-name) character in name"),
            ("esp0x1@::zz", "non-hex field in IPv6 numeric address"),
            ("esp.1@::1", "non-ipv6 address may not contain `:'"),
            ("esp0x1@", "empty string"),
        ] {
            assert_eq!(
                Said::parse(given).unwrap_err().to_string(),
                sentence,
                "{given}"
            );
        }
    }

    #[test]
    fn names_resolve() {
        let answer = "192.0.2.9".parse().unwrap();
        let said = Said::parse_with("esp0x200@gw.example", |_, _| Some(answer)).unwrap();
        assert_eq!(said.to_string(), "esp0x200@192.0.2.9");
    }
}
