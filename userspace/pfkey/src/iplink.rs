// SPDX-License-Identifier: GPL-2.0-only

//! What ip(8) has to know of links of kind `klips`, as a plugin that it loads: `link_klips.so`.
//!
//! Without it ip(8) makes and removes such links too, but takes no words of theirs and shows none of their attributes.
//!
//! The program looks for a `struct link_util` called `klips_link_util`, fills in its first field, and calls what is in
//! it. Functions of its own, which it exports, look up interfaces and print, as text or as JSON.

use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::ptr;
use std::slice;

/// Attributes in `IFLA_INFO_DATA`: `IFLA_KLIPS_*` of `<linux/klips.h>`.
mod attribute {
    pub(super) const LINK: u16 = 1;
    pub(super) const NUMBER: u16 = 2;
    pub(super) const PHYS_MTU: u16 = 3;
    pub(super) const WAITS_FOR: u16 = 4;
    pub(super) const CATCH: u16 = 5;
    pub(super) const LAST: u16 = CATCH;
}

const USAGE: &str = "Usage: ... klips [ dev PHYSICAL | nodev ] [ catch | nocatch ]

Where:  dev PHYSICAL  the device that the outer packets leave by
        nodev         none: ipsecN is detached
        catch         what is routed to PHYSICAL is taken too, if a policy is for it
        nocatch       only what is routed to ipsecN is

Names of klips devices are ipsec0 to ipsec63.
";

/// Room for the whole message in ip(8).
const MESSAGE_SIZE: c_int = 1024;
/// Text or JSON, whichever the user wants.
const PRINT_ANY: c_int = 4;
/// No colour.
const COLOR_NONE: c_int = 6;

/// `struct link_util` of iproute2 5 and 6.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct LinkUtil {
    next: *mut LinkUtil,
    id: *const c_char,
    maxattr: c_int,
    parse_opt: unsafe extern "C" fn(*mut Self, c_int, *mut *mut c_char, *mut c_void) -> c_int,
    print_opt: unsafe extern "C" fn(*mut Self, *mut c_void, *mut *mut Attribute),
    print_xstats: Option<unsafe extern "C" fn()>,
    print_help: unsafe extern "C" fn(*mut Self, c_int, *mut *mut c_char, *mut c_void),
    parse_ifla_xstats: Option<unsafe extern "C" fn()>,
    print_ifla_xstats: Option<unsafe extern "C" fn()>,
}

/// `struct rtattr`: what precedes an attribute's value.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Attribute {
    len: u16,
    kind: u16,
}

extern "C" {
    fn addattr32(message: *mut c_void, size: c_int, kind: c_int, value: u32) -> c_int;
    fn ll_name_to_index(name: *const c_char) -> c_uint;
    fn ll_index_to_name(index: c_uint) -> *const c_char;
    fn print_color_string(
        how: c_int,
        color: c_int,
        key: *const c_char,
        format: *const c_char,
        value: *const c_char,
    ) -> c_int;
    fn print_color_uint(
        how: c_int,
        color: c_int,
        key: *const c_char,
        format: *const c_char,
        value: c_uint,
    ) -> c_int;
    fn print_color_bool(
        how: c_int,
        color: c_int,
        key: *const c_char,
        format: *const c_char,
        value: bool,
    ) -> c_int;
}

/// What ip(8) looks for, and links into a list of its own.
#[no_mangle]
#[allow(
    non_upper_case_globals,
    reason = "the name is that of the kind, and ip(8)'s"
)]
pub(crate) static mut klips_link_util: LinkUtil = LinkUtil {
    next: ptr::null_mut(),
    id: c"klips".as_ptr(),
    maxattr: attribute::LAST as c_int,
    parse_opt: parse,
    print_opt: print,
    print_xstats: None,
    print_help: help,
    parse_ifla_xstats: None,
    print_ifla_xstats: None,
};

/// Says something to the user who typed the command.
fn complain(text: &str) -> c_int {
    use std::io::Write;
    // There is nobody left to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
    -1
}

