// SPDX-License-Identifier: GPL-2.0-only

//! usage: seeds DIR [TRACES]
//!
//! Writes what each target begins with to DIR/TARGET, from what the project's tests have, and words for TARGET to
//! DIR/TARGET.dict; also the messages of captures in the directory TRACES.

use ipsec_tools::rehearse::options;
use klips_core_tests::lines::{EROUTES, SAS};
use klips_core_tests::packets::corpus;
use klips_core_tests::Rng;
use klips_fuzz::texts;
use std::path::Path;
use std::{env, fs, io};

/// Messages of PF_KEY clients: the checkout has them.
const CLIENTS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../netns/data/clients.txt"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../netns/data/iked.txt"),
];

// The counters of coverage, which are in this program too, come with libFuzzer, and that wants a target.
libfuzzer_sys::fuzz_target!(|_input: &[u8]| {});

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (dir, traces) = match args.as_slice() {
        [dir] => (Path::new(dir), None),
        [dir, traces] => (Path::new(dir), Some(Path::new(traces))),
        _ => return Err(io::Error::other("usage: seeds DIR [TRACES]")),
    };
    let packets = corpus();
    for target in ["packet", "comp"] {
        write(&dir.join(target), &packets)?;
    }
    write(&dir.join("ah"), &headers(&packets))?;
    write(&dir.join("pfkey"), &messages(traces)?)?;
    for target in ["shaped", "eroute", "replay"] {
        write(&dir.join(target), &choices())?;
    }
    write(&dir.join("said"), texts::SAIDS)?;
    write(&dir.join("listing"), &[EROUTES, SAS, texts::ROWS].concat())?;
    write(&dir.join("command"), texts::COMMANDS)?;
    write(&dir.join("setkey"), texts::SCRIPTS)?;
    let mut words = options();
    words.extend(texts::WORDS.iter().map(|word| (*word).to_owned()));
    write_words(&dir.join("command.dict"), &words)?;
    write_words(&dir.join("setkey.dict"), texts::SCRIPT_WORDS)
}

/// Words in libFuzzer's form: with quotes around them. None has any in itself.
fn write_words(path: &Path, words: &[impl AsRef<str>]) -> io::Result<()> {
    let line = |word: &dyn AsRef<str>| format!("\"{}\"\n", word.as_ref());
    let lines: String = words.iter().map(|word| line(word)).collect();
    fs::write(path, lines)
}

/// Files with numbers for names.
fn write(dir: &Path, seeds: &[impl AsRef<[u8]>]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(dir.join(number.to_string()), seed)?;
    }
    Ok(())
}

/// IP headers without what follows them; and AH's own.
fn headers(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let header_len = |packet: &[u8]| match packet[0] >> 4 {
        4 => 4 * usize::from(packet[0] & 15),
        _ => packet.len() - 8,
    };
    let mut headers: Vec<Vec<u8>> = packets
        .iter()
        .map(|packet| packet[..header_len(packet)].to_vec())
        .collect();
    headers.push(vec![4, 4, 0, 0, 0, 0, 0x10, 1, 0, 0, 0, 5]);
    headers
}

/// Bytes of a few lengths for targets that take them as choices.
fn choices() -> Vec<Vec<u8>> {
    let lengths = [16, 64, 256, 1024, 4096];
    let choice = |(seed, len)| Rng::new(seed).bytes(len);
    (1..).zip(lengths).map(choice).collect()
}

fn messages(traces: Option<&Path>) -> io::Result<Vec<Vec<u8>>> {
    let mut messages = Vec::new();
    for file in CLIENTS {
        let text = fs::read_to_string(file)?;
        // A name for the step, and digits.
        let digits = text
            .lines()
            .filter_map(|line| line.split_once(' ')?.1.split(' ').next());
        messages.extend(digits.filter_map(bytes));
    }
    if let Some(traces) = traces {
        for entry in fs::read_dir(traces)? {
            messages.extend(dumped(&fs::read_to_string(entry?.path())?));
        }
    }
    Ok(messages)
}

/// The bytes of a word of digits; none if it is no such thing.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let is_message = digits.len() >= 32 && digits.bytes().all(|c| c.is_ascii_hexdigit());
    is_message.then(|| klips_core_tests::hex(digits))
}

/// The messages of a kernel's log, lines of `pfk OFFSET: WORD...` with words of four bytes, the lowest byte last.
fn dumped(text: &str) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("pfk ")) {
        let Some((offset, words)) = line.split_once(": ") else {
            continue;
        };
        if offset.trim_start_matches('0').is_empty() {
            messages.push(Vec::new());
        }
        let words = words
            .split(' ')
            .filter_map(|word| u32::from_str_radix(word, 16).ok());
        if let Some(message) = messages.last_mut() {
            message.extend(words.flat_map(u32::to_le_bytes));
        }
    }
    messages
}
