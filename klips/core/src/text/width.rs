// SPDX-License-Identifier: GPL-2.0-only

//! Columns: text padded on the right, without a buffer for it.

use core::fmt::{self, Write};

/// Passes text on and counts it. All of our text is ASCII, so bytes are columns.
struct Counting<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    written: usize,
}

impl Write for Counting<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.written = self.written.saturating_add(text.len());
        self.out.write_str(text)
    }
}

/// Writes `text` and fills up with blanks to `width` columns; longer text is not cut.
pub(super) fn left(
    out: &mut fmt::Formatter<'_>,
    width: usize,
    text: fmt::Arguments<'_>,
) -> fmt::Result {
    let mut counting = Counting { out, written: 0 };
    counting.write_fmt(text)?;
    for _ in counting.written..width {
        counting.out.write_str(" ")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Padded(&'static str);

    impl fmt::Display for Padded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            left(f, 4, format_args!("{}", self.0))
        }
    }

    #[test]
    fn short_is_filled_long_is_kept() {
        assert_eq!(Padded("").to_string(), "    ");
        assert_eq!(Padded("ab").to_string(), "ab  ");
        assert_eq!(Padded("abcd").to_string(), "abcd");
        assert_eq!(Padded("abcdef").to_string(), "abcdef");
    }
}
