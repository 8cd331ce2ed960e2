// SPDX-License-Identifier: GPL-2.0-only

//! usage: ipsec-docs SOURCES SHARE
//!
//! Makes the manual pages and the shells' completions from the option tables of the tools. Runs when the tools are
//! built; it is not installed.

fn main() -> std::process::ExitCode {
    ipsec_tools::document()
}
