// SPDX-License-Identifier: GPL-2.0-only

//! A datagram socket family of the module's own: PF_KEY (RFC 2367).
//!
//! C headers: [`include/linux/net.h`](srctree/include/linux/net.h), [`include/net/sock.h`](srctree/include/net/sock.h)
//!
//! A message written to a socket is handled before `write` returns; answers are queued to sockets as buffers.

mod socket;

pub(crate) use socket::{Socket, SocketRef};

use super::{raw, Net};
use core::{
    cell::UnsafeCell, marker::PhantomData, mem, mem::MaybeUninit, ptr, ptr::NonNull, slice,
};
use kernel::{
    ffi::{c_int, c_uint},
    prelude::*,
};
use socket::Full;

/// The largest message that is accepted, bytes. The protocol's own limit is 65535 words of 8 bytes.
const MAX_MESSAGE: usize = 65535 * 8;

/// What the module does with its sockets. The implementing value is a socket's private data.
pub(crate) trait KeySocket: Send + Sync + Default + Sized + 'static {
    /// The registered tables; there is one static for each implementation.
    fn tables() -> &'static Tables<Self>;
    /// A socket was made; `Err` undoes it. Process context.
    fn open(sock: &Socket<Self>) -> Result;
    /// A message was written. Process context.
    fn message(sock: &Socket<Self>, message: &[u8]) -> Result;
    /// The reader took a message, and there is room for others. Process context.
    fn drained(sock: &Socket<Self>);
    /// The socket was closed. Process context.
    fn close(sock: &Socket<Self>);
}

/// The kernel's tables of a socket family.
pub(crate) struct Tables<T: KeySocket> {
    proto: UnsafeCell<raw::proto>,
    ops: UnsafeCell<raw::proto_ops>,
    family: UnsafeCell<raw::net_proto_family>,
    _t: PhantomData<fn() -> T>,
}

// SAFETY: Written before they are registered; afterwards they are the kernel's.
unsafe impl<T: KeySocket> Sync for Tables<T> {}

impl<T: KeySocket> Tables<T> {
    /// Unregistered tables, for a static.
    pub(crate) const fn new() -> Self {
        // SAFETY: All-zero is valid for all three; they are filled in before they are registered.
        unsafe {
            Self {
                proto: UnsafeCell::new(mem::zeroed()),
                ops: UnsafeCell::new(mem::zeroed()),
                family: UnsafeCell::new(mem::zeroed()),
                _t: PhantomData,
            }
        }
    }

    fn fill(&self) {
        // SAFETY: No requirement.
        let owner = unsafe { raw::klips_this_module() };
        // SAFETY: Called once, before anybody else looks at the tables.
        let (proto, ops, family) = unsafe {
            (
                &mut *self.proto.get(),
                &mut *self.ops.get(),
                &mut *self.family.get(),
            )
        };
        for (to, from) in proto.name.iter_mut().zip(b"KEY\0") {
            *to = *from;
        }
        proto.owner = owner;
        proto.obj_size = mem::size_of::<Full<T>>() as c_uint;

        ops.family = raw::PF_KEY as c_int;
        ops.owner = owner;
        ops.release = Some(Self::release);
        ops.bind = Some(raw::sock_no_bind);
        ops.connect = Some(raw::sock_no_connect);
        ops.socketpair = Some(raw::sock_no_socketpair);
        ops.accept = Some(raw::sock_no_accept);
        ops.getname = Some(raw::sock_no_getname);
        ops.poll = Some(raw::datagram_poll);
        ops.ioctl = Some(raw::sock_no_ioctl);
        ops.gettstamp = Some(raw::sock_gettstamp);
        ops.listen = Some(raw::sock_no_listen);
        ops.shutdown = Some(raw::sock_no_shutdown);
        ops.sendmsg = Some(Self::sendmsg);
        ops.recvmsg = Some(Self::recvmsg);
        ops.mmap = Some(raw::sock_no_mmap);

        family.family = raw::PF_KEY as c_int;
        family.create = Some(Self::create);
        family.owner = owner;
    }

    /// A socket is to be made.
    ///
    /// # Safety
    ///
    /// `net` must be a live namespace and `sock` a new socket of this family.
    unsafe extern "C" fn create(
        net: *mut raw::net,
        sock: *mut raw::socket,
        protocol: c_int,
        kern: c_int,
    ) -> c_int {
        // SAFETY: The kernel passes a live namespace and a new socket.
        unsafe { Self::create_inner(net, sock, protocol, kern) }
            .map_or_else(|e| e.to_errno(), |()| 0)
    }

