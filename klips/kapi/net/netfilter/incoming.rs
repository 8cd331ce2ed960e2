// SPDX-License-Identifier: GPL-2.0-only

//! Looking at packets as they come in, before they are routed.

use super::{pair, Pair, ACCEPT, DROP};
use crate::kapi::{net::dev::Port, raw};
use core::{
    marker::PhantomData,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};
use kernel::ffi::{c_uint, c_void};

/// How much of a packet is made linear to look at: addresses, extension headers, ports.
const LOOK: u32 = 128;

/// Somebody who looks at packets that come in.
pub(crate) trait Inspector: 'static {
    /// Whether a packet may go on that came in by a device which is watched ([`Watch`]), or by another one. Softirq, under
    /// RCU.
    fn admits(packet: &mut Arriving<'_>) -> bool;
}

/// A packet that comes in.
///
/// # Invariants
///
/// `skb` is a live buffer that nobody else uses, whose data begins with an IP header.
pub(crate) struct Arriving<'a> {
    skb: *mut raw::sk_buff,
    port: &'a Port,
}

impl<'a> Arriving<'a> {
    /// The device that it came in by.
    #[inline]
    pub(crate) fn port(&self) -> &'a Port {
        self.port
    }

    /// Bytes of the packet.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { (*self.skb).len as usize }
    }

    /// The beginning of the packet, made linear. `None`: that failed.
    pub(crate) fn head(&mut self) -> Option<&[u8]> {
        // SAFETY: By the type invariant.
        let len = unsafe { (*self.skb).len }.min(LOOK);
        // SAFETY: As above.
        if !unsafe { raw::klips_pskb_may_pull(self.skb, len) } {
            return None;
        }
        // SAFETY: So many bytes are linear now, and stay as they are as long as the packet is borrowed.
        Some(unsafe { slice::from_raw_parts((*self.skb).data, len as usize) })
    }
}

/// Counts of devices by a hash of their address: where there is none, no packet is looked at. All namespaces and inspectors
/// share them.
static WATCHED: [AtomicU32; 256] = [const { AtomicU32::new(0) }; 256];

static WATCHED_ELSE: AtomicU32 = AtomicU32::new(0);

/// The count that a device is in.
#[inline]
fn watched(port: &Port) -> &'static AtomicU32 {
    let [.., slot] = ((port.as_ptr() as u64) >> 6)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_le_bytes();
    // There is one for each value of a byte.
    WATCHED.get(usize::from(slot)).unwrap_or(&WATCHED_ELSE)
}

/// A wish that packets which a device receives be looked at; it ends with the value.
pub(crate) struct Watch(&'static AtomicU32);

impl Watch {
    /// Wishes so. Any context.
    pub(crate) fn new(port: &Port) -> Self {
        let count = watched(port);
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The hooks of an inspector.
pub(super) fn hooks<I: Inspector>() -> &'static Pair {
    &Ops::<I>::HOOKS
}

/// The function that packets are shown to.
pub(super) fn function<I: Inspector>() -> raw::nf_hookfn {
    Some(Ops::<I>::callback)
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
        let port = unsafe {
            match Port::from_raw((*state).in_) {
                Some(port) if watched(port).load(Ordering::Relaxed) != 0 => port,
                _ => return ACCEPT,
            }
        };
        // SAFETY: By the function's requirement.
        if unsafe { raw::klips_skb_was_decrypted(skb) } {
            return ACCEPT;
        }
        // INVARIANT: By the function's requirement.
        if I::admits(&mut Arriving { skb, port }) {
            ACCEPT
        } else {
            DROP
        }
    }
}
