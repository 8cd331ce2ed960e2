// SPDX-License-Identifier: GPL-2.0-only

//! Safe abstractions over the kernel APIs that the `kernel` crate does not cover yet.
//!
//! This is the only part of the module that may use `unsafe`. Nothing in its public face takes or returns a raw pointer.

pub(crate) mod branch;
pub(crate) mod crypto;
#[cfg(CONFIG_KUNIT)]
mod kunit;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod net;
pub(crate) mod percpu;
pub(crate) mod proc_fs;
pub(crate) mod rcu;
pub(crate) mod rcu_map;
pub(crate) mod spread;
pub(crate) mod sysctl;
pub(crate) mod time;
pub(crate) mod work;
pub(crate) mod zeroed;

mod raw;
