// SPDX-License-Identifier: GPL-2.0-only

//! The `ipsec` command.

fn main() {}
