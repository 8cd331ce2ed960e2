// SPDX-License-Identifier: GPL-2.0-only

//! Names of the kernel's crypto templates, put together without allocating.

use core::ffi::CStr;
use core::fmt;
use core::ops::Deref;

/// Room for the longest name that the table can make, and its NUL; the kernel's own limit is 128.
const ROOM: usize = 64;

/// A name such as `rfc4106(gcm(aes))` or `authenc(hmac(sha1),cbc(aes))`.
#[derive(Clone, Copy)]
pub struct DriverName(Name);

#[derive(Clone, Copy)]
enum Name {
    /// One that needs no putting together.
    Whole(&'static CStr),
    /// The name, and zeros up to the end.
    Composed([u8; ROOM]),
}

impl DriverName {
    /// The name of something that stands alone.
    pub(super) const fn whole(name: &'static CStr) -> Self {
        Self(Name::Whole(name))
    }

    /// The parts one after the other. What does not fit is lost, and the kernel knows no such name.
    pub(super) fn compose(parts: &[&CStr]) -> Self {
        let mut bytes = [0; ROOM];
        // Not `to_bytes`: it takes 1 from a length, which the compiler does not know to be possible.
        let with_nuls = parts.iter().flat_map(|part| part.to_bytes_with_nul());
        let name = with_nuls.filter(|byte| **byte != 0);
        // The last zero is never written to.
        for (to, from) in bytes.iter_mut().take(ROOM.saturating_sub(1)).zip(name) {
            *to = *from;
        }
        Self(Name::Composed(bytes))
    }
}

impl Deref for DriverName {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        match &self.0 {
            Name::Whole(name) => name,
            Name::Composed(bytes) => CStr::from_bytes_until_nul(bytes).unwrap_or_default(),
        }
    }
}

impl PartialEq for DriverName {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for DriverName {}

impl fmt::Debug for DriverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_a_name() {
        let name = DriverName::compose(&[c"authenc(", c"hmac(md5)", c",", c"cbc(aes)", c")"]);
        assert_eq!(&*name, c"authenc(hmac(md5),cbc(aes))");
        assert_eq!(&*DriverName::compose(&[]), c"");
        assert_eq!(
            DriverName::whole(c"cmac(aes)"),
            DriverName::compose(&[c"cmac(", c"aes)"])
        );
    }

    #[test]
    fn too_long_a_name_is_cut_off_and_still_a_name() {
        let part = c"0123456789012345678901234567890123456789";
        let name = DriverName::compose(&[part, part]);
        assert_eq!(name.to_bytes().len(), ROOM - 1);
    }
}
