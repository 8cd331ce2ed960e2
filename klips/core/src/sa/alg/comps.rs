// SPDX-License-Identifier: GPL-2.0-only

//! The table of compression algorithms.

use super::numbers::{COMP_DEFLATE, COMP_LZS, NONE};
use core::ffi::CStr;

/// A compression algorithm of COMP.
struct Comp {
    /// PF_KEY number, which is also the well-known CPI (RFC 3173 section 3.3).
    id: u8,
    /// Name in `--comp`.
    #[cfg_attr(not(feature = "parse"), allow(dead_code))]
    name: &'static str,
    /// What the XFORM name in listings has of it.
    listed: &'static str,
    /// The kernel's compressor; `None` where there has never been one.
    driver: Option<&'static CStr>,
}

const COMPS: &[Comp] = &[
    Comp {
        id: NONE,
        name: "",
        listed: "_NONE",
        driver: None,
    },
    Comp {
        id: COMP_DEFLATE,
        name: "deflate",
        listed: "_DEFLATE",
        driver: Some(c"deflate"),
    },
    Comp {
        id: COMP_LZS,
        name: "lzs",
        listed: "_LZS",
        driver: None,
    },
];

fn find(id: u8) -> Option<&'static Comp> {
    COMPS.iter().find(|comp| comp.id == id)
}

/// Name for the kernel's asynchronous compression API; `None` if there is no such algorithm.
pub fn comp_driver(id: u8) -> Option<&'static CStr> {
    find(id)?.driver
}

/// The part of the XFORM name of a COMP SA that its algorithm adds.
pub fn comp_xform(id: u8) -> &'static str {
    find(id).map_or("_UNKNOWN_comp", |comp| comp.listed)
}

/// The number of a name in `--comp`.
#[cfg(any(feature = "parse", test))]
pub(super) fn named(name: &str) -> Option<u8> {
    let comp = COMPS.iter().find(|comp| comp.name == name)?;
    (comp.id != NONE).then_some(comp.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_drivers() {
        assert_eq!((named("deflate"), named("lzs")), (Some(2), Some(3)));
        assert_eq!((named(""), named("zip")), (None, None));
        assert_eq!((comp_xform(0), comp_xform(2)), ("_NONE", "_DEFLATE"));
        assert_eq!((comp_xform(3), comp_xform(1)), ("_LZS", "_UNKNOWN_comp"));
        assert_eq!(comp_driver(COMP_DEFLATE), Some(c"deflate"));
        assert_eq!([0, 1, 3, 4].map(comp_driver), [None; 4]);
    }
}
