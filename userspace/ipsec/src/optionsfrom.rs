// SPDX-License-Identifier: GPL-2.0-only

//! `--optionsfrom FILE`: command-line words from a file.
//!
//! Blank lines, and lines whose first character other than blanks is `#`, say nothing. A line that starts with `--` is
//! an option, and whatever follows the option's name (blanks at both ends removed) is one word: its value. Any other
//! line is one word. A word in double or single quotes loses them, which keeps blanks at its ends.

use std::fs::File;
use std::io::{BufRead, BufReader};

/// A file that names itself (or a ring of files) would otherwise be read for ever.
pub(crate) const MOST_FILES: usize = 100;

/// Reads the words of the file at `path`.
///
/// # Errors
///
/// The reason in the words that the tools have always used.
pub(crate) fn words(path: &str) -> Result<Vec<String>, &'static str> {
    if !crate::ASKS_OTHERS {
        return Err("unable to open file");
    }
    let file = File::open(path).map_err(|_| "unable to open file")?;
    let mut words = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|_| "error in line read")?;
        add_line(line.trim(), &mut words);
    }
    Ok(words)
}

/// Adds the words of one line without blanks at its ends.
fn add_line(line: &str, words: &mut Vec<String>) {
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    let option_end = line
        .find(char::is_whitespace)
        .filter(|_| line.starts_with("--"));
    match option_end {
        Some(end) => {
            let (option, value) = line.split_at(end);
            words.push(option.to_owned());
            words.push(unquoted(value.trim_start()));
        }
        None => words.push(unquoted(line)),
    }
}

/// The text without the pair of quotes around it, if there is one.
fn unquoted(text: &str) -> String {
    ['"', '\'']
        .iter()
        .find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for line in text.lines() {
            add_line(line.trim(), &mut words);
        }
        words
    }

    #[test]
    fn lines_become_words() {
        let text = "# a comment\n\n  --add\n--src 10.1.0.0/16\n --label \"two words \"\n'x'\nplain words\n--dst=10.2.0.0/16\n";
        let want = [
            "--add",
            "--src",
            "10.1.0.0/16",
            "--label",
            "two words ",
            "x",
            "plain words",
            "--dst=10.2.0.0/16",
        ];
        assert_eq!(split(text), want);
    }

    #[test]
    fn a_missing_file_is_named_as_such() {
        assert_eq!(words("/nonexistent/file"), Err("unable to open file"));
    }
}
