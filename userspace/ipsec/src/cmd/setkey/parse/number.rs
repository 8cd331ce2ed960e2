// SPDX-License-Identifier: GPL-2.0-only

//! Numbers of a script: decimal, or hexadecimal behind `0x`.

use klips_core::pfkey::linux::types::REQID_MAX;
use klips_core::pfkey::linux::{Direction, Range, SaType};

use super::{Parser, Wrong};

/// The lowest SPI that is not reserved.
const SPI_MIN: u32 = 0x100;
/// The highest SPI of IPComp, which has two bytes for it.
const CPI_MAX: u32 = 0xffff;

/// The number that a text is.
pub(super) fn parse(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = digits.map_or((text, 10), |digits| (digits, 16));
    // The standard library takes a sign.
    let plain = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, radix).ok())?
}

impl Parser<'_, '_> {
    /// A number from `min` to `max`.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        what: &str,
        min: u64,
        max: u64,
    ) -> Result<T, Wrong> {
        let (place, word) = self.word(what)?;
        let number = parse(word).filter(|number| (min..=max).contains(number));
        number
            .and_then(|number| number.try_into().ok())
            .ok_or_else(|| {
                let why = format!("{what} is a number from {min} to {max}, which '{word}' is not");
                Wrong::at(place, why)
            })
    }

    /// The SPI of an SA. One that is to be made cannot have a reserved one.
    pub(super) fn spi(&mut self, satype: SaType, making: bool) -> Result<u32, Wrong> {
        let (place, word) = self.word("the SPI")?;
        spi(word, satype, making).map_err(|why| Wrong::at(place, why))
    }

    /// What GETSPI has to choose from: an SPI, two with a dash between them, or 0 for what the kernel likes.
    pub(super) fn spi_range(&mut self, satype: SaType) -> Result<Option<Range>, Wrong> {
        let (place, word) = self.word("the SPI, or a range of them,")?;
        if parse(word) == Some(0) {
            return Ok(None);
        }
        let (min, max) = word.split_once('-').unwrap_or((word, word));
        let spi = |text| spi(text, satype, true).map_err(|why| Wrong::at(place, why));
        let range = Range {
            min: spi(min)?,
            max: spi(max)?,
        };
        if range.min > range.max {
            return Err(Wrong::at(place, "the range ends before it begins"));
        }
        Ok(Some(range))
    }

    /// The reqid behind `-u`.
    pub(super) fn reqid(&mut self) -> Result<u32, Wrong> {
        self.number("the reqid", 0, u32::MAX.into())
    }

    /// Whether the number of a policy comes next, and nothing else.
    pub(super) fn spid_is_next(&mut self) -> bool {
        self.peek_word().is_some_and(|word| parse(word).is_some())
    }

    /// The number of a policy.
    pub(super) fn spid(&mut self) -> Result<u32, Wrong> {
        let id = self.number("the number of a policy", 1, u32::MAX.into())?;
        match Direction::of_policy(id) {
            Some(_) => Ok(id),
            None => Err(Wrong::at(
                self.last,
                "no policy of the table has this number",
            )),
        }
    }
}

fn spi(word: &str, satype: SaType, making: bool) -> Result<u32, String> {
    let spi = parse(word).and_then(|spi| u32::try_from(spi).ok());
    let spi =
        spi.ok_or_else(|| format!("the SPI is a number of 32 bits, which '{word}' is not"))?;
    match satype {
        SaType::IpComp if spi > CPI_MAX => Err(format!(
            "the SPI of IPComp has 16 bits, which {word} does not fit in"
        )),
        SaType::Esp | SaType::Ah if making && spi < SPI_MIN => {
            Err(format!("SPIs below {SPI_MIN} are reserved, as {word} is"))
        }
        _ => Ok(spi),
    }
}

/// The number of a level `unique`.
///
/// # Errors
///
/// What such a number is.
pub(super) fn unique(text: &str) -> Result<u32, String> {
    let number = parse(text).and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (1..=REQID_MAX).contains(number))
        .ok_or_else(|| {
            format!("unique has a number from 1 to {REQID_MAX} (the kernel has those above for itself), which '{text}' is not")
        })
}
