// SPDX-License-Identifier: GPL-2.0-only

//! Going on in the background.

use std::fs;

use nix::errno::Errno;
use nix::unistd::{self, ForkResult};

/// Which of the two processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that was started, which should end now. The number is the other one's process ID.
    Started(u32),
    /// The one that goes on, away from the terminal's signals.
    Background,
}

/// Splits the process in two, so that the caller's caller need not wait for it. Open files are shared.
///
/// # Errors
///
/// The errno of fork(2); `EBUSY` if the process has more than one thread, because the others would not be there
/// afterwards and what they hold would be held for ever.
pub fn background() -> Result<Side, Errno> {
    let threads = fs::read_dir("/proc/self/task").map_err(|_| Errno::EBUSY)?;
    if threads.count() != 1 {
        return Err(Errno::EBUSY);
    }
    // SAFETY: this is the only thread, as counted above, and nothing but a thread can start one; so in the new process
    // no lock is held by anybody and no memory is half changed.
    let split = unsafe { unistd::fork() }?;
    match split {
        ForkResult::Parent { child } => Ok(Side::Started(child.as_raw().unsigned_abs())),
        ForkResult::Child => {
            unistd::setsid()?;
            Ok(Side::Background)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_not_split() {
        // Tests run in threads of their own, beside the one that waits for them.
        let one_more = std::thread::spawn(std::thread::park);
        assert_eq!(background(), Err(Errno::EBUSY));
        one_more.thread().unpark();
        let _ = one_more.join();
    }
}
