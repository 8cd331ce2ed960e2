// SPDX-License-Identifier: GPL-2.0-only

//! Numbers, and the names that /etc/protocols and /etc/services give to some of them.

use std::fs;

use klips_core::addr::{parse_number, NumberError};

/// The file with the protocol names.
const PROTOCOLS: &str = "/etc/protocols";
/// The file with the service names.
const SERVICES: &str = "/etc/services";

/// Names that work without the files, which a small system may not have.
const WELL_KNOWN: &str =
    "icmp 1 ICMP\nigmp 2\nipencap 4\ntcp 6 TCP\nudp 17 UDP\nipv6 41\ngre 47 GRE\nesp 50 ESP\n\
                          ah 51 AH\nipv6-icmp 58 icmp6\nsctp 132 SCTP\nudplite 136\n";

/// Transport protocols with ports.
pub(crate) const TCP: u8 = 6;
/// The other one.
pub(crate) const UDP: u8 = 17;

/// Why a text names no number of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// Neither a number nor a known name.
    Unknown,
    /// A number, but too large.
    OutOfRange,
}

/// The number that `text` is; `None` if it has to be a name.
fn number(text: &str) -> Result<Option<u32>, NameError> {
    match parse_number(text, None) {
        Ok(number) => Ok(Some(number)),
        Err(NumberError::Overflow | NumberError::HexTooLong) => Err(NameError::OutOfRange),
        Err(_) => Ok(None),
    }
}

/// The IP protocol called `text`.
///
/// # Errors
///
/// See [`NameError`].
pub(crate) fn protocol(text: &str) -> Result<u8, NameError> {
    if let Some(number) = number(text)? {
        return u8::try_from(number).map_err(|_| NameError::OutOfRange);
    }
    let file = fs::read_to_string(PROTOCOLS).unwrap_or_default();
    let known = [file.as_str(), WELL_KNOWN]
        .into_iter()
        .find_map(|table| look_up(table, text, |_| true));
    known
        .and_then(|number| number.parse().ok())
        .ok_or(NameError::Unknown)
}

/// The port of the service called `text` over `transport` (over anything if that is neither TCP nor UDP).
///
/// # Errors
///
/// See [`NameError`].
pub(crate) fn port(text: &str, transport: Option<u8>) -> Result<u16, NameError> {
    if let Some(number) = number(text)? {
        return u16::try_from(number).map_err(|_| NameError::OutOfRange);
    }
    let file = fs::read_to_string(SERVICES).unwrap_or_default();
    port_in(&file, text, transport)
}

fn port_in(table: &str, text: &str, transport: Option<u8>) -> Result<u16, NameError> {
    let fits = |entry: &str| match transport {
        Some(TCP) => entry.ends_with("/tcp"),
        Some(UDP) => entry.ends_with("/udp"),
        _ => true,
    };
    let entry = look_up(table, text, fits).ok_or(NameError::Unknown)?;
    let number = entry.split('/').next().unwrap_or(entry);
    number.parse().map_err(|_| NameError::Unknown)
}

/// The second field of the first line that has `name` in its first field or behind the second, and that `fits`.
fn look_up<'a>(table: &'a str, name: &str, fits: impl Fn(&str) -> bool) -> Option<&'a str> {
    table.lines().find_map(|line| {
        let mut fields = line.split('#').next()?.split_whitespace();
        let first = fields.next()?;
        let value = fields.next()?;
        let named = first == name || fields.any(|alias| alias == name);
        (named && fits(value)).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_by_name_and_number() {
        assert_eq!(protocol("udp"), Ok(17));
        assert_eq!(protocol("TCP"), Ok(6));
        assert_eq!(protocol("255"), Ok(255));
        assert_eq!(protocol("256"), Err(NameError::OutOfRange));
        assert_eq!(protocol("99999999999"), Err(NameError::OutOfRange));
        assert_eq!(protocol("no-such-protocol"), Err(NameError::Unknown));
    }

    #[test]
    fn services_by_name() {
        let table =
            "# name port\ndomain 53/tcp nameserver # alias\ndomain 53/udp\nboth 7/udp echo\n";
        assert_eq!(port_in(table, "nameserver", Some(TCP)), Ok(53));
        assert_eq!(
            port_in(table, "nameserver", Some(UDP)),
            Err(NameError::Unknown)
        );
        assert_eq!(port_in(table, "echo", None), Ok(7));
        assert_eq!(port("65535", None), Ok(65535));
        assert_eq!(port("65536", None), Err(NameError::OutOfRange));
    }
}
