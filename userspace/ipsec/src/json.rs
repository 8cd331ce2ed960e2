// SPDX-License-Identifier: GPL-2.0-only

//! JSON (RFC 8259), as far as the listings need it: values are made here and written on one line.

use std::fmt::{self, Write};

/// A value. The fields of an object keep the order they are given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing: the kernel says nothing about it.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number. The kernel's are whole and not negative.
    Number(u64),
    /// Text.
    Text(String),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Object(Vec<(&'static str, Value)>),
}

impl Value {
    /// An object of these fields.
    pub(crate) fn object(fields: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Object(fields.into_iter().collect())
    }

    /// A list of these values.
    pub(crate) fn list<T: Into<Self>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }

    /// What displays as text.
    pub(crate) fn text(shown: impl fmt::Display) -> Self {
        Self::Text(shown.to_string())
    }

    /// The same object with a further field; other values stay as they are.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Self>) -> Self {
        if let Self::Object(fields) = &mut self {
            fields.push((name, value.into()));
        }
        self
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Self::Number(value.into())
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Text(text) => quoted(f, text),
            Self::List(values) => {
                f.write_char('[')?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", comma(at))?;
                }
                f.write_char(']')
            }
            Self::Object(fields) => {
                f.write_char('{')?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    f.write_str(comma(at))?;
                    quoted(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// What stands before the element at this place.
const fn comma(at: usize) -> &'static str {
    if at == 0 {
        ""
    } else {
        ","
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_standard_has_them() {
        let value = Value::object([
            ("none", Value::Null),
            ("yes", true.into()),
            ("count", u64::MAX.into()),
            ("text", "a \"b\" \\ \u{1} \u{7f} ü\n".into()),
            ("list", Value::list([1_u8, 2])),
            ("empty", Value::Object(Vec::new())),
        ]);
        let want = r#"{"none":null,"yes":true,"count":18446744073709551615,"text":"a \"b\" \\ \u0001 \u007f ü\n","list":[1,2],"empty":{}}"#;
        assert_eq!(value.to_string(), want);
        let more = Value::object([]).with("port", None::<u16>);
        assert_eq!(more.to_string(), r#"{"port":null}"#);
    }
}
