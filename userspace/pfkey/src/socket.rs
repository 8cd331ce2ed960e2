// SPDX-License-Identifier: GPL-2.0-only

//! The PF_KEYv2 socket (RFC 2367 section 1.3): whole messages in, whole messages out.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::unistd;

/// The only protocol of the PF_KEY family. `nix` knows the family but not this number.
const PF_KEY_V2: libc::c_int = 2;

/// An open PF_KEY socket.
#[derive(Debug)]
pub struct PfkeySocket {
    fd: OwnedFd,
}

impl AsFd for PfkeySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl PfkeySocket {
    /// Opens the socket.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` if nothing in the kernel serves the family, `EACCES` or `EPERM` without `CAP_NET_ADMIN`.
    pub fn open() -> Result<Self, Errno> {
        // SAFETY: socket(2) takes three integers and touches no memory of ours.
        let raw =
            unsafe { libc::socket(libc::AF_KEY, libc::SOCK_RAW | libc::SOCK_CLOEXEC, PF_KEY_V2) };
        let raw = Errno::result(raw)?;
        // SAFETY: the call above has just returned this descriptor, so it is open and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Self { fd })
    }

    /// Hands one message to the kernel and returns how many bytes it took.
    ///
    /// The kernel works on the message before this returns: its verdict is the error, and every reply is queued.
    ///
    /// # Errors
    ///
    /// The errno with which the kernel refused the request.
    pub fn send(&self, message: &[u8]) -> Result<usize, Errno> {
        loop {
            match unistd::write(&self.fd, message) {
                Err(Errno::EINTR) => {}
                verdict => return verdict,
            }
        }
    }

    /// Reads the next message into `buffer`, waiting at most `patience` for one.
    ///
    /// Returns `None` if none came. A message longer than `buffer` is cut off; its header still tells the true length.
    ///
    /// # Errors
    ///
    /// Whatever poll(2) or read(2) report.
    pub fn receive(&self, buffer: &mut [u8], patience: Duration) -> Result<Option<usize>, Errno> {
        let deadline = Instant::now() + patience;
        while self.wait_until(deadline)? {
            match unistd::read(&self.fd, buffer) {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                got => return got.map(Some),
            }
        }
        Ok(None)
    }

    /// Whether something can be read before `deadline` has passed.
    fn wait_until(&self, deadline: Instant) -> Result<bool, Errno> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                ready => return ready.map(|count| count > 0),
            }
        }
    }
}
