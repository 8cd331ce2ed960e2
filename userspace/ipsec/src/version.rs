// SPDX-License-Identifier: GPL-2.0-only

//! Which version this is, and which one the kernel runs.

use std::fs;

use crate::json::Value;
use crate::kernel;

/// The version of the tools. One word, as its readers expect.
pub(crate) const USER: &str = env!("CARGO_PKG_VERSION");

/// Where the module says its version.
const KERNEL: &str = "/proc/net/ipsec_version";

/// The line that every version text ends with.
const SEE_COPYRIGHT: &str = "See `ipsec --copyright' for copyright information.\n";

/// The `--version` text of a tool.
pub(crate) fn banner(tool: &str) -> String {
    format!("{tool} {USER}\n{SEE_COPYRIGHT}")
}

/// The `--version` text of the whole package.
pub(crate) fn package() -> String {
    let found = Found::look();
    format!(
        "Linux KLIPS {}{}\n{SEE_COPYRIGHT}",
        found.code(),
        found.stack()
    )
}

/// The `--version` text of `klipsdebug`, which has always named the package.
pub(crate) fn banner_with_package(tool: &str) -> String {
    format!("{tool} (KLIPS {USER})\n{SEE_COPYRIGHT}")
}

/// The versions as a JSON object.
pub(crate) fn json() -> Value {
    let (module, stack) = match Found::look() {
        Found::Klips(version) => (Some(version), Some("klips")),
        Found::Netkey(_) => (None, Some("netkey")),
        Found::Nothing => (None, None),
    };
    Value::object([
        ("tools", USER.into()),
        ("module", module.into()),
        ("stack", stack.into()),
    ])
}

/// The version of the tools and, if it is another one, that of the kernel.
pub(crate) fn code() -> String {
    Found::look().code()
}

/// What the kernel has for IPsec.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// KLIPS, and its version.
    Klips(String),
    /// Linux's own with af_key, and the kernel's release.
    Netkey(String),
    Nothing,
}

impl Found {
    fn look() -> Self {
        if let Ok(text) = fs::read_to_string(KERNEL) {
            return Self::Klips(
                text.split_whitespace()
                    .next_back()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        if kernel::af_key_is_there() {
            let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
            return Self::Netkey(release.trim().to_owned());
        }
        Self::Nothing
    }

    fn code(&self) -> String {
        match self {
            Self::Klips(version) if version == USER => USER.to_owned(),
            Self::Klips(other) | Self::Netkey(other) => format!("U{USER}/K{other}"),
            Self::Nothing => format!("U{USER}/K(no kernel code presently loaded)"),
        }
    }

    /// Which stack that is, to go behind the code; where there is none, the code says so.
    const fn stack(&self) -> &'static str {
        match self {
            Self::Klips(_) => " (klips)",
            Self::Netkey(_) => " (netkey)",
            Self::Nothing => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!(Found::Klips(USER.to_owned()).code(), USER);
        assert_eq!(Found::Klips("9".to_owned()).code(), format!("U{USER}/K9"));
        assert_eq!(
            Found::Nothing.code(),
            format!("U{USER}/K(no kernel code presently loaded)")
        );
        assert!(!USER.contains(char::is_whitespace));
    }
}
