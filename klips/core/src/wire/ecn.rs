// SPDX-License-Identifier: GPL-2.0-only

//! Explicit congestion notification through tunnels, RFC 6040.

const MASK: u8 = 3;
const NOT_ECT: u8 = 0;
const ECT_0: u8 = 2;
const ECT_1: u8 = 1;
const CE: u8 = 3;

/// The type of service or traffic class of a packet that comes out of a tunnel; the arguments are the outer header's and
/// its own. `None`: it must be dropped, as it cannot be told of the congestion that the outer header met (RFC 6040 4.2).
#[inline]
pub const fn leave_tunnel(outer: u8, inner: u8) -> Option<u8> {
    match (outer & MASK, inner & MASK) {
        (CE, NOT_ECT) => None,
        (CE, _) => Some(inner | CE),
        (ECT_1, ECT_0) => Some((inner & !MASK) | ECT_1),
        _ => Some(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rfc_6040() {
        // Rows: inner Not-ECT, ECT(1), ECT(0), CE; columns: outer in the same order.
        for (inner, row) in [
            (0, [Some(0), Some(0), Some(0), None]),
            (1, [Some(1), Some(1), Some(1), Some(3)]),
            (2, [Some(2), Some(1), Some(2), Some(3)]),
            (3, [Some(3); 4]),
        ] {
            for (outer, out) in row.into_iter().enumerate() {
                let dscp = 0xb8;
                let got = leave_tunnel(0x40 | outer as u8, dscp | inner);
                assert_eq!(got, out.map(|ecn| dscp | ecn), "{inner} {outer}");
            }
        }
    }
}
