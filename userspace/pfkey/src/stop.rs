// SPDX-License-Identifier: GPL-2.0-only

//! Waiting for something to read, or for being told to stop.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// From when this is made, SIGINT and SIGTERM do not end the process, but [`Stop::wait`].
#[derive(Debug)]
pub struct Stop {
    signals: SignalFd,
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There is something to read.
    Readable,
    /// This signal has come.
    Signal(u32),
}

impl Stop {
    /// Begins to watch for the signals.
    ///
    /// # Errors
    ///
    /// The errno of sigprocmask(2) or signalfd(2).
    pub fn watch() -> Result<Self, Errno> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGINT);
        set.add(Signal::SIGTERM);
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals })
    }

    /// Waits until `source` can be read or a signal comes, which is seen first if both are there.
    ///
    /// # Errors
    ///
    /// The errno of poll(2) or read(2).
    pub fn wait(&self, source: BorrowedFd<'_>) -> Result<Woken, Errno> {
        loop {
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(source, PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                polled => polled?,
            };
            let [signals, source] = fds.map(|fd| fd.any().unwrap_or(false));
            if signals {
                if let Some(signal) = self.signals.read_signal()? {
                    return Ok(Woken::Signal(signal.ssi_signo));
                }
            }
            if source {
                return Ok(Woken::Readable);
            }
        }
    }
}
