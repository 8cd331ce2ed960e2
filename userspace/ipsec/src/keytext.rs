// SPDX-License-Identifier: GPL-2.0-only

//! Keys as text: `0x` and hexadecimal digits, `0s` and base 64, `0t` and the very characters; or `@FILE`.
//!
//! Key bytes live in buffers that are overwritten when they go out of use.

use std::fs::File;
use std::io::{self, Read};
use std::str;

use nix::unistd;
use zeroize::Zeroizing;

/// What is being read, for the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// `--authkey`.
    Authentication,
    /// `--enckey`.
    Encryption,
    /// `--iv`.
    Iv,
}

impl KeyKind {
    const fn capitalised(self) -> &'static str {
        match self {
            Self::Authentication => "Authentication key",
            Self::Encryption => "Encryption key",
            Self::Iv => "IV",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication key",
            Self::Encryption => "encryption key",
            Self::Iv => "IV",
        }
    }
}

/// Key bytes.
pub(crate) type Key = Zeroizing<Vec<u8>>;

/// No key of any algorithm has more text than this.
const MOST_TEXT: usize = 4096;

/// Whether a word is too long for a number and begins as keys do: one that stands where no key belongs is not repeated.
pub(crate) fn may_be_key(word: &str) -> bool {
    const LONGEST_NUMBER: usize = "0xffffffff".len();
    word.len() > LONGEST_NUMBER
        && ["0x", "0t", "0s"]
            .iter()
            .any(|start| word.starts_with(start))
}

/// Reads the key that `argument` writes out, or that the file (standard input: `-`) behind its `@` does.
///
/// # Errors
///
/// The message to print behind the program's name. Of a key it says how long it is, whether it was an argument or in a
/// file: messages end up in logs.
pub(crate) fn key(argument: &str, kind: KeyKind) -> Result<Key, String> {
    let text = match argument.strip_prefix('@') {
        Some(path) => from_file(path)
            .map_err(|error| format!("cannot read the {} from '{path}': {error}", kind.name()))?,
        None => Zeroizing::new(argument.to_owned()),
    };
    let shown = match kind {
        KeyKind::Iv => argument.to_owned(),
        _ if argument.starts_with('@') => argument.to_owned(),
        _ => format!("({} characters, not shown)", argument.chars().count()),
    };
    let mut first = text.chars();
    if first.next() == Some('0') && !matches!(first.next(), Some('x' | 't' | 's')) {
        let name = kind.capitalised();
        return Err(format!(
            "{name} must have a '0x', '0t' or '0s' prefix to select the format: {shown}"
        ));
    }
    decoded(&text)
        .ok_or_else(|| format!("unknown format or syntax error in {}: {shown}", kind.name()))
}

