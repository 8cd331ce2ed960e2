// SPDX-License-Identifier: GPL-2.0-only

//! Command lines of the tools, up to the messages that they would send.

use ipsec_tools::rehearse::{command_line, Messages};
use ipsec_tools::Error;
use klips_core::pfkey::{envelope, parse};
use std::ffi::OsString;

/// The bytes are a command line: words between blanks, the first one a tool.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let Some(tool) = words.next() else {
        return;
    };
    let words: Vec<&str> = words.collect();
    let sent = command_line(tool, words.iter().map(OsString::from).collect());
    for message in messages(sent, &secrets(&words)) {
        let envelope = envelope::check(&message).expect("a message");
        parse(&envelope).expect("a request");
    }
}

/// The messages; or, if there are none because something is wrong, then that is told in whole lines and without secrets.
pub fn messages(sent: Messages, secrets: &[&str]) -> Vec<Vec<u8>> {
    sent.unwrap_or_else(|error| {
        is_sound(&error, secrets);
        Vec::new()
    })
}

fn is_sound(error: &Error, secrets: &[&str]) {
    let (err, out) = (error.stderr(), error.stdout());
    for text in [err, out] {
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    }
    assert!(!err.is_empty() || error.status() != 0 || !out.is_empty());
    for secret in secrets {
        assert!(!err.contains(secret), "{secret} in {err}");
    }
}

/// The keys among these words, unless they are something else besides.
fn secrets<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut secrets = Vec::new();
    for pair in words.windows(2) {
        let [option, value] = pair else { continue };
        let is_key = matches!(*option, "--enckey" | "--authkey");
        let elsewhere = words.iter().filter(|word| word.contains(value)).count() > 1;
        let has_form = ["0x", "0t", "0s"]
            .iter()
            .any(|start| value.starts_with(start));
        if is_key && has_form && value.len() >= 12 && !elsewhere {
            secrets.push(*value);
        }
    }
    secrets
}
