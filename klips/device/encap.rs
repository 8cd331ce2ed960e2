// SPDX-License-Identifier: GPL-2.0-only

//! ESP in UDP: the sockets that it is to be taken out of.

use crate::kapi::net::{sock, Net};
use kernel::prelude::*;

/// A key daemon gives the UDP socket that its peers behind address translation send to: descriptor and type of
/// encapsulation, as the kernel numbers them.
///
/// `EPROTONOSUPPORT`: the type of the early drafts, with a marker of zeros in front of ESP, which the kernel does not take
/// out any more; `EINVAL`: another type, or no UDP socket of this namespace.
pub(super) fn hand_over(net: &Net, arg: &[u8; 16]) -> Result {
    const NON_IKE: i32 = 1;
    const NON_ESP: i32 = 2;
    let word = |at: usize| {
        let bytes = arg.get(at..)?.first_chunk()?;
        Some(i32::from_ne_bytes(*bytes))
    };
    let (fd, kind) = word(0).zip(word(4)).ok_or(EINVAL)?;
    match kind {
        NON_ESP => sock::take_esp_out_of(net, fd),
        NON_IKE => {
            pr_notice!(
                "ESP in UDP with a non-IKE marker is not in this kernel; RFC 3948 (type 2) is\n"
            );
            Err(sock::no_such_protocol())
        }
        _ => Err(EINVAL),
    }
}
