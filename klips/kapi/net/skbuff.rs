// SPDX-License-Identifier: GPL-2.0-only

//! Socket buffers.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)
//!
//! [`Skb`] owns a buffer about which nothing else is known. [`Packet`] owns one whose contents are one linear,
//! private piece that begins at the network header: only there bytes can be seen as a slice.

mod burst;
mod routed;

use super::{
    dev::{GroCells, Port},
    raw, Net,
};
use core::{
    mem::ManuallyDrop,
    ptr::{self, NonNull},
    slice,
};
use kernel::prelude::*;

const ETH_HLEN: usize = 14;

/// An owned buffer. Dropping it frees it.
///
/// # Invariants
///
/// Points at a live `sk_buff` of which this is the owner.
pub(crate) struct Skb(NonNull<raw::sk_buff>);

// SAFETY: A buffer may be handed to another CPU with its ownership.
unsafe impl Send for Skb {}

impl Skb {
    /// # Safety
    ///
    /// The caller gives up its ownership of `ptr`, a live buffer.
    pub(super) unsafe fn from_raw(ptr: NonNull<raw::sk_buff>) -> Self {
        // INVARIANT: By the function's requirement.
        Self(ptr)
    }

    /// Gives ownership back to C.
    pub(super) fn into_raw(self) -> *mut raw::sk_buff {
        ManuallyDrop::new(self).0.as_ptr()
    }

    pub(super) fn as_ptr(&self) -> *mut raw::sk_buff {
        self.0.as_ptr()
    }

    fn get(&self) -> &raw::sk_buff {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }

    /// The first `N` bytes at the buffer's data pointer, pulled into the linear part if need be.
    ///
    /// In a protocol handler this is the transport header. Does not change what the buffer holds.
    pub(crate) fn peek<const N: usize>(&mut self) -> Option<[u8; N]> {
        // SAFETY: By the type invariant.
        if !unsafe { raw::klips_pskb_may_pull(self.as_ptr(), N as u32) } {
            return None;
        }
        // SAFETY: At least `N` linear bytes stand at `data` now.
        Some(unsafe { *self.get().data.cast::<[u8; N]>() })
    }

    /// The network header, up to the data pointer: in a protocol handler, the IP header with its options.
    pub(crate) fn network_header(&self) -> Option<&[u8]> {
        // SAFETY: By the type invariant.
        let offset = unsafe { raw::klips_skb_network_offset(self.as_ptr()) };
        let len = usize::try_from(offset.checked_neg()?).ok()?;
        if len > self.headroom() {
            return None;
        }
        // SAFETY: The `len` bytes in front of `data` are within the headroom, which is linear.
        Some(unsafe { slice::from_raw_parts(self.get().data.sub(len), len) })
    }

    /// The linear bytes from the data pointer on.
    pub(super) fn linear(&self) -> &[u8] {
        let len = self.get().len.saturating_sub(self.get().data_len) as usize;
        // SAFETY: That many bytes from `data` on are linear.
        unsafe { slice::from_raw_parts(self.get().data, len) }
    }

    fn headroom(&self) -> usize {
        // `data` never stands before `head`.
        (self.get().data as usize).saturating_sub(self.get().head as usize)
    }

    /// Bytes from the data pointer to the end.
    pub(crate) fn len(&self) -> usize {
        self.get().len as usize
    }

    /// The device that the buffer came from or goes to.
    pub(crate) fn device(&self) -> Option<&Port> {
        // SAFETY: By the type invariant; a buffer on its way keeps its device alive (RCU on the packet path).
        unsafe { Port::from_raw(raw::klips_skb_dev(self.as_ptr())) }
    }

    /// The version of the routes of its namespace that it was routed by, if that was IPv4.
    pub(crate) fn routed_by(&self) -> Option<u32> {
        let mut version = 0;
        // SAFETY: By the type invariant; the version is written if the answer is yes.
        unsafe { raw::klips_skb_rt_genid(self.as_ptr(), &mut version) }.then_some(version)
    }

    /// Whether the socket that sends it is exempted from IPsec. Under RCU.
    pub(crate) fn is_exempt(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_is_exempt(self.as_ptr()) }
    }

    /// Makes the buffer one private linear piece that starts at the network header.
    ///
    /// `GFP_ATOMIC`; on failure the buffer is freed and `None` returned.
    pub(crate) fn into_packet(self) -> Option<Packet> {
        // SAFETY: By the type invariant.
        if !unsafe { raw::klips_skb_begin(self.as_ptr()) } {
            return None;
        }
        // INVARIANT: Linear and private now, and `data` is the network header.
        Some(Packet(self))
    }
}

