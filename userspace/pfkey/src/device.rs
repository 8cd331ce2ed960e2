// SPDX-License-Identifier: GPL-2.0-only

//! Attaching `ipsecN` devices to physical ones: four private ioctls on the virtual device.
//!
//! The argument is a `struct ifreq` whose union (offset 16) starts with a command word and a device name of at most
//! eleven characters.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{socket, AddressFamily, SockFlag, SockType};

/// Attach: `SIOCDEVPRIVATE`.
const SET_DEV: u32 = 0x89f0;
/// Detach: `SIOCDEVPRIVATE + 1`.
const DEL_DEV: u32 = 0x89f1;
/// Detach every device: `SIOCDEVPRIVATE + 2`.
const CLR_DEV: u32 = 0x89f2;
/// Attach, and catch what leaves by the physical device: `SIOCDEVPRIVATE + 4`.
const CATCH_DEV: u32 = 0x89f4;

/// The device that [`DeviceControl::clear`] is asked through, whatever is attached.
const CLEAR_THROUGH: InterfaceName = InterfaceName {
    bytes: *b"ipsec0\0\0\0\0\0\0\0\0\0\0",
};

/// Room for a name in `struct ifreq` (IFNAMSIZ).
const IFNAMSIZ: usize = 16;
/// Room for the physical device's name in [`Conf`].
const CONF_NAME: usize = 12;

/// What the union of `struct ifreq` holds for these ioctls.
#[repr(C)]
#[derive(Clone, Copy)]
struct Conf {
    /// Repeats the ioctl number; the kernel does not look at it.
    cmd: u32,
    name: [u8; CONF_NAME],
}

/// `struct ifreq` as the kernel copies it on 64-bit machines: 40 bytes, of which the 32-bit ones use 32.
#[repr(C, align(8))]
struct Request {
    interface: [u8; IFNAMSIZ],
    conf: Conf,
    pad: [u8; 8],
}

const _: () = assert!(size_of::<Request>() == 40 && std::mem::offset_of!(Request, conf) == 16);
const _: () = assert!(size_of::<Request>() >= size_of::<libc::ifreq>());

mod raw {
    //! The ioctl wrappers proper, made by `nix`.

    use super::{Request, CATCH_DEV, CLR_DEV, DEL_DEV, SET_DEV};

    nix::ioctl_readwrite_bad!(set_dev, SET_DEV, Request);
    nix::ioctl_readwrite_bad!(del_dev, DEL_DEV, Request);
    nix::ioctl_readwrite_bad!(clr_dev, CLR_DEV, Request);
    nix::ioctl_readwrite_bad!(catch_dev, CATCH_DEV, Request);
}

/// Why a text is no interface name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing in it.
    Empty,
    /// More than the 15 characters that the kernel has room for.
    TooLong,
    /// A character that no interface name has: NUL, `/` or white space.
    BadCharacter,
}

/// The name of a network device, NUL-padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceName {
    bytes: [u8; IFNAMSIZ],
}

impl InterfaceName {
    /// Checks a name as the kernel would.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let source = text.as_bytes();
        if source.is_empty() {
            return Err(NameError::Empty);
        }
        if source
            .iter()
            .any(|&b| b == 0 || b == b'/' || b.is_ascii_whitespace())
        {
            return Err(NameError::BadCharacter);
        }
        let mut bytes = [0; IFNAMSIZ];
        let room = bytes.get_mut(..IFNAMSIZ - 1).unwrap_or_default();
        room.get_mut(..source.len())
            .ok_or(NameError::TooLong)?
            .copy_from_slice(source);
        Ok(Self { bytes })
    }

    /// The first eleven characters, NUL-terminated: all that the attach request can carry.
    fn short(&self) -> Result<[u8; CONF_NAME], NameError> {
        let (head, tail) = self.bytes.split_at(CONF_NAME - 1);
        if tail.first() != Some(&0) {
            return Err(NameError::TooLong);
        }
        let mut name = [0; CONF_NAME];
        for (to, from) in name.iter_mut().zip(head) {
            *to = *from;
        }
        Ok(name)
    }
}

