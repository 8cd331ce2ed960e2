// SPDX-License-Identifier: GPL-2.0-only

//! How a packet will grow on its way through a bundle of SAs, computed before anything is touched.

use crate::addr::Family;
use crate::reason::Discard;
use crate::wire::{ah, esp, ipv4, ipv6, udp};

/// The longest outer packet, in bytes.
pub const MAX_OUTER_LEN: usize = 65520;

/// What one SA of a bundle adds to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An outer IP header of this family.
    Ipip(Family),
    /// ESP; all in bytes.
    Esp {
        /// IV in the packet.
        iv_len: usize,
        /// What the payload is padded to.
        block: usize,
        /// ICV in the packet.
        icv_len: usize,
    },
    /// AH with an ICV of so many bytes.
    Ah(usize),
    /// IPComp. Planned as if it left the packet as it is: it never makes one longer.
    Comp,
    /// A UDP header in front of ESP, and so many bytes of marker behind it.
    Udp(usize),
}

/// The room that a packet needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Bytes that all headers add in front.
    pub headroom: usize,
    /// Bytes that padding, trailers and ICVs add behind.
    pub tailroom: usize,
    /// Length of the outer packet.
    pub total_len: usize,
}

impl Plan {
    /// The MTU that an inner sender is told of, by the classic rule; `phys_mtu` and the result are in bytes.
    ///
    /// It is an estimate from the padding of *this* packet, rounded. On an Ethernet it holds for every suite; on odd
    /// MTUs a packet of that length may still exceed the physical one by a few bytes, and is fragmented then.
    #[inline]
    pub const fn inner_mtu(&self, phys_mtu: usize) -> usize {
        let tail = self.tailroom.saturating_add(2) & !7;
        phys_mtu.saturating_sub(self.headroom.saturating_add(tail).saturating_add(5))
    }
}

/// Plans the way of a packet of `len` bytes, `header_len` of them its IP header of `family`, through `steps`, innermost
/// first.
///
/// # Errors
///
/// [`Discard::TxBadInnerHeader`] if the header is longer than the packet, [`Discard::TxTooBig`] if the outer packet
/// would exceed [`MAX_OUTER_LEN`].
#[inline]
pub fn plan(
    steps: impl IntoIterator<Item = Step>,
    len: usize,
    header_len: usize,
    family: Family,
) -> Result<Plan, Discard> {
    let mut family = family;
    let mut headroom: usize = 0;
    let mut tailroom: usize = 0;
    let mut payload_len = len
        .checked_sub(header_len)
        .ok_or(Discard::TxBadInnerHeader)?;
    let mut header_len = header_len;
    for step in steps {
        match step {
            Step::Ipip(outer) => {
                family = outer;
                payload_len = payload_len.saturating_add(header_len);
                header_len = match family {
                    Family::V4 => ipv4::HEADER_LEN,
                    Family::V6 => ipv6::HEADER_LEN,
                };
                headroom = headroom.saturating_add(header_len);
            }
            Step::Esp {
                iv_len,
                block,
                icv_len,
            } => {
                let head = esp::HEADER_LEN.saturating_add(iv_len);
                let tail = esp::pad_len(payload_len, block).saturating_add(icv_len);
                headroom = headroom.saturating_add(head);
                tailroom = tailroom.saturating_add(tail);
                payload_len = payload_len.saturating_add(head).saturating_add(tail);
            }
            Step::Ah(icv_len) => {
                let head = ah::len(icv_len, family);
                headroom = headroom.saturating_add(head);
                payload_len = payload_len.saturating_add(head);
            }
            Step::Comp => {}
            Step::Udp(marker_len) => {
                let head = udp::HEADER_LEN.saturating_add(marker_len);
                headroom = headroom.saturating_add(head);
                payload_len = payload_len.saturating_add(head);
            }
        }
    }
    let total_len = payload_len.saturating_add(header_len);
    if total_len > MAX_OUTER_LEN {
        return Err(Discard::TxTooBig);
    }
    Ok(Plan {
        headroom,
        tailroom,
        total_len,
    })
}

