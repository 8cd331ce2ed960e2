// SPDX-License-Identifier: GPL-2.0-only

//! Looking at packets as they come in, before they are routed.

use super::{pair, Pair, ACCEPT, DROP};
use crate::kapi::{net::dev::Port, raw};
use core::{marker::PhantomData, slice};
use kernel::ffi::{c_uint, c_void};

/// How much of a packet is made linear to look at: addresses, extension headers, ports.
const LOOK: u32 = 128;

/// Somebody who looks at packets that come in.
pub(crate) trait Inspector: 'static {
    /// Whether a packet that came in by `port` may go on. Softirq, under RCU.
    ///
    /// `head` is the linear beginning of the packet, an IP header first; the whole packet has `len` bytes.
    fn admits(port: &Port, head: &[u8], len: usize) -> bool;
}

/// The hooks of an inspector.
pub(super) fn hooks<I: Inspector>() -> &'static Pair {
    &Ops::<I>::HOOKS
}

struct Ops<I: Inspector>(PhantomData<I>);

impl<I: Inspector> Ops<I> {
    // Before connection tracking and address translation, which would change what is looked at.
    const HOOKS: Pair = pair(
        Some(Self::callback),
        raw::KLIPS_NF_INET_PRE_ROUTING,
        raw::KLIPS_NF_IP_PRI_RAW,
    );

    /// A packet came in.
    ///
    /// # Safety
    ///
    /// `skb` must be a live buffer whose data begins with an IP header, and `state` the hook's state.
    unsafe extern "C" fn callback(
        _priv: *mut c_void,
        skb: *mut raw::sk_buff,
        state: *const raw::nf_hook_state,
    ) -> c_uint {
        // SAFETY: By the function's requirement; the device lives as long as the packet is on its way.
        let (port, head, len) = unsafe {
            let Some(port) = Port::from_raw((*state).in_) else {
                return ACCEPT;
            };
            if raw::klips_skb_was_decrypted(skb) {
                return ACCEPT;
            }
            let len = (*skb).len;
            if !raw::klips_pskb_may_pull(skb, len.min(LOOK)) {
                return ACCEPT;
            }
            let head = slice::from_raw_parts((*skb).data, len.min(LOOK) as usize);
            (port, head, len as usize)
        };
        if I::admits(port, head, len) {
            ACCEPT
        } else {
            DROP
        }
    }
}
