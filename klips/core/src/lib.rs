// SPDX-License-Identifier: GPL-2.0-only

//! The pure part of KLIPS: wire formats, PF_KEY messages, SA arithmetic, the eroute order and every text format.
//!
//! This crate knows nothing of the kernel. It is built three times from the same files: into `klips.ko`, into the
//! `ipsec` tool, and for the host tests. It allocates nothing, never blocks, and cannot panic: every function may be
//! called in softirq unless its documentation says otherwise.
//!
//! Layers, lowest first (a module uses only what stands above it):
//!
//! * [`addr`]: addresses, networks and numbers as text.
//! * [`said`]: the names of things: protocols, SAIDs, shunts.
//! * [`reason`]: why a packet was discarded; one variant, one counter.
//! * [`wire`]: packet headers as validated types.
//! * [`sa`]: algorithms, replay window, lifetimes of a security association.
//! * [`eroute`]: selectors and their deterministic most-specific order.
//! * [`plan`]: how much room and which verdict a bundle means for a packet.
//! * [`pfkey`]: PF_KEYv2 messages, parsed and built.
//! * [`spd`]: which policy of the Linux dialect a packet meets.
//! * [`path`]: whether a policy is content with what a packet has come through.
//! * [`text`]: the `/proc` formats.
//!
//! All values are in host byte order unless a name or type says otherwise.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod addr;
pub mod eroute;
mod hash;
pub mod path;
pub mod pfkey;
pub mod plan;
pub mod reason;
pub mod sa;
pub mod said;
pub mod spd;
pub mod text;
pub mod wire;
