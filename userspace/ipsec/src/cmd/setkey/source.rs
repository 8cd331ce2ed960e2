// SPDX-License-Identifier: GPL-2.0-only

//! Reading scripts. They have keys in them, so that no copy of their text is left behind in memory.

use std::fs::File;
use std::io::{self, Read};
use std::mem;

use zeroize::{Zeroize, Zeroizing};

use super::token::{Place, Wrong};

/// How much is read at first; it doubles as it fills.
const FIRST: usize = 1 << 16;

/// What a script is called in messages.
pub(super) fn title(path: &str) -> &str {
    match path {
        "-" => "standard input",
        path => path,
    }
}

/// The bytes of a file, or of standard input.
///
/// # Errors
///
/// Those of opening and reading.
pub(super) fn read(path: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    match path {
        "-" => read_all(&mut io::stdin().lock()),
        path => read_all(&mut File::open(path)?),
    }
}

/// Reads to the end, through no buffer but those that are wiped.
fn read_all(source: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; FIRST]);
    let mut len = 0_usize;
    loop {
        if len == bytes.len() {
            let mut larger = Zeroizing::new(vec![0; len.saturating_mul(2)]);
            for (to, from) in larger.iter_mut().zip(bytes.iter()) {
                *to = *from;
            }
            bytes = larger;
        }
        match source.read(bytes.get_mut(len..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => len = len.saturating_add(more),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// The text of a script.
///
/// # Errors
///
/// The place of what is not UTF-8.
pub(super) fn text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Wrong> {
    String::from_utf8(mem::take(&mut *bytes))
        .map(Zeroizing::new)
        .map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            let before = bytes.get(..good).unwrap_or_default();
            let lines = before.iter().filter(|byte| **byte == b'\n').count();
            let line = before.rsplit(|byte| *byte == b'\n').next();
            let columns = line.map_or(0, |line| String::from_utf8_lossy(line).chars().count());
            let place = Place {
                line: lines.saturating_add(1),
                column: columns.saturating_add(1),
            };
            bytes.zeroize();
            Wrong::at(place, "this is no text: not UTF-8")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_of_any_length_are_read_whole() {
        let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        assert_eq!(*read_all(&mut long.as_slice()).unwrap(), long);
        assert_eq!(*read_all(&mut [].as_slice()).unwrap(), []);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_place() {
        let wrong = text(Zeroizing::new(b"flush;\n\xc3\xbc \xff".to_vec())).unwrap_err();
        assert_eq!(wrong.place.to_string(), "2:3");
        assert_eq!(*text(Zeroizing::new(b"flush;".to_vec())).unwrap(), "flush;");
    }
}
