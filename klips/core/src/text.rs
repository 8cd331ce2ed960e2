// SPDX-License-Identifier: GPL-2.0-only

//! The `/proc` listings: one type per kind of line, whose `Display` writes that line with its newline.

mod eroute;
mod group;
#[cfg(feature = "parse")]
mod parse;
mod sa;
mod sockets;
mod status;
mod tncfg;
mod width;
mod xforms;

pub use crate::addr::{Addr, Net};
pub use eroute::ErouteRow;
pub use group::SpigrpRow;
#[cfg(feature = "parse")]
pub use parse::{xform_numbers, RowError};
pub use sa::{NatEncap, SaRow};
pub use sockets::{PfkeyRow, RegisteredRow, SupportedRow, VerbosePfkeyRow};
pub use status::{KlipsdebugRows, NattRow, OcfRow, SarefRows, StatRow};
pub use tncfg::{TncfgRow, VersionRow};
pub use xforms::XformRow;
