// SPDX-License-Identifier: GPL-2.0-only

//! The kernel edge of the KLIPS tools: the PF_KEY socket and the private ioctls of the `ipsecN` devices.
//!
//! This is the only userspace crate that says `unsafe`, because two things have no safe wrapper: creating a socket of
//! family 15 with protocol 2, and an ioctl whose argument is a structure of our own. Everything above it works with
//! [`PfkeySocket`] and [`DeviceControl`] and sees plain values and [`Errno`].

#![cfg_attr(test, allow(clippy::expect_used))]

mod device;
mod socket;

pub use device::{DeviceControl, InterfaceName, NameError};
pub use nix::errno::Errno;
pub use socket::PfkeySocket;
