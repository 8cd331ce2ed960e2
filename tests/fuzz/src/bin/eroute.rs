// SPDX-License-Identifier: GPL-2.0-only

//! See `klips_fuzz::eroute`.

#![no_main]

klips_fuzz::target!(eroute);
