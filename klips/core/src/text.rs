// SPDX-License-Identifier: GPL-2.0-only

//! The `/proc` listings: one type per kind of line, whose `Display` writes that line with its newline.

mod eroute;
mod group;
mod sa;
mod tncfg;
mod width;

pub use crate::addr::{Addr, Net};
pub use eroute::ErouteRow;
pub use group::SpigrpRow;
pub use sa::{NatEncap, SaRow};
pub use tncfg::{TncfgRow, VersionRow};
