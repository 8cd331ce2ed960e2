// SPDX-License-Identifier: GPL-2.0-only

//! Listings read back. What was understood prints as something that is understood as the same.

use klips_core_tests::lines::reads_again;

/// The bytes are a line, or several.
pub fn run(input: &[u8]) {
    reads_again(&String::from_utf8_lossy(input));
}
