// SPDX-License-Identifier: GPL-2.0-only

//! Inbound protocol handlers beside the native IPsec stack.
//!
//! C header: [`include/net/xfrm.h`](srctree/include/net/xfrm.h)
//!
//! ESP, AH and IPComp over IPv4 have a list of handlers in order of priority. Ours comes first and hands back what it does
//! not know, with the buffer unchanged; the native one then sees the packet as if we were not there.

use super::{raw, skbuff::Skb};
use core::{cell::UnsafeCell, marker::PhantomData, mem, ptr::NonNull};
use kernel::{ffi::c_int, prelude::*};

/// Before `esp4`, `ah4`, `ipcomp` (0) and the virtual tunnel interfaces (100).
const PRIORITY: c_int = 200;

/// A receiver of one of the IPsec protocols.
pub(crate) trait Receiver: 'static {
    /// The IP protocol number.
    const PROTOCOL: u8;
    /// The registered handler; there is one static for each receiver.
    fn handler() -> &'static Handler<Self>
    where
        Self: Sized;
    /// Takes a packet whose data pointer is at the IPsec header, or hands it back untouched. Softirq, under RCU.
    fn receive(skb: Skb) -> Result<(), Skb>;
}

/// The kernel's view of a [`Receiver`].
pub(crate) struct Handler<R: Receiver> {
    raw: UnsafeCell<raw::xfrm4_protocol>,
    _r: PhantomData<fn() -> R>,
}

// SAFETY: Written before it is registered; afterwards it is the kernel's, which serialises its use.
unsafe impl<R: Receiver> Sync for Handler<R> {}

impl<R: Receiver> Handler<R> {
    /// An unregistered handler, for a static.
    pub(crate) const fn new() -> Self {
        Self {
            // SAFETY: All-zero is a valid `xfrm4_protocol`; it is filled in before it is registered.
            raw: UnsafeCell::new(unsafe { mem::zeroed() }),
            _r: PhantomData,
        }
    }

    /// A packet arrived.
    ///
    /// # Safety
    ///
    /// `skb` must be a buffer that the caller gives up unless `-EINVAL` is returned, and RCU be
    /// held.
    unsafe extern "C" fn receive(skb: *mut raw::sk_buff) -> c_int {
        let Some(ptr) = NonNull::new(skb) else {
            return 0;
        };
        // SAFETY: The kernel gives us the buffer unless we return `-EINVAL`.
        match R::receive(unsafe { Skb::from_raw(ptr) }) {
            Ok(()) => 0,
            Err(skb) => {
                let _ = skb.into_raw();
                EINVAL.to_errno()
            }
        }
    }

    /// UDP-encapsulated packets: left to the native stack.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn input(
        _skb: *mut raw::sk_buff,
        _nexthdr: c_int,
        _spi: u32,
        _encap: c_int,
    ) -> c_int {
        EINVAL.to_errno()
    }

    /// "Not mine, ask the next": the native stack's own post-decryption callback.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn callback(_skb: *mut raw::sk_buff, _err: c_int) -> c_int {
        1
    }

    /// "Not mine, ask the next": ICMP errors.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn error(_skb: *mut raw::sk_buff, _info: u32) -> c_int {
        ENOENT.to_errno()
    }
}

/// The registration of a receiver; dropping it waits until no packet is in it any more.
pub(crate) struct Registration<R: Receiver>(PhantomData<fn() -> R>);

impl<R: Receiver> Registration<R> {
    /// Puts the receiver in front of the native handler. Process context.
    pub(crate) fn new() -> Result<Self> {
        let raw = R::handler().raw.get();
        // SAFETY: Not registered yet and module initialisation runs once, so nobody else looks at it.
        unsafe {
            (*raw).handler = Some(Handler::<R>::receive);
            (*raw).input_handler = Some(Handler::<R>::input);
            (*raw).cb_handler = Some(Handler::<R>::callback);
            (*raw).err_handler = Some(Handler::<R>::error);
            (*raw).priority = PRIORITY;
        }
        // SAFETY: The handler is static and complete.
        super::to_result(unsafe { raw::xfrm4_protocol_register(raw, R::PROTOCOL) })?;
        Ok(Self(PhantomData))
    }
}

impl<R: Receiver> Drop for Registration<R> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`. Waits for readers before it returns.
        unsafe { raw::xfrm4_protocol_deregister(R::handler().raw.get(), R::PROTOCOL) };
    }
}
