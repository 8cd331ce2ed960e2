// SPDX-License-Identifier: GPL-2.0-only

//! What the fuzzer calls: a module for each target, whose `run` takes the bytes that libFuzzer has made up.
//!
//! Whatever the bytes are, `run` must come to an end within a second, without a panic and within [`BOUND`]. What is true of
//! all input is asserted; where `tests/core` has a model, or says what must be true, it is the same one here.

#![forbid(unsafe_code)]

pub mod ah;
pub mod command;
pub mod comp;
pub mod eroute;
pub mod listing;
pub mod packet;
pub mod pfkey;
pub mod replay;
pub mod said;
pub mod setkey;
pub mod shaped;
pub mod texts;

use cap::Cap;
use std::alloc::System;

pub use libfuzzer_sys;

/// Bytes that one input may have allocated at a time. What asks for more is aborted.
pub const BOUND: usize = 1 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Has `run` take an input, within the bound.
pub fn within_bound(run: fn(&[u8]), input: &[u8]) {
    let limit = MEMORY.allocated().saturating_add(BOUND);
    MEMORY
        .set_limit(limit)
        .expect("a limit above what is there");
    run(input);
    MEMORY.set_limit(usize::MAX).expect("no limit");
}

/// The program of a target.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::within_bound(
            $crate::$name::run,
            input
        ));
    };
}
