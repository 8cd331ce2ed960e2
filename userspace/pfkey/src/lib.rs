// SPDX-License-Identifier: GPL-2.0-only

//! The kernel edge of the KLIPS tools: the PF_KEY socket, the private ioctls of the `ipsecN` devices, and what a
//! program needs to listen in the background.
//!
//! This is the only userspace crate that says `unsafe`, because four things have no safe wrapper: creating a socket of
//! family 15 with protocol 2, an ioctl whose argument is a structure of our own, fork(2), and (with the feature
//! `iplink`) being a plugin of ip(8). Everything above it works with [`PfkeySocket`], [`DeviceControl`], [`Stop`] and
//! [`background()`] and sees plain values and [`Errno`].

#![cfg_attr(test, allow(clippy::expect_used))]

mod background;
mod device;
#[cfg(feature = "iplink")]
mod iplink;
mod socket;
mod stop;

pub use background::{background, Side};
pub use device::{DeviceControl, InterfaceName, NameError};
pub use nix::errno::Errno;
pub use socket::PfkeySocket;
pub use stop::{Stop, Woken};
