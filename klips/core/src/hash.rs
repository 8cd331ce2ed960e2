// SPDX-License-Identifier: GPL-2.0-only

//! What the hashes of our tables are made of.

/// The low half of an address.
#[inline]
pub(crate) fn low(bits: u128) -> u64 {
    u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0)
}

/// The high half of an address.
#[inline]
pub(crate) fn high(bits: u128) -> u64 {
    low(bits >> 64)
}

/// One round: an odd multiplier spreads upwards, the shift brings the high bits down to where tables look.
#[inline]
pub(crate) const fn mix(hash: u64, value: u64) -> u64 {
    let product = (hash ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ (product >> 29)
}
