// SPDX-License-Identifier: GPL-2.0-only

//! Lines of `spigrp/all`, `tncfg`, `version` and `klipsdebug`.

use super::{number, said, RowError};
use crate::pfkey::ext::DebugMasks;
use crate::said::Said;
use crate::text::{KlipsdebugRows, SpigrpRow, TncfgRow, VersionRow};

impl SpigrpRow<'_> {
    /// The members that a line names.
    ///
    /// Each is an error by itself if it is no SAID ([`RowError::Said`]).
    pub fn members_of(line: &str) -> impl Iterator<Item = Result<Said, RowError>> + '_ {
        line.split_whitespace().map(said)
    }
}

impl<'a> TncfgRow<'a> {
    /// Parses a line, with or without its newline.
    ///
    /// # Errors
    ///
    /// [`RowError`].
    pub fn parse(line: &'a str) -> Result<Self, RowError> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or(RowError::Shape);
        let (name, arrow, physical, mtus, arrow2, mtu) =
            (next()?, next()?, next()?, next()?, next()?, next()?);
        let catches = words.next();
        if (arrow, arrow2, words.next()) != ("->", "->", None)
            || catches.is_some_and(|word| word != "catch")
        {
            return Err(RowError::Shape);
        }
        let (device, remembered) = mtus
            .strip_prefix("mtu=")
            .and_then(|mtus| mtus.strip_suffix(')'))
            .and_then(|mtus| mtus.split_once('('))
            .ok_or(RowError::Shape)?;
        let mtu = number(mtu)?;
        Ok(Self {
            name,
            mtu: number(device)?,
            remembered_mtu: number(remembered)?,
            physical: (physical != "NULL").then_some((physical, mtu)),
            catches: catches.is_some(),
        })
    }
}

impl<'a> VersionRow<'a> {
    /// Parses the line, with or without its newline.
    ///
    /// # Errors
    ///
    /// [`RowError::Shape`].
    pub fn parse(line: &'a str) -> Result<Self, RowError> {
        let (product, version) = line
            .trim_end()
            .split_once(" version: ")
            .ok_or(RowError::Shape)?;
        Ok(Self { product, version })
    }
}

impl KlipsdebugRows {
    /// Parses the file. Masks that it does not have are 0.
    ///
    /// # Errors
    ///
    /// [`RowError`].
    pub fn parse(text: &str) -> Result<Self, RowError> {
        let mut masks = DebugMasks::default();
        for line in text.lines() {
            let (name, mask) = line
                .strip_prefix("debug_")
                .and_then(|line| line.strip_suffix('.'))
                .and_then(|line| line.split_once('='))
                .ok_or(RowError::Shape)?;
            let mask = u32::from_str_radix(mask, 16).map_err(|_| RowError::Number)?;
            *(match name {
                "tunnel" => &mut masks.tunnel,
                "netlink" => &mut masks.netlink,
                "xform" => &mut masks.xform,
                "eroute" => &mut masks.eroute,
                "spi" => &mut masks.spi,
                "radij" => &mut masks.radij,
                "esp" => &mut masks.esp,
                "ah" => &mut masks.ah,
                "rcv" => &mut masks.rcv,
                "pfkey" => &mut masks.pfkey,
                "ipcomp" => &mut masks.ipcomp,
                "verbose" => &mut masks.verbose,
                _ => return Err(RowError::Shape),
            }) = mask;
        }
        Ok(Self(masks))
    }
}