    /// # Safety
    ///
    /// As for the family's `create`.
    unsafe fn create_inner(
        net: *mut raw::net,
        sock: *mut raw::socket,
        protocol: c_int,
        kern: c_int,
    ) -> Result {
        // SAFETY: By the function's requirement.
        if !unsafe { Net::from_raw(net) }.capable_net_admin() {
            return Err(EACCES);
        }
        // SAFETY: By the function's requirement.
        let sock = unsafe { &mut *sock };
        if sock.type_ as u32 != raw::sock_type_SOCK_RAW {
            return Err(Error::from_errno(-(raw::ESOCKTNOSUPPORT as i32)));
        }
        if protocol != raw::PF_KEY_V2 as c_int {
            return Err(no_such_protocol());
        }
        let this = T::tables();
        // SAFETY: The protocol is registered while the family is.
        let sk = unsafe {
            raw::sk_alloc(
                net,
                raw::PF_KEY as c_int,
                raw::KLIPS_GFP_KERNEL,
                this.proto.get(),
                kern,
            )
        };
        let sk = NonNull::new(sk).ok_or(ENOMEM)?.as_ptr();
        // SAFETY: The socket is new and as large as `Full<T>`.
        unsafe {
            ptr::addr_of_mut!((*sk.cast::<Full<T>>()).data).write(T::default());
            raw::sock_init_data(sock, sk);
            (*sk).sk_destruct = Some(Self::destruct);
            raw::klips_sock_set_family(sk, raw::PF_KEY as u16);
        }
        sock.ops = this.ops.get();
        // SAFETY: Initialised above.
        let result = T::open(unsafe { Socket::from_raw(sk) });
        if result.is_err() {
            // SAFETY: The socket is ours to give up.
            unsafe {
                raw::klips_sock_orphan(sk);
                sock.sk = ptr::null_mut();
                raw::klips_sock_put(sk);
            }
        }
        result
    }

    /// The last reference to a socket is gone.
    ///
    /// # Safety
    ///
    /// `sk` must be a socket of this family that nobody else knows any more; called once.
    unsafe extern "C" fn destruct(sk: *mut raw::sock) {
        // SAFETY: The last reference is gone; the queue and the data are dropped once.
        unsafe {
            raw::klips_sock_purge(sk);
            ptr::drop_in_place(ptr::addr_of_mut!((*sk.cast::<Full<T>>()).data));
        }
    }

    /// A socket is closed.
    ///
    /// # Safety
    ///
    /// `sock` must be a socket of this family, or one for which `create` failed; called once.
    unsafe extern "C" fn release(sock: *mut raw::socket) -> c_int {
        // SAFETY: The kernel passes the socket that is being closed; `sk` is null if it was never made.
        unsafe {
            let sk = (*sock).sk;
            if sk.is_null() {
                return 0;
            }
            T::close(Socket::from_raw(sk));
            raw::klips_sock_orphan(sk);
            (*sock).sk = ptr::null_mut();
            raw::klips_sock_put(sk);
        }
        0
    }

    /// A message was written.
    ///
    /// # Safety
    ///
    /// `sock` must be an open socket of this family and `msg` the message of `len` bytes being
    /// sent on it.
    unsafe extern "C" fn sendmsg(
        sock: *mut raw::socket,
        msg: *mut raw::msghdr,
        len: usize,
    ) -> c_int {
        // SAFETY: The kernel passes a socket in use and its message.
        match unsafe { Self::sendmsg_inner((*sock).sk, msg, len) } {
            Ok(()) => len as c_int,
            Err(e) => e.to_errno(),
        }
    }

    /// # Safety
    ///
    /// `sk` must be a live socket of this family and `msg` the message being sent on it.
    unsafe fn sendmsg_inner(sk: *mut raw::sock, msg: *mut raw::msghdr, len: usize) -> Result {
        // SAFETY: By the function's requirement.
        let (pending, control, shut) = unsafe {
            (
                raw::klips_sock_error(sk),
                raw::klips_msg_has_control(msg),
                raw::klips_sock_send_shutdown(sk),
            )
        };
        super::to_result(pending)?;
        if control {
            return Err(EINVAL);
        }
        if shut {
            return Err(EPIPE);
        }
        if len > MAX_MESSAGE {
            return Err(EMSGSIZE);
        }
        // SAFETY: By the function's requirement.
        let socket = unsafe { Socket::from_raw(sk) };
        let mut short = Short(MaybeUninit::uninit());
        if len <= SHORT {
            // SAFETY: The room is for `SHORT` bytes.
            super::to_result(unsafe {
                raw::klips_memcpy_from_msg(short.0.as_mut_ptr().cast(), msg, len)
            })?;
            // CAST: The room is an array of bytes.
            // SAFETY: The first `len` of them were written.
            let copy = unsafe { slice::from_raw_parts(short.0.as_ptr().cast::<u8>(), len) };
            return T::message(socket, copy);
        }
        let mut copy = Wiped(KVVec::zeroed(len, GFP_KERNEL)?);
        // SAFETY: The copy has `len` bytes.
        super::to_result(unsafe {
            raw::klips_memcpy_from_msg(copy.0.as_mut_ptr().cast(), msg, len)
        })?;
        T::message(socket, &copy.0)
    }