/// A socket to ask the `ipsecN` devices through.
#[derive(Debug)]
pub struct DeviceControl {
    fd: OwnedFd,
}

impl DeviceControl {
    /// Opens the socket. Any socket will do: the device named in the request answers.
    ///
    /// # Errors
    ///
    /// The errno of socket(2).
    pub fn open() -> Result<Self, Errno> {
        let fd = socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        Ok(Self { fd })
    }

    /// Attaches the virtual device to the physical one.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such virtual device, `ENXIO` no such physical one, `EBUSY` already attached, `EPERM`
    /// without `CAP_NET_ADMIN`; `ENAMETOOLONG` if the physical name has more than eleven characters.
    pub fn attach(&self, virt: &InterfaceName, physical: &InterfaceName) -> Result<(), Errno> {
        let name = physical.short().map_err(|_| Errno::ENAMETOOLONG)?;
        let mut request = Request::new(virt, SET_DEV, name);
        // SAFETY: the descriptor is open, and `request` is a live, exclusive struct ifreq of the size the kernel copies.
        unsafe { raw::set_dev(self.fd.as_raw_fd(), &mut request) }.map(drop)
    }

    /// As [`DeviceControl::attach`]; the virtual device also takes what is routed to the physical one and a policy is for.
    ///
    /// # Errors
    ///
    /// As there; `EOPNOTSUPP` if the module knows nothing of this.
    pub fn attach_and_catch(
        &self,
        virt: &InterfaceName,
        physical: &InterfaceName,
    ) -> Result<(), Errno> {
        let name = physical.short().map_err(|_| Errno::ENAMETOOLONG)?;
        let mut request = Request::new(virt, CATCH_DEV, name);
        // SAFETY: as for attach.
        unsafe { raw::catch_dev(self.fd.as_raw_fd(), &mut request) }.map(drop)
    }

    /// Detaches the virtual device from whatever it is attached to.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such device or it is not attached, `EPERM` without `CAP_NET_ADMIN`.
    pub fn detach(&self, virt: &InterfaceName) -> Result<(), Errno> {
        let mut request = Request::new(virt, DEL_DEV, [0; CONF_NAME]);
        // SAFETY: as for attach.
        unsafe { raw::del_dev(self.fd.as_raw_fd(), &mut request) }.map(drop)
    }

    /// Detaches every virtual device.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no ipsec0, `EPERM` without `CAP_NET_ADMIN`.
    pub fn clear(&self) -> Result<(), Errno> {
        let mut request = Request::new(&CLEAR_THROUGH, CLR_DEV, [0; CONF_NAME]);
        // SAFETY: as for attach.
        unsafe { raw::clr_dev(self.fd.as_raw_fd(), &mut request) }.map(drop)
    }
}

impl Request {
    fn new(interface: &InterfaceName, cmd: u32, name: [u8; CONF_NAME]) -> Self {
        Self {
            interface: interface.bytes,
            conf: Conf { cmd, name },
            pad: [0; 8],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_padded() {
        assert_eq!(InterfaceName::new(""), Err(NameError::Empty));
        assert_eq!(InterfaceName::new("a b"), Err(NameError::BadCharacter));
        assert_eq!(InterfaceName::new("../x"), Err(NameError::BadCharacter));
        assert_eq!(
            InterfaceName::new("sixteen-letters!"),
            Err(NameError::TooLong)
        );
        let name = InterfaceName::new("eth0").expect("a plain name");
        assert_eq!(&name.bytes, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(name.short(), Ok(*b"eth0\0\0\0\0\0\0\0\0"));
    }

    #[test]
    fn only_eleven_characters_fit_an_attach() {
        let fits = InterfaceName::new("elevenchars").expect("a plain name");
        assert_eq!(fits.short(), Ok(*b"elevenchars\0"));
        let long = InterfaceName::new("twelve-chars").expect("a plain name");
        assert_eq!(long.short(), Err(NameError::TooLong));
    }
}
