// SPDX-License-Identifier: GPL-2.0-only

//! Scripts of `ipsec setkey`, up to the messages that they would send.

use crate::command::messages;
use ipsec_tools::rehearse::script;
use klips_core::pfkey::{envelope, linux};

/// The bytes are a script.
pub fn run(input: &[u8]) {
    for message in messages(script(input), &[]) {
        let envelope = envelope::check(&message).expect("a message");
        linux::request(&envelope).expect("a request");
    }
}
