// SPDX-License-Identifier: GPL-2.0-only

//! The `ipsec` command and, through symbolic links, `eroute`, `spi`, `spigrp` and `tncfg`.

fn main() -> std::process::ExitCode {
    ipsec_tools::main()
}
