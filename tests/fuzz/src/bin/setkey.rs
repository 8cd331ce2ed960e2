// SPDX-License-Identifier: GPL-2.0-only

//! See `klips_fuzz::setkey`.

#![no_main]

klips_fuzz::target!(setkey);
