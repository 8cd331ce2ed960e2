// SPDX-License-Identifier: GPL-2.0-only

//! `ipsec version`: the versions of tools and kernel module.

use crate::{output, version};

/// Runs the tool; there is nothing that can go wrong.
pub(crate) fn run() {
    output::out(&version::package());
}
