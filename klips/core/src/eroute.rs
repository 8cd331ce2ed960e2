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
//! [`search()`] finds the same and reads less: it passes over the shapes under which there cannot be anything for the
//! packet's source, and a [`filter`] over most of those under which there is nothing. The hash table is the caller's; with
//! the feature `lines` there is one here that is made for tables larger than the caches.
//!
//! # Host bits
//!
//! A key is stored and listed as it was given, host bits included, but it matches by its network: an eroute for
//! 10.1.2.3/8 is an eroute for 10.0.0.0/8. (The original compared the network of the packet with the unmasked key, so
//! that such an eroute never matched, and its packets were dropped or went by a wider policy.) For the same reason two
//! keys that differ in host bits only are the same eroute: [`Selector::same`].

pub mod filter;
mod key;
#[cfg(feature = "lines")]
pub mod lines;
mod search;
mod shape;
mod trap;
mod verdict;

pub use crate::addr::Family;
pub use key::{Key, Selector};
#[cfg(feature = "lines")]
pub use lines::Line;
pub use search::{search, Group, Packed, Shape, Source, MOST_SHAPES};
pub use shape::{insertion_point, insertion_point_by, lookup, precedes, source_of};
pub use trap::{
    acquire_ends, bypass, hold_for, is_ike_or_ipsec, is_of_the_link, AcquireEnds, IKE_PORTS,
};
pub use verdict::Verdict;
