// SPDX-License-Identifier: GPL-2.0-only

//! `--life`: the limits at which an SA should be replaced (soft) and at which it dies (hard).
//!
//! The argument is a list of `SEVERITY-TYPE=NUMBER`, separated by commas: `soft-bytes=900000,hard-addtime=86400`.

use klips_core::pfkey::ext::Lifetime;

/// Both lifetimes of an SA, as far as any limit of them was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lives {
    /// When it should be replaced.
    pub(crate) soft: Option<Lifetime>,
    /// When it dies.
    pub(crate) hard: Option<Lifetime>,
}

impl Lives {
    /// Adds the limits in the argument of one `--life`.
    ///
    /// # Errors
    ///
    /// The message to print behind the program's name.
    pub(crate) fn add(&mut self, argument: &str) -> Result<(), String> {
        let mut offset = 0_usize;
        for limit in argument.split(',') {
            self.add_limit(limit, offset, argument)?;
            offset = offset.saturating_add(limit.len()).saturating_add(1);
        }
        Ok(())
    }

    /// Adds one `SEVERITY-TYPE=NUMBER`, which stands `offset` bytes into the argument.
    fn add_limit(&mut self, limit: &str, offset: usize, argument: &str) -> Result<(), String> {
        let (life, rest) = if let Some(rest) = limit.strip_prefix("soft") {
            (&mut self.soft, rest)
        } else if let Some(rest) = limit.strip_prefix("hard") {
            (&mut self.hard, rest)
        } else {
            return Err(format!("missing lifetime severity in {argument}"));
        };
        let rest = rest
            .strip_prefix('-')
            .ok_or("expected '-' after severity of lifetime parameter to --life option.")?;
        let field = Field::ALL
            .into_iter()
            .find_map(|field| Some((field, rest.strip_prefix(field.name())?)));
        let (field, rest) =
            field.ok_or_else(|| format!("missing lifetime type after '-' in {limit}"))?;
        let value = rest
            .strip_prefix('=')
            .ok_or("expected '=' after type of lifetime parameter to --life option.")?;
        let at = offset.saturating_add(limit.len().saturating_sub(value.len()));
        let value = number(value, at, argument)?;
        field
            .set(life.get_or_insert_default(), value)
            .ok_or_else(|| {
                format!(
                    "{} limit {value} in lifetime option parameter is too large.",
                    field.name()
                )
            })
    }
}

/// What a lifetime is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Allocations,
    Bytes,
    Addtime,
    Usetime,
    Packets,
}

impl Field {
    const ALL: [Self; 5] = [
        Self::Allocations,
        Self::Bytes,
        Self::Addtime,
        Self::Usetime,
        Self::Packets,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Allocations => "allocations",
            Self::Bytes => "bytes",
            Self::Addtime => "addtime",
            Self::Usetime => "usetime",
            Self::Packets => "packets",
        }
    }

    /// Sets the field, if it has room for the value.
    fn set(self, life: &mut Lifetime, value: u64) -> Option<()> {
        match self {
            Self::Allocations => life.allocations = u32::try_from(value).ok()?,
            Self::Bytes => life.bytes = value,
            Self::Addtime => life.addtime = value,
            Self::Usetime => life.usetime = value,
            Self::Packets => life.packets = u32::try_from(value).ok()?,
        }
        Some(())
    }
}

/// A decimal number that stands `at` bytes into the argument.
fn number(text: &str, at: usize, argument: &str) -> Result<u64, String> {
    let bad = |c: char, offset: usize| {
        format!(
            "Invalid character='{c}' at offset {offset} in lifetime option parameter: {argument}"
        )
    };
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        return Err(bad(c, at.saturating_add(offset)));
    }
    if text.is_empty() {
        // What stands where the number should start: the next limit's comma, or nothing.
        return Err(bad(if at < argument.len() { ',' } else { ' ' }, at));
    }
    text.parse()
        .map_err(|_| format!("number {text} in lifetime option parameter is too large."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(argument: &str) -> Result<Lives, String> {
        let mut lives = Lives::default();
        lives.add(argument).map(|()| lives)
    }

    #[test]
    fn limits_add_up() {
        let mut all = lives("soft-bytes=900000,hard-bytes=1000000,hard-packets=7").unwrap();
        all.add("soft-addtime=57600").unwrap();
        all.add("hard-allocations=4294967295,hard-usetime=5")
            .unwrap();
        let soft = Lifetime {
            bytes: 900_000,
            addtime: 57600,
            ..Lifetime::default()
        };
        let hard = Lifetime {
            allocations: u32::MAX,
            bytes: 1_000_000,
            usetime: 5,
            packets: 7,
            ..Lifetime::default()
        };
        assert_eq!(
            all,
            Lives {
                soft: Some(soft),
                hard: Some(hard)
            }
        );
        assert_eq!(lives("soft-bytes=1").unwrap().hard, None);
    }

    #[test]
    fn mistakes() {
        let table = [
            ("", "missing lifetime severity in "),
            ("bytes=1", "missing lifetime severity in bytes=1"),
            ("softbytes=1", "expected '-' after severity of lifetime parameter to --life option."),
            ("hard-years=1", "missing lifetime type after '-' in hard-years=1"),
            ("hard-bytes:1", "expected '=' after type of lifetime parameter to --life option."),
            (
                "soft-bytes=1,hard-bytes=12k",
                "Invalid character='k' at offset 26 in lifetime option parameter: soft-bytes=1,hard-bytes=12k",
            ),
            ("hard-bytes=", "Invalid character=' ' at offset 11 in lifetime option parameter: hard-bytes="),
            ("hard-packets=4294967296", "packets limit 4294967296 in lifetime option parameter is too large."),
        ];
        for (argument, want) in table {
            assert_eq!(lives(argument), Err(want.to_owned()), "{argument}");
        }
    }
}
