// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's tables, line by line: from the text of /proc to values.
//!
//! This is the only place that reads lines of them, with the parsers of `klips_core::text` where those give values. What
//! the lines mean is told in ipsec_eroute(5) and the pages of the tools; `json` gives every field under the name that
//! the pages promise.

mod eroute;
mod group;
mod sa;
mod tncfg;

pub(crate) use eroute::ErouteRow;
pub(crate) use group::{group_json, KnownSas};
pub(crate) use sa::{Limit, SaRow};
pub(crate) use tncfg::TncfgRow;

/// The groups of SAs.
const GROUPS: &str = "/proc/net/ipsec_spigrp";
/// The discarded packets by reason.
pub(crate) const DROPS: &str = "/proc/net/ipsec/stats/drops";