    /// A message is wanted.
    ///
    /// # Safety
    ///
    /// `sock` must be an open socket of this family and `msg` the caller's buffer of `len`
    /// bytes.
    unsafe extern "C" fn recvmsg(
        sock: *mut raw::socket,
        msg: *mut raw::msghdr,
        len: usize,
        flags: c_int,
    ) -> c_int {
        const KNOWN: u32 =
            raw::MSG_PEEK | raw::MSG_DONTWAIT | raw::MSG_TRUNC | raw::MSG_CMSG_COMPAT;
        let flags = flags as u32;
        if flags & !KNOWN != 0 {
            return EOPNOTSUPP.to_errno();
        }
        let mut err = 0;
        // SAFETY: The kernel passes a socket in use.
        let skb = unsafe { raw::skb_recv_datagram((*sock).sk, flags, &mut err) };
        let Some(skb) = NonNull::new(skb) else {
            return err;
        };
        // SAFETY: The buffer is ours until it is freed below; the message is the caller's to fill.
        unsafe {
            let whole = (*skb.as_ptr()).len as usize;
            let copied = whole.min(len);
            if copied < whole {
                (*msg).msg_flags |= raw::MSG_TRUNC;
            }
            let err = raw::klips_skb_copy_datagram(skb.as_ptr(), msg, copied as c_int);
            raw::klips_message_free(skb.as_ptr());
            if flags & raw::MSG_PEEK == 0 {
                T::drained(Socket::from_raw((*sock).sk));
            }
            match err {
                0 if flags & raw::MSG_TRUNC != 0 => whole as c_int,
                0 => copied as c_int,
                e => e,
            }
        }
    }
}

/// As long as most messages are, bytes; small enough for the stack.
const SHORT: usize = 384;

/// Room for a short message that holds keys: it is wiped when it goes.
struct Short(MaybeUninit<[u8; SHORT]>);

impl Drop for Short {
    fn drop(&mut self) {
        // SAFETY: The room is writable.
        unsafe { raw::klips_memzero_explicit(self.0.as_mut_ptr().cast(), SHORT) };
    }
}

/// Room for a longer one.
struct Wiped(KVVec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        crate::kapi::crypto::wipe(&mut self.0);
    }
}

/// `EPROTONOSUPPORT`.
pub(crate) fn no_such_protocol() -> Error {
    Error::from_errno(-(raw::EPROTONOSUPPORT as i32))
}

/// Has the kernel take ESP (RFC 3948) out of what comes to the UDP socket that is the current task's descriptor `fd`.
/// Process context.
///
/// `EBADF`, `ENOTSOCK`: it is no socket; `EINVAL`: no UDP socket of this namespace.
pub(crate) fn take_esp_out_of(net: &Net, fd: i32) -> Result {
    // SAFETY: The namespace is live.
    super::to_result(unsafe { raw::klips_udp_encap(net.as_ptr(), fd, super::proto::ESP_IN_UDP) })
}

/// The registration of the family.
pub(crate) struct Registration<T: KeySocket>(PhantomData<fn() -> T>);

impl<T: KeySocket> Registration<T> {
    /// Registers the family. Process context.
    ///
    /// `EEXIST`: another module (`af_key`) has it.
    pub(crate) fn new() -> Result<Self> {
        let this = T::tables();
        this.fill();
        // SAFETY: The tables are static and complete.
        unsafe {
            super::to_result(raw::proto_register(this.proto.get(), 0))?;
            if let Err(e) = super::to_result(raw::sock_register(this.family.get())) {
                raw::proto_unregister(this.proto.get());
                return Err(e);
            }
        }
        Ok(Self(PhantomData))
    }
}

impl<T: KeySocket> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`. Open sockets hold the module, so there are none.
        unsafe {
            raw::sock_unregister(raw::PF_KEY as c_int);
            raw::proto_unregister(T::tables().proto.get());
        }
    }
}
