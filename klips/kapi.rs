// SPDX-License-Identifier: GPL-2.0-only

//! Safe abstractions over the kernel APIs that the `kernel` crate does not cover yet.
//!
//! This is the only part of the module that may use `unsafe`. Nothing in its public face takes or returns a raw pointer.

mod raw;