/// The longest inner packet, in bytes, whose outer packet is at most `phys_mtu`; `header_len` is that of its IP header.
///
/// `steps` makes the steps anew for every try. 0 if not even a bare header fits.
pub fn largest_inner<I: IntoIterator<Item = Step>>(
    steps: impl Fn() -> I,
    phys_mtu: usize,
    header_len: usize,
    family: Family,
) -> usize {
    // Padding repeats after a cipher's block, at most 256: the answer is close below the first guess.
    let fits = |len: usize| matches!(plan(steps(), len, header_len, family), Ok(p) if p.total_len <= phys_mtu);
    let Ok(bare) = plan(steps(), header_len, header_len, family) else {
        return 0;
    };
    // Devices may take more than an IP packet can be.
    let guess = phys_mtu.min(MAX_OUTER_LEN).saturating_sub(bare.headroom);
    (0..=512)
        .filter_map(|less| guess.checked_sub(less))
        .find(|len| *len >= header_len && fits(*len))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNNEL: Step = Step::Ipip(Family::V4);
    const DES3_MD5: Step = Step::Esp {
        iv_len: 8,
        block: 8,
        icv_len: 12,
    };
    const AES_SHA1: Step = Step::Esp {
        iv_len: 16,
        block: 16,
        icv_len: 12,
    };
    const AES_SHA2: Step = Step::Esp {
        iv_len: 16,
        block: 16,
        icv_len: 16,
    };
    const GCM: Step = Step::Esp {
        iv_len: 8,
        block: 4,
        icv_len: 16,
    };

    #[test]
    fn a_device_may_take_more_than_a_packet_can_be() {
        let steps = || [TUNNEL, Step::Comp, Step::Udp(8), GCM];
        let largest = largest_inner(steps, MAX_OUTER_LEN, 20, Family::V4);
        assert!(largest > MAX_OUTER_LEN - 100);
        for mtu in [MAX_OUTER_LEN + 1, 65536, 69203, usize::MAX] {
            assert_eq!(largest_inner(steps, mtu, 20, Family::V4), largest);
        }
    }

    #[test]
    fn the_largest_inner_packet_fits_and_one_more_byte_does_not() {
        for esp in [DES3_MD5, AES_SHA1, AES_SHA2, GCM] {
            for mtu in 576..1600 {
                let largest = largest_inner(|| [TUNNEL, esp], mtu, 20, Family::V4);
                let outer = |len| plan([TUNNEL, esp], len, 20, Family::V4).unwrap().total_len;
                assert!(
                    outer(largest) <= mtu && outer(largest + 1) > mtu,
                    "{esp:?} {mtu}"
                );
            }
        }
        assert_eq!(
            largest_inner(|| [TUNNEL, DES3_MD5], 1500, 20, Family::V4),
            1446
        );
        assert_eq!(largest_inner(|| [TUNNEL, GCM], 60, 20, Family::V4), 0);
    }

    #[test]
    fn classic_mtu_of_a_3des_md5_tunnel() {
        for len in 20..1600 {
            let plan = plan([TUNNEL, DES3_MD5], len, 20, Family::V4).unwrap();
            assert_eq!(plan.headroom, 36);
            assert_eq!(plan.inner_mtu(1500), 1443);
        }
    }

    #[test]
    fn lengths_by_hand() {
        // 84 bytes of ping: 84 + 12 padding and trailer = 96 = 6 * 16; 20 + 8 + 16 + 96 + 12 = 152.
        let ping = plan([TUNNEL, AES_SHA1], 84, 20, Family::V4).unwrap();
        assert_eq!(
            ping,
            Plan {
                headroom: 44,
                tailroom: 24,
                total_len: 152
            }
        );
        // Transport: only the payload is padded. 64 + 4 = 68; 20 + 8 + 8 + 68 + 16 = 120.
        let transport = plan([GCM], 84, 20, Family::V4).unwrap();
        assert_eq!(
            transport,
            Plan {
                headroom: 16,
                tailroom: 20,
                total_len: 120
            }
        );
        let v6 = plan([Step::Ipip(Family::V6), GCM], 84, 20, Family::V4).unwrap();
        assert_eq!((v6.headroom, v6.total_len), (56, 84 + 56 + v6.tailroom));
        assert_eq!(
            plan([], 84, 20, Family::V4),
            Ok(Plan {
                headroom: 0,
                tailroom: 0,
                total_len: 84
            })
        );
    }

    #[test]
    fn what_fits_the_classic_mtu_fits_an_ethernet() {
        for esp in [DES3_MD5, AES_SHA1, AES_SHA2, GCM] {
            for len in 1400..=1500 {
                let mtu = plan([TUNNEL, esp], len, 20, Family::V4)
                    .unwrap()
                    .inner_mtu(1500);
                let fits = plan([TUNNEL, esp], mtu, 20, Family::V4).unwrap();
                assert!(
                    fits.total_len <= 1500,
                    "{esp:?} {len}: {mtu} becomes {}",
                    fits.total_len
                );
            }
        }
    }

    #[test]
    fn room_adds_up() {
        for steps in [
            &[TUNNEL, AES_SHA1][..],
            &[AES_SHA2],
            &[TUNNEL, GCM, TUNNEL, DES3_MD5],
        ] {
            for len in 20..300 {
                let plan = plan(steps.iter().copied(), len, 20, Family::V4).unwrap();
                assert_eq!(plan.total_len, plan.headroom + len + plan.tailroom);
            }
        }
    }

    #[test]
    fn ah_is_aligned_by_family_and_udp_counts() {
        let outer = |steps: &[Step]| {
            plan(steps.iter().copied(), 84, 20, Family::V4)
                .unwrap()
                .total_len
        };
        assert_eq!(outer(&[TUNNEL, Step::Ah(16)]), 20 + 28 + 84);
        assert_eq!(outer(&[Step::Ah(16)]), 28 + 84);
        assert_eq!(outer(&[Step::Ipip(Family::V6), Step::Ah(16)]), 40 + 32 + 84);
        assert_eq!(
            outer(&[TUNNEL, Step::Comp, AES_SHA1, Step::Udp(0)]),
            152 + 8
        );
        assert_eq!(outer(&[TUNNEL, AES_SHA1, Step::Udp(8)]), 152 + 16);
        let inner_v6 = plan([Step::Ah(16)], 84, 40, Family::V6).unwrap();
        assert_eq!(inner_v6.total_len, 84 + 32);
    }

    #[test]
    fn limits() {
        assert_eq!(
            plan([TUNNEL], 65500, 20, Family::V4).unwrap().total_len,
            65520
        );
        assert_eq!(
            plan([TUNNEL], 65501, 20, Family::V4),
            Err(Discard::TxTooBig)
        );
        assert_eq!(
            plan([TUNNEL, GCM], usize::MAX, 20, Family::V4),
            Err(Discard::TxTooBig)
        );
        assert_eq!(
            plan([TUNNEL], 19, 20, Family::V4),
            Err(Discard::TxBadInnerHeader)
        );
    }
}
