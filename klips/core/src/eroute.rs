// SPDX-License-Identifier: GPL-2.0-only

//! Eroutes: which packets go where.
//!
//! An eroute is a [`Selector`] (addresses, protocol and ports under a mask) with a SAID that says what becomes of the
//! packets it matches. The table itself belongs to the caller; here are its keys, their order, and the search.
//!
//! # Which eroute wins
//!
//! Every eroute has a *shape*: its mask. Shapes are ranked, more specific source first, then destination, then
//! protocol, then ports; shapes of equal rank in the order they were first used ([`insertion_point`]). The first shape
//! under which the packet finds an entry wins ([`lookup`]). So the winner depends on the policies alone, never on their
//! bits, and for nested policies it is the narrowest one. A search costs one probe of an exact hash for each *distinct*
//! mask, however many eroutes there are.
//!
//! For tables that are larger than the caches there is, with the feature `search`, a search that finds the same and reads
//! less: `search`, over `lines`. The module's table does not use it.
//!
//! # Host bits
//!
//! A key is stored and listed as it was given, host bits included, but it matches by its network: an eroute for
//! 10.1.2.3/8 is an eroute for 10.0.0.0/8. (The original compared the network of the packet with the unmasked key, so
//! that such an eroute never matched, and its packets were dropped or went by a wider policy.) For the same reason two
//! keys that differ in host bits only are the same eroute: [`Selector::same`].

mod key;
#[cfg(feature = "search")]
pub mod lines;
#[cfg(feature = "search")]
mod search;
mod shape;
mod trap;
mod verdict;

pub use crate::addr::Family;
pub use key::{Key, Selector};
#[cfg(feature = "search")]
pub use lines::Line;
#[cfg(feature = "search")]
pub use search::{search, Group, Packed, Shape, Source, MOST_SHAPES};
pub use shape::{insertion_point, lookup, precedes, source_of};
pub use trap::{acquire_ends, bypass, hold_for, is_ike_or_ipsec, AcquireEnds, IKE_PORTS};
pub use verdict::Verdict;