/// Adds to a message what the user's words ask for. 0, or -1 when they make no sense.
///
/// # Safety
///
/// `argv` must hold `argc` texts, and `message` be ip(8)'s message with room for 1024 bytes.
unsafe extern "C" fn parse(
    _: *mut LinkUtil,
    argc: c_int,
    argv: *mut *mut c_char,
    message: *mut c_void,
) -> c_int {
    let Ok(count) = usize::try_from(argc) else {
        return 0;
    };
    // SAFETY: By the function's requirement.
    let words = unsafe { slice::from_raw_parts(argv, count) };
    // SAFETY: As above.
    let mut words = words.iter().map(|word| unsafe { CStr::from_ptr(*word) });
    let (mut link, mut catch) = (None, None);
    while let Some(word) = words.next() {
        let index = match word.to_bytes() {
            b"dev" => match words.next() {
                None => return complain("klips: \"dev\" wants the name of a device.\n"),
                // SAFETY: The name is NUL-terminated.
                Some(name) => match unsafe { ll_name_to_index(name.as_ptr()) } {
                    0 => {
                        let name = name.to_string_lossy();
                        return complain(&format!("Cannot find device \"{name}\"\n"));
                    }
                    index => index,
                },
            },
            b"nodev" => 0,
            choice @ (b"catch" | b"nocatch") => {
                catch = Some(u32::from(choice == b"catch"));
                continue;
            }
            b"help" => return complain(USAGE),
            _ => {
                let word = word.to_string_lossy();
                return complain(&format!("klips: unknown command \"{word}\"?\n{USAGE}"));
            }
        };
        if link.replace(index).is_some() {
            return complain("klips: one device, or none, but not more.\n");
        }
    }
    for (kind, value) in [(attribute::LINK, link), (attribute::CATCH, catch)] {
        let Some(value) = value else { continue };
        // SAFETY: By the function's requirement.
        if unsafe { addattr32(message, MESSAGE_SIZE, kind.into(), value) } != 0 {
            return -1;
        }
    }
    0
}

/// The value of an attribute, if it is there.
///
/// # Safety
///
/// `table` must have a place for every attribute up to the last, each null or an attribute that lives for `'a`.
unsafe fn value<'a>(table: *mut *mut Attribute, kind: u16) -> Option<&'a [u8]> {
    // SAFETY: By the function's requirement.
    let place = unsafe { table.add(kind.into()) };
    // SAFETY: As above.
    let attribute = unsafe { place.read() };
    // SAFETY: As above.
    let header = unsafe { attribute.as_ref() }?;
    let len = usize::from(header.len).checked_sub(size_of::<Attribute>())?;
    // SAFETY: The value follows the header, and has the length that the header says.
    let start = unsafe { attribute.add(1) };
    // SAFETY: As above.
    Some(unsafe { slice::from_raw_parts(start.cast(), len) })
}

fn number(bytes: &[u8]) -> Option<c_uint> {
    bytes.try_into().map(c_uint::from_ne_bytes).ok()
}

/// Prints the attributes that there are.
///
/// # Safety
///
/// `table` must be null or as [`value`] wants it.
unsafe extern "C" fn print(_: *mut LinkUtil, _: *mut c_void, table: *mut *mut Attribute) {
    if table.is_null() {
        return;
    }
    // SAFETY: By the function's requirement, here and below.
    let link = unsafe { value(table, attribute::LINK) }.and_then(number);
    if let Some(link) = link {
        // SAFETY: Any number will do; the answer is a text that lives long enough.
        let name = unsafe { ll_index_to_name(link) };
        // SAFETY: Texts are NUL-terminated.
        unsafe {
            print_color_string(
                PRINT_ANY,
                COLOR_NONE,
                c"dev".as_ptr(),
                c"dev %s ".as_ptr(),
                name,
            )
        };
    }
    // SAFETY: As above.
    let waits = unsafe { value(table, attribute::WAITS_FOR) };
    if let Some(name) = waits.and_then(|bytes| CStr::from_bytes_until_nul(bytes).ok()) {
        let (key, format) = (c"waits_for".as_ptr(), c"waits-for %s ".as_ptr());
        // SAFETY: Texts are NUL-terminated.
        unsafe { print_color_string(PRINT_ANY, COLOR_NONE, key, format, name.as_ptr()) };
    }
    // SAFETY: As above.
    let catch = unsafe { value(table, attribute::CATCH) }.and_then(number);
    if catch.is_some_and(|catch| catch != 0) {
        let (key, format) = (c"catch".as_ptr(), c"catch ".as_ptr());
        // SAFETY: Texts are NUL-terminated.
        unsafe { print_color_bool(PRINT_ANY, COLOR_NONE, key, format, true) };
    }
    for (kind, key, format) in [
        (attribute::NUMBER, c"number", c"number %u "),
        (attribute::PHYS_MTU, c"physical_mtu", c"physical-mtu %u "),
    ] {
        // SAFETY: As above.
        if let Some(number) = unsafe { value(table, kind) }.and_then(number) {
            // SAFETY: Texts are NUL-terminated.
            unsafe {
                print_color_uint(PRINT_ANY, COLOR_NONE, key.as_ptr(), format.as_ptr(), number)
            };
        }
    }
}

/// `ip link help klips`.
///
/// # Safety
///
/// None.
unsafe extern "C" fn help(_: *mut LinkUtil, _: c_int, _: *mut *mut c_char, _: *mut c_void) {
    complain(USAGE);
}