/// Reads a file's text without the white space around it; of standard input a line, so that two keys may stand there.
///
/// Nothing is read through a buffer that others see: the text is in one place, and wiped there.
fn from_file(path: &str) -> io::Result<Zeroizing<String>> {
    if !crate::ASKS_OTHERS {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut bytes = Zeroizing::new(vec![0; MOST_TEXT]);
    let len = if path == "-" {
        line(&mut bytes, |byte| Ok(unistd::read(io::stdin(), byte)?))?
    } else {
        let mut file = File::open(path)?;
        fill(&mut bytes, |room| file.read(room))?
    };
    let text = bytes.get(..len).map(str::from_utf8);
    match text {
        Some(Ok(text)) => Ok(Zeroizing::new(text.trim().to_owned())),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Reads until there is no more, or no more room; how much that was.
fn fill(
    bytes: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut len = 0_usize;
    while let Some(room) = bytes.get_mut(len..).filter(|room| !room.is_empty()) {
        match read(room)? {
            0 => break,
            more => len = len.saturating_add(more),
        }
    }
    Ok(len)
}

/// Reads byte by byte to the end of a line, and leaves what is behind it to others; how much that was.
fn line(
    bytes: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let mut ended = false;
    let mut len = 0_usize;
    for byte in bytes.chunks_mut(1) {
        if ended || read(byte)? == 0 {
            break;
        }
        ended = byte == b"\n";
        len = len.saturating_add(1);
    }
    Ok(len)
}

/// The bytes behind a format prefix. `None` if there is none, or the text is not of that format, or empty.
fn decoded(text: &str) -> Option<Key> {
    let body = text.get(2..)?;
    let bytes = match text.get(..2)? {
        "0x" => hexadecimal(body)?,
        "0s" => base64(body)?,
        "0t" => Zeroizing::new(body.as_bytes().to_vec()),
        _ => return None,
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// Pairs of hexadecimal digits; `_` may stand between groups of them.
fn hexadecimal(text: &str) -> Option<Key> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut half = None;
    let mut after_digit = false;
    for c in text.chars() {
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = u8::try_from(c.to_digit(16)?).ok()?;
        after_digit = true;
        half = match half {
            None => Some(digit << 4),
            Some(high) => {
                bytes.push(high | digit);
                None
            }
        };
    }
    (after_digit && half.is_none()).then_some(bytes)
}

/// Base 64 (RFC 4648 section 4) with its padding.
fn base64(text: &str) -> Option<Key> {
    let digits = text.trim_end_matches('=');
    let padding = text.len().checked_sub(digits.len())?;
    if text.len() % 4 != 0 || padding > 2 {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut held = 0_u32;
    let mut bits = 0;
    for c in digits.bytes() {
        held = (held << 6) | u32::from(base64_digit(c)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0).then_some(bytes)
}

fn base64_digit(c: u8) -> Option<u8> {
    match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, String> {
        key(text, KeyKind::Encryption).map(|key| key.to_vec())
    }

    #[test]
    fn three_formats() {
        assert_eq!(read("0x00ff10"), Ok(vec![0, 0xff, 0x10]));
        assert_eq!(
            read("0xDEADf00d_01020304"),
            Ok(vec![0xde, 0xad, 0xf0, 0x0d, 1, 2, 3, 4])
        );
        assert_eq!(read("0tsecret 1"), Ok(b"secret 1".to_vec()));
        assert_eq!(read("0sAQID"), Ok(vec![1, 2, 3]));
        assert_eq!(read("0sAQI="), Ok(vec![1, 2]));
        assert_eq!(read("0s/+8="), Ok(vec![0xff, 0xef]));
        assert_eq!(read("0sAQ=="), Ok(vec![1]));
    }

    #[test]
    fn mistakes() {
        let prefix =
            "Encryption key must have a '0x', '0t' or '0s' prefix to select the format: (8 characters, not shown)";
        assert_eq!(read("01020304"), Err(prefix.to_owned()));
        for bad in [
            "", "x", "secret", "0x", "0x1", "0xzz", "0x_01", "0x01__02", "0x01_", "0sAQI",
            "0sAR==", "0s=", "0s", "0t",
        ] {
            let len = bad.len();
            let want = format!(
                "unknown format or syntax error in encryption key: ({len} characters, not shown)"
            );
            assert_eq!(read(bad), Err(want), "{bad}");
        }
        let iv = key("nonsense", KeyKind::Iv).map(drop);
        assert_eq!(
            iv,
            Err("unknown format or syntax error in IV: nonsense".to_owned())
        );
    }

    #[test]
    fn files_hold_keys() {
        let path = std::env::temp_dir().join(format!("klips-key-{}", std::process::id()));
        std::fs::write(&path, "0x0102\n").unwrap();
        let name = path.to_string_lossy().into_owned();
        assert_eq!(read(&format!("@{name}")), Ok(vec![1, 2]));
        std::fs::remove_file(&path).unwrap();
        let gone = read(&format!("@{name}")).unwrap_err();
        assert!(
            gone.starts_with(&format!("cannot read the encryption key from '{name}': ")),
            "{gone}"
        );
    }

    #[test]
    fn a_line_ends_where_the_next_key_starts() {
        let mut source: &[u8] = b"0x01\n0x02";
        let mut room = [0; 16];
        for want in [&b"0x01\n"[..], b"0x02", b""] {
            let len = line(&mut room, |byte| source.read(byte)).unwrap();
            assert_eq!(&room[..len], want);
        }
        let mut endless: &[u8] = &[b'0'; 99];
        assert_eq!(line(&mut room, |byte| endless.read(byte)).unwrap(), 16);
        let mut endless: &[u8] = &[b'0'; 99];
        assert_eq!(fill(&mut room, |room| endless.read(room)).unwrap(), 16);
    }
}