impl Drop for Skb {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses it afterwards.
        unsafe { raw::klips_kfree_skb(self.0.as_ptr()) };
    }
}

/// An owned packet: linear, private, beginning at its network header.
///
/// # Invariants
///
/// The buffer has no fragments, its head is not shared, and `data` is its network header.
pub(crate) struct Packet(Skb);

impl Packet {
    /// Bytes of the packet.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The packet.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: By the type invariant all `len` bytes are linear.
        unsafe { slice::from_raw_parts(self.0.get().data, self.len()) }
    }

    /// The packet, to be changed in place.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant all bytes are linear and nobody else's.
        unsafe { slice::from_raw_parts_mut(self.0.get().data, self.len()) }
    }

    fn tailroom(&self) -> usize {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_tailroom(self.0.as_ptr()) as usize }
    }

    /// Makes sure of `head` bytes before and `tail` bytes after the packet. `GFP_ATOMIC`.
    pub(crate) fn make_room(&mut self, head: usize, tail: usize) -> Result {
        let more_head = head.saturating_sub(self.0.headroom());
        let more_tail = tail.saturating_sub(self.tailroom());
        if more_head == 0 && more_tail == 0 {
            return Ok(());
        }
        // SAFETY: By the type invariant; keeps it, as the copy is linear and private.
        super::to_result(unsafe {
            raw::pskb_expand_head(
                self.0.as_ptr(),
                i32::try_from(more_head).map_err(|_| EINVAL)?,
                i32::try_from(more_tail).map_err(|_| EINVAL)?,
                raw::KLIPS_GFP_ATOMIC,
            )
        })
    }

    /// Opens `head` bytes before the packet and `tail` bytes after it, with `reserve` bytes of room before all of that. What
    /// is in them is undefined. `GFP_ATOMIC`; on failure nothing has changed.
    #[inline]
    pub(crate) fn grow(&mut self, head: usize, tail: usize, reserve: usize) -> Result {
        /// More than any packet has, and far from what overflows.
        const MOST: usize = 1 << 17;
        if head.max(tail).max(reserve) > MOST {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant, which it keeps.
        let grown = unsafe {
            raw::klips_skb_grow(self.0.as_ptr(), head as u32, tail as u32, reserve as u32)
        };
        grown.then_some(()).ok_or(ENOMEM)
    }

    /// Opens `n` bytes before the packet; their contents are undefined. Fails if [`Packet::make_room`] did not provide them.
    pub(crate) fn push(&mut self, n: usize) -> Result {
        if n > self.0.headroom() {
            return Err(ENOMEM);
        }
        // SAFETY: The room was just checked.
        unsafe { raw::skb_push(self.0.as_ptr(), n as u32) };
        self.reset_network();
        Ok(())
    }

    /// Opens `n` bytes after the packet; their contents are undefined. Fails if [`Packet::make_room`] did not provide them.
    pub(crate) fn put(&mut self, n: usize) -> Result {
        if n > self.tailroom() {
            return Err(ENOMEM);
        }
        // SAFETY: The room was just checked, and the packet is linear.
        unsafe { raw::skb_put(self.0.as_ptr(), n as u32) };
        Ok(())
    }

    /// Takes `n` bytes off the front. Fails if there are not as many.
    pub(crate) fn pull(&mut self, n: usize) -> Result {
        if n > self.len() {
            return Err(EINVAL);
        }
        // SAFETY: Not more than there is.
        unsafe { raw::skb_pull(self.0.as_ptr(), n as u32) };
        self.reset_network();
        Ok(())
    }

    /// Cuts the packet to `len` bytes; a shorter packet stays as it is.
    #[inline]
    pub(crate) fn trim(&mut self, len: usize) {
        if len < self.len() {
            // SAFETY: By the type invariant; `skb_trim` keeps it. What is smaller than a `u32` is one.
            unsafe { raw::skb_trim(self.0.as_ptr(), len as u32) };
        }
    }

    /// Keeps the invariant that `data` is the network header. The transport header is put there too, until it is known.
    fn reset_network(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_set_network(self.0.as_ptr(), 0, 0) };
    }

    /// Says where the transport header begins, in bytes from the network header.
    pub(crate) fn set_transport_offset(&mut self, offset: usize) {
        if offset <= self.len() {
            // SAFETY: By the type invariant, and the offset lies within the packet.
            unsafe { raw::klips_skb_set_network(self.0.as_ptr(), 0, offset as i32) };
        }
    }

    /// Says what the packet is, as an Ethernet type in host byte order (`0x0800`, `0x86dd`).
    pub(crate) fn set_protocol(&mut self, ethertype: u16) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_set_protocol(self.0.as_ptr(), ethertype) };
    }

    /// Gives the IPv4 header that the packet begins with a fresh identification, without putting its checksum right.
    /// `false`: it begins with none.
    pub(crate) fn select_ident(&mut self, net: &Net) -> bool {
        let is_ipv4 = self.len() >= 20 && self.bytes().first().is_some_and(|byte| byte >> 4 == 4);
        if is_ipv4 {
            // SAFETY: A whole IPv4 header stands at the network header.
            unsafe { raw::klips_select_ident(net.as_ptr(), self.0.as_ptr()) };
        }
        is_ipv4
    }

    /// Forgets what belongs to the flow inside: mark, conntrack, route, checksum state. For a packet just encapsulated.
    pub(crate) fn scrub_outbound(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_scrub_outbound(self.0.as_ptr()) };
    }

    /// Cuts the packet to `len` bytes from byte `from` on. Fails if there are not as many.
    #[inline]
    pub(crate) fn cut(&mut self, from: usize, len: usize) -> Result {
        if from.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariant, which it keeps; not more than there is, so both are smaller than `u32` is.
        unsafe { raw::klips_skb_cut(self.0.as_ptr(), from as u32, len as u32) };
        Ok(())
    }

    /// Lets the packet enter the stack as received on `port`, with `marking`. Softirq; fails with `ENOMEM`.
    ///
    /// `merged`: with others of its flow, in these cells, which must be the device's, unless that is switched off. Else at once, or behind what this CPU
    /// has queued if it is inside of another packet that was received so.
    #[inline]
    pub(crate) fn receive_on(
        self,
        port: &Port,
        ethertype: u16,
        marking: Marking,
        merged: Option<&GroCells>,
    ) -> Result {
        let (skb, dev) = (self.0, port.as_ptr());
        // SAFETY: Both are live by their invariants.
        let entered = unsafe {
            raw::klips_skb_enter_device(skb.as_ptr(), dev, ethertype, marking.keep, marking.set)
        };
        if !entered {
            return Err(ENOMEM);
        }
        let cells = merged.map_or(ptr::null_mut(), GroCells::as_ptr);
        // SAFETY: The buffer is given up; the cells are those of its device, and up as long as that is.
        unsafe { raw::klips_skb_receive(skb.into_raw(), cells) };
        Ok(())
    }

    /// Sends an ICMP error about this IPv4 packet to its source. `info` is what the type wants (an MTU).
    ///
    /// The kernel refuses to answer what must not be answered (RFC 1122 3.2.2) and limits the rate.
    pub(crate) fn icmp_error(&mut self, kind: u8, code: u8, info: u32) {
        // SAFETY: By the type invariant; the caller has parsed the IPv4 header.
        unsafe { raw::klips_icmp_send(self.0.as_ptr(), kind.into(), code.into(), info) };
    }

    /// Sends an ICMPv6 error about this IPv6 packet to its source.
    pub(crate) fn icmpv6_error(&mut self, kind: u8, code: u8, info: u32) {
        // SAFETY: By the type invariant; the caller has parsed the IPv6 header.
        unsafe { raw::klips_icmpv6_send(self.0.as_ptr(), kind, code, info) };
    }

    /// Makes the packet fit to wait: it gives up route, device, conntrack entry and socket.
    pub(crate) fn park(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_skb_park(self.0.as_ptr()) };
    }

    /// Gives a packet that was to wait back to `port`.
    pub(crate) fn unpark(&mut self, port: &Port) {
        // SAFETY: By the type invariant; the packet is on `port`'s way out, which keeps the device alive.
        unsafe { raw::klips_skb_set_dev(self.0.as_ptr(), port.as_ptr()) };
    }

    /// Sends a packet that waited through `port` again.
    pub(crate) fn resend(mut self, port: &Port) {
        let ethernet = port.is_ethernet();
        if ethernet && self.make_room(ETH_HLEN, 0).is_err() {
            return;
        }
        // SAFETY: The buffer is given up; the device is alive and the room for its link header was made.
        unsafe { raw::klips_skb_resend(self.0.into_raw(), port.as_ptr(), ethernet) };
    }
}

/// What becomes of a packet's mark.
#[derive(Clone, Copy)]
pub(crate) struct Marking {
    /// Bits that stay as they are.
    pub(crate) keep: u32,
    /// Bits that are set.
    pub(crate) set: u32,
}

impl Marking {
    /// It stays as it is.
    pub(crate) const NONE: Self = Self { keep: !0, set: 0 };
}
