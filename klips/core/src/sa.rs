// SPDX-License-Identifier: GPL-2.0-only

//! A security association without its keys: algorithms, replay window, lifetimes, state.

pub mod alg;
pub mod gauge;
pub mod life;
pub mod replay;
pub mod state;

pub use alg::{suite, AlgError, Suite};
pub use gauge::{is_to_spread, Gauge};
pub use life::{Expiry, Kind, Lifetime, Lifetimes, Used, LARVAL_SECONDS};
pub use replay::{Exhausted, Replay, ReplayError, Window};
pub use state::State;
