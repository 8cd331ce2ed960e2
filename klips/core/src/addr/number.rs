// SPDX-License-Identifier: GPL-2.0-only

//! Numbers in SAIDs and subnets, with the classic error sentences.

use core::fmt;

/// Why a number was refused. `Display` gives the sentence that the tools print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Nothing there.
    Empty,
    /// A character that is no hexadecimal digit.
    NonHexDigit,
    /// A character that is no digit of the base.
    NonDigit,
    /// More than 32 bits in hexadecimal.
    HexTooLong,
    /// More than 32 bits in octal or decimal.
    Overflow,
}

impl fmt::Display for NumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty string",
            Self::NonHexDigit => "non-hex digit in hex number",
            Self::NonDigit => "non-digit in number",
            Self::HexTooLong => "hex number too long",
            Self::Overflow => "unsigned-long overflow",
        })
    }
}

/// Parses a number of at most 32 bits.
///
/// `base` is at most 16; `None` tells the base by the prefix: `0x` hexadecimal, `0` octal, else decimal. Unlike the
/// standard library's parser it takes no sign.
///
/// # Errors
///
/// [`NumberError`], with the sentence of the classic library.
pub fn parse_number(text: &str, base: Option<u32>) -> Result<u32, NumberError> {
    let (digits, base) = match base {
        Some(base) => (text, base),
        None => detect_base(text),
    };
    if digits.is_empty() {
        return Err(NumberError::Empty);
    }
    let mut value = Some(0_u32);
    for byte in digits.bytes() {
        let digit = digit(byte, base).ok_or(if base == 16 {
            NumberError::NonHexDigit
        } else {
            NumberError::NonDigit
        })?;
        // A wrong digit further on is worth more to tell than the overflow.
        value = value
            .and_then(|value| value.checked_mul(base))
            .and_then(|value| value.checked_add(digit));
    }
    value.ok_or(if base == 16 {
        NumberError::HexTooLong
    } else {
        NumberError::Overflow
    })
}

/// The value of a digit. Like `char::to_digit`, which panics on a base that it does not know.
fn digit(byte: u8, base: u32) -> Option<u32> {
    let value = match byte {
        b'0'..=b'9' => byte.wrapping_sub(b'0'),
        b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
        b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
        _ => return None,
    };
    let value = u32::from(value);
    (value < base).then_some(value)
}

fn detect_base(text: &str) -> (&str, u32) {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        (hex, 16)
    } else if text.len() > 1 && text.starts_with("0") {
        (text, 8)
    } else {
        (text, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        assert_eq!(parse_number("4660", None), Ok(4660));
        assert_eq!(parse_number("0x1234", None), Ok(4660));
        assert_eq!(parse_number("0XfFfFfFfF", None), Ok(u32::MAX));
        assert_eq!(parse_number("0x0000000000001", None), Ok(1));
        assert_eq!(parse_number("010", None), Ok(8));
        assert_eq!(parse_number("0", None), Ok(0));
        assert_eq!(parse_number("010", Some(10)), Ok(10));
        assert_eq!(parse_number("1234", Some(16)), Ok(0x1234));
    }

    #[test]
    fn refusals() {
        assert_eq!(parse_number("", None), Err(NumberError::Empty));
        assert_eq!(parse_number("0x", None), Err(NumberError::Empty));
        assert_eq!(parse_number("0xg", None), Err(NumberError::NonHexDigit));
        assert_eq!(parse_number("08", None), Err(NumberError::NonDigit));
        assert_eq!(parse_number("+1", None), Err(NumberError::NonDigit));
        assert_eq!(parse_number("-1", None), Err(NumberError::NonDigit));
        assert_eq!(
            parse_number("0x100000000", None),
            Err(NumberError::HexTooLong)
        );
        assert_eq!(parse_number("4294967296", None), Err(NumberError::Overflow));
    }
}
