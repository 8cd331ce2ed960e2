// SPDX-License-Identifier: GPL-2.0-only

//! The listings read back, for tools. Not part of the module: the feature `parse` is Cargo's alone.
//!
//! Lines of the original are understood too, with the fields that ours never has.

mod eroute;
mod others;
mod sa;

pub use sa::xform_numbers;

use crate::addr::{parse_addr, AddrError, Net};
use crate::addr::{Family, Subnet};
use crate::said::{SaProto, Said, SaidError};
use core::fmt;
use core::net::IpAddr;

/// Why a line was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowError {
    /// Too few or too many words, or one in the wrong place.
    Shape,
    /// A number that is none, or too large.
    Number,
    /// An address or network.
    Addr,
    /// A SAID.
    Said,
    /// The name of a transform.
    Xform,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "line has the wrong fields",
            Self::Number => "line has a bad number",
            Self::Addr => "line has a bad address",
            Self::Said => "line has a bad SA identifier",
            Self::Xform => "line has an unknown transform",
        })
    }
}

impl core::error::Error for RowError {}

impl From<AddrError> for RowError {
    fn from(_: AddrError) -> Self {
        Self::Addr
    }
}

impl From<SaidError> for RowError {
    fn from(_: SaidError) -> Self {
        Self::Said
    }
}

/// A number without a sign, in decimal or, behind `0x`, in hexadecimal.
fn number<T: TryFrom<u64>>(text: &str) -> Result<T, RowError> {
    let (digits, base) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    if digits.starts_with('+') {
        return Err(RowError::Number);
    }
    let value = u64::from_str_radix(digits, base).map_err(|_| RowError::Number)?;
    T::try_from(value).map_err(|_| RowError::Number)
}

/// A network with its mask as a length or as an address; host bits stay.
fn net(text: &str) -> Result<Net, RowError> {
    let (addr, mask) = text.split_once('/').ok_or(RowError::Addr)?;
    let addr: IpAddr = parse_addr(addr, None)?;
    let family = Family::of(&addr);
    let mask = match number::<u8>(mask) {
        Ok(len) => Subnet::new(addr, len).ok_or(RowError::Addr)?.mask(),
        Err(_) => parse_addr(mask, Some(family))?,
    };
    Ok(Net { addr, mask })
}

/// A SAID, also one that names a shunt nobody knows.
fn said(text: &str) -> Result<Said, RowError> {
    match text.strip_prefix("%unk-") {
        Some(spi) => Ok(Said {
            dst: Family::V4.any(),
            spi: number(spi)?,
            proto: SaProto::Int,
        }),
        None => Ok(Said::parse(text)?),
    }
}
