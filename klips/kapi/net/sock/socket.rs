// SPDX-License-Identifier: GPL-2.0-only

//! One socket of the family.

use super::KeySocket;
use crate::kapi::{net::Net, raw};
use core::{marker::PhantomData, ops::Deref, ptr, ptr::NonNull};
use kernel::{prelude::*, types::Opaque};

/// A socket and what the module keeps in it.
#[repr(C)]
pub(super) struct Full<T> {
    sk: raw::sock,
    pub(super) data: T,
}

/// A socket, borrowed.
///
/// # Invariants
///
/// The first field of a live `Full<T>` whose data is initialised.
#[repr(transparent)]
pub(crate) struct Socket<T>(Opaque<raw::sock>, PhantomData<T>);

// SAFETY: Sockets are shared between CPUs; queueing is locked by the socket layer and `T` is `Sync`.
unsafe impl<T: Sync> Sync for Socket<T> {}

impl<T: KeySocket> Socket<T> {
    /// # Safety
    ///
    /// `sk` must be a live socket of this family that stays alive for `'a`.
    pub(super) unsafe fn from_raw<'a>(sk: *mut raw::sock) -> &'a Self {
        // CAST: Transparent wrapper.
        // SAFETY: By the function's requirement.
        unsafe { &*sk.cast() }
    }

    fn as_ptr(&self) -> *mut raw::sock {
        self.0.get()
    }

    /// The module's data.
    pub(crate) fn data(&self) -> &T {
        // SAFETY: By the type invariant.
        unsafe { &(*self.0.get().cast::<Full<T>>()).data }
    }

    /// The namespace of the socket.
    pub(crate) fn net(&self) -> &Net {
        // SAFETY: A socket holds its namespace.
        unsafe { Net::from_raw(raw::klips_sock_net(self.0.get())) }
    }

    /// How full the reader's queue is, in thirds; 3 or more, and messages are refused.
    pub(crate) fn thirds_full(&self) -> u32 {
        // SAFETY: The socket is alive.
        unsafe { raw::klips_sock_thirds_full(self.0.get()) }
    }

    /// A counted reference.
    pub(crate) fn hold(&self) -> SocketRef<T> {
        // SAFETY: The socket is alive.
        unsafe { raw::klips_sock_hold(self.0.get()) };
        // INVARIANT: The reference was just taken.
        SocketRef(NonNull::from(self))
    }

    /// Whether both are the same socket.
    pub(crate) fn is(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }

    /// Queues `message` for the reader. Process context.
    ///
    /// `ENOMEM`, `ENOBUFS`: no memory, or the reader is slow and its queue full; the message is lost for this socket, and
    /// counted among what it dropped.
    pub(crate) fn queue(&self, message: &[u8]) -> Result {
        let len = u32::try_from(message.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: An allocation has no requirements.
        let skb = NonNull::new(unsafe { raw::klips_alloc_skb(len, raw::KLIPS_GFP_KERNEL) });
        let Some(skb) = skb else {
            // SAFETY: The socket is alive.
            unsafe { raw::klips_sock_missed(self.0.get()) };
            return Err(ENOMEM);
        };
        // SAFETY: The buffer is new and has room for `len` bytes; `skb_put` returns where they begin.
        unsafe {
            ptr::copy_nonoverlapping(
                message.as_ptr(),
                raw::skb_put(skb.as_ptr(), len).cast::<u8>(),
                message.len(),
            );
        }
        // SAFETY: Both are live; on success the buffer is the socket's.
        let err = unsafe { raw::klips_sock_queue_rcv(self.0.get(), skb.as_ptr()) };
        if err != 0 {
            // SAFETY: Not queued, so the buffer is still ours.
            unsafe { raw::klips_message_free(skb.as_ptr()) };
            return Err(Error::from_errno(err));
        }
        Ok(())
    }
}

/// A counted reference to a socket.
///
/// # Invariants
///
/// Holds one reference.
pub(crate) struct SocketRef<T: KeySocket>(NonNull<Socket<T>>);

// SAFETY: References are counted atomically and `Socket` is `Sync`.
unsafe impl<T: KeySocket> Send for SocketRef<T> {}
// SAFETY: As above.
unsafe impl<T: KeySocket> Sync for SocketRef<T> {}

impl<T: KeySocket> Deref for SocketRef<T> {
    type Target = Socket<T>;
    fn deref(&self) -> &Socket<T> {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T: KeySocket> Drop for SocketRef<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { raw::klips_sock_put(self.as_ptr()) };
    }
}
