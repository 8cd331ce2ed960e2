// SPDX-License-Identifier: GPL-2.0-only

//! Inbound protocol handlers beside the native IPsec stack.
//!
//! C header: [`include/net/xfrm.h`](srctree/include/net/xfrm.h)
//!
//! ESP, AH and IPComp have a list of handlers in order of priority, for IPv4 and for IPv6. Ours comes first and hands back
//! what it does not know, with the buffer unchanged; the native one then sees the packet as if we were not there.

use super::{dev::Port, raw, skbuff::Skb};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ptr::NonNull,
};
use kernel::{ffi::c_int, prelude::*};

/// Before `esp4`, `ah4`, `ipcomp` (0) and the virtual tunnel interfaces (100).
const PRIORITY: c_int = 200;

/// `UDP_ENCAP_ESPINUDP`: a socket whose owner had ESP taken out of its datagrams (RFC 3948).
pub(super) const ESP_IN_UDP: c_int = 2;

const ICMPV6_TOO_BIG: u8 = 2;

/// How a packet came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Right behind its IP header.
    Ip,
    /// In a UDP datagram, whose header stands between the two; the IP header's length does not count it any more.
    Udp,
}

/// What an ICMP error shows of the packet that it is about.
pub(crate) struct Quote<'a> {
    /// The device that the error came by.
    pub(crate) port: &'a Port,
    /// The IP header, with options or extension headers.
    pub(crate) header: &'a [u8],
    /// What follows: of an IPsec header, SPI and sequence number.
    pub(crate) payload: [u8; 8],
}

impl<'a> Quote<'a> {
    /// What stands at the data pointer of `skb`, with an IP header of `header_len` bytes.
    fn of(skb: &'a Skb, header_len: usize) -> Option<Self> {
        let (header, rest) = skb.linear().split_at_checked(header_len)?;
        Some(Self {
            port: skb.device()?,
            header,
            payload: *rest.first_chunk()?,
        })
    }
}

/// A receiver of one of the IPsec protocols, over IPv4 and IPv6.
pub(crate) trait Receiver: 'static {
    /// The IP protocol number.
    const PROTOCOL: u8;
    /// The registered handler; there is one static for each receiver.
    fn handler() -> &'static Handler<Self>
    where
        Self: Sized;
    /// Takes a packet whose data pointer is at the IPsec header, or hands it back untouched. Softirq, under RCU.
    fn receive(skb: Skb, carrier: Carrier) -> Result<(), Skb>;
    /// A packet was too big for its path, as an ICMP error says that nobody has vouched for. If the packet was one of ours,
    /// returns the index of the interface by which such packets are routed; 0: any. Softirq, under RCU.
    fn sent(quote: &Quote<'_>) -> Option<c_int>;
}

/// The kernel's view of a [`Receiver`].
pub(crate) struct Handler<R: Receiver> {
    v4: UnsafeCell<raw::xfrm4_protocol>,
    v6: UnsafeCell<raw::xfrm6_protocol>,
    _r: PhantomData<fn() -> R>,
}

// SAFETY: Written before it is registered; afterwards it is the kernel's, which serialises its use.
unsafe impl<R: Receiver> Sync for Handler<R> {}

impl<R: Receiver> Handler<R> {
    /// An unregistered handler, for a static.
    pub(crate) const fn new() -> Self {
        Self {
            // SAFETY: All-zero is a valid `xfrm4_protocol`; it is filled in before it is registered.
            v4: UnsafeCell::new(unsafe { mem::zeroed() }),
            // SAFETY: As above.
            v6: UnsafeCell::new(unsafe { mem::zeroed() }),
            _r: PhantomData,
        }
    }

    /// Hands a packet to the receiver. `-EINVAL`: not ours.
    ///
    /// # Safety
    ///
    /// `skb` must be a buffer that the caller gives up unless `-EINVAL` is returned, and RCU be held.
    unsafe fn hand_over(skb: *mut raw::sk_buff, carrier: Carrier) -> c_int {
        let Some(ptr) = NonNull::new(skb) else {
            return 0;
        };
        // SAFETY: By the function's requirement.
        match R::receive(unsafe { Skb::from_raw(ptr) }, carrier) {
            Ok(()) => 0,
            Err(skb) => {
                let _ = skb.into_raw();
                EINVAL.to_errno()
            }
        }
    }

    /// A packet arrived.
    ///
    /// # Safety
    ///
    /// As [`Self::hand_over`].
    unsafe extern "C" fn receive(skb: *mut raw::sk_buff) -> c_int {
        // SAFETY: The kernel gives us the buffer unless we return `-EINVAL`.
        unsafe { Self::hand_over(skb, Carrier::Ip) }
    }

