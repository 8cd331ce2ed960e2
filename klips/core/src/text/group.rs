// SPDX-License-Identifier: GPL-2.0-only

//! A line of `spigrp/all`.

use crate::said::Said;
use core::fmt;

/// A line of `spigrp/all`: an SA and those behind it in its group, each followed by a blank.
#[derive(Clone, Copy, Debug)]
pub struct SpigrpRow<'a> {
    /// The SA that the line is for, then its successors.
    pub members: &'a [Said],
}

impl fmt::Display for SpigrpRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for said in self.members {
            write!(f, "{said} ")?;
        }
        f.write_str("\n")
    }
}
