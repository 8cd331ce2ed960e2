// SPDX-License-Identifier: GPL-2.0-only

//! The tools, one module each. Every one of them reads its command line into a validated action, and then runs that.

pub(crate) mod completions;
pub(crate) mod eroute;
pub(crate) mod klipsdebug;
pub(crate) mod look;
pub(crate) mod monitor;
pub(crate) mod pf_key;
pub(crate) mod ranbits;
pub(crate) mod setkey;
pub(crate) mod spi;
pub(crate) mod spigrp;
pub(crate) mod tncfg;
pub(crate) mod trace;
pub(crate) mod version;

use klips_core::addr::parse_number;
use klips_core::said::SaProto;

/// The lowest SPI that a person may choose; those below are reserved (RFC 4303 section 2.1).
pub(crate) const LOWEST_SPI: u32 = 0x100;

/// The protocol of an SA by its name on the command line. The shunts' own protocol is not among them: shunts are named
/// by their SAIDs.
pub(crate) fn sa_proto(text: &str) -> Option<SaProto> {
    [SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp]
        .into_iter()
        .find(|proto| proto.prefix() == text)
}

/// Reads an SPI that has been given by itself.
///
/// # Errors
///
/// The message to print behind the program's name.
pub(crate) fn spi_number(text: &str) -> Result<u32, String> {
    match parse_number(text, None) {
        Err(_) => Err(format!("Invalid character in SPI parameter: {text}")),
        Ok(spi) if spi < LOWEST_SPI => Err(format!(
            "Illegal reserved spi: {text} => 0x{spi:x} Must be larger than 0x100."
        )),
        Ok(spi) => Ok(spi),
    }
}