    /// A packet arrived in a UDP datagram. Other carriers are left to the native stack.
    ///
    /// # Safety
    ///
    /// As [`Self::hand_over`].
    unsafe extern "C" fn input(
        skb: *mut raw::sk_buff,
        _nexthdr: c_int,
        _spi: u32,
        encap: c_int,
    ) -> c_int {
        if encap != ESP_IN_UDP {
            return EINVAL.to_errno();
        }
        // SAFETY: The kernel gives us the buffer unless we return `-EINVAL`.
        unsafe { Self::hand_over(skb, Carrier::Udp) }
    }

    /// "Not mine, ask the next": the native stack's own post-decryption callback.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn callback(_skb: *mut raw::sk_buff, _err: c_int) -> c_int {
        1
    }

    /// An ICMP error about a packet of the protocol. Of ours, those are heeded that tell the MTU of the path.
    ///
    /// # Safety
    ///
    /// `skb` must be a live buffer whose data pointer is at the IPv4 header that the error quotes, with the ICMP header as
    /// its transport header, and RCU be held.
    unsafe extern "C" fn error(skb: *mut raw::sk_buff, info: u32) -> c_int {
        // SAFETY: By the function's requirement.
        let told = NonNull::new(skb).filter(|_| unsafe { raw::klips_icmp_is_too_big(skb) });
        let oif = told.and_then(|ptr| {
            // SAFETY: The buffer is live; it stays the caller's, as it is never dropped here.
            let skb = ManuallyDrop::new(unsafe { Skb::from_raw(ptr) });
            let words = skb.linear().first()? & 15;
            R::sent(&Quote::of(&skb, usize::from(words) * 4)?)
        });
        let Some(oif) = oif else {
            return ENOENT.to_errno();
        };
        // SAFETY: By the function's requirement; the header is there, as it was just looked at.
        unsafe { raw::klips_update_pmtu4(skb, info, oif, R::PROTOCOL) };
        0
    }

    /// As [`Self::error`], for ICMPv6; the IPsec header is at `offset`, and `info` in network byte order.
    ///
    /// # Safety
    ///
    /// As [`Self::error`], but for the ICMP header.
    unsafe extern "C" fn error6(
        skb: *mut raw::sk_buff,
        _opt: *mut raw::inet6_skb_parm,
        kind: u8,
        _code: u8,
        offset: c_int,
        info: u32,
    ) -> c_int {
        let told = NonNull::new(skb).filter(|_| kind == ICMPV6_TOO_BIG);
        let oif = told.and_then(|ptr| {
            // SAFETY: The buffer is live; it stays the caller's, as it is never dropped here.
            let skb = ManuallyDrop::new(unsafe { Skb::from_raw(ptr) });
            R::sent(&Quote::of(&skb, usize::try_from(offset).ok()?)?)
        });
        let Some(oif) = oif else {
            return ENOENT.to_errno();
        };
        // SAFETY: By the function's requirement; the header is there, as it was just looked at.
        unsafe { raw::klips_update_pmtu6(skb, info, oif) };
        0
    }
}

/// The registration of a receiver; dropping it waits until no packet is in it any more.
pub(crate) struct Registration<R: Receiver>(PhantomData<fn() -> R>);

impl<R: Receiver> Registration<R> {
    /// Puts the receiver in front of the native handlers. Process context.
    pub(crate) fn new() -> Result<Self> {
        let (v4, v6) = (R::handler().v4.get(), R::handler().v6.get());
        // SAFETY: Not registered yet and module initialisation runs once, so nobody else looks at either.
        unsafe {
            (*v4).handler = Some(Handler::<R>::receive);
            (*v4).input_handler = Some(Handler::<R>::input);
            (*v4).cb_handler = Some(Handler::<R>::callback);
            (*v4).err_handler = Some(Handler::<R>::error);
            (*v4).priority = PRIORITY;
            (*v6).handler = Some(Handler::<R>::receive);
            (*v6).input_handler = Some(Handler::<R>::input);
            (*v6).cb_handler = Some(Handler::<R>::callback);
            (*v6).err_handler = Some(Handler::<R>::error6);
            (*v6).priority = PRIORITY;
        }
        // SAFETY: The handler is static and complete.
        super::to_result(unsafe { raw::xfrm4_protocol_register(v4, R::PROTOCOL) })?;
        // SAFETY: As above.
        super::to_result(unsafe { raw::klips_xfrm6_register(v6, R::PROTOCOL) }).inspect_err(
            |_| {
                // SAFETY: Registered just now.
                unsafe { raw::xfrm4_protocol_deregister(v4, R::PROTOCOL) };
            },
        )?;
        Ok(Self(PhantomData))
    }
}

impl<R: Receiver> Drop for Registration<R> {
    fn drop(&mut self) {
        // SAFETY: Both were registered in `new`. Each waits for readers before it returns.
        unsafe {
            raw::klips_xfrm6_deregister(R::handler().v6.get(), R::PROTOCOL);
            raw::xfrm4_protocol_deregister(R::handler().v4.get(), R::PROTOCOL);
        }
    }
}
