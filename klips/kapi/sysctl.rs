// SPDX-License-Identifier: GPL-2.0-only

//! Integer switches under `/proc/sys/net` of each namespace.
//!
//! C header: [`include/linux/sysctl.h`](srctree/include/linux/sysctl.h)

use super::{net::Net, raw};
use core::{mem, ptr::NonNull, sync::atomic::AtomicI32};
use kernel::{
    ffi::{c_int, c_void},
    prelude::*,
    sync::Arc,
};

/// The values behind a table of `N` switches.
pub(crate) trait Board<const N: usize>: Send + Sync + Sized + 'static {
    /// Them; value `i` belongs to the `i`th name.
    fn values(&self) -> &[AtomicI32; N];
    /// Somebody wrote to a file. Process context.
    fn written(&self);
}

/// A registered table. Dropping it takes the files away and waits for their users.
pub(crate) struct Table<B: Board<N>, const N: usize> {
    header: NonNull<raw::ctl_table_header>,
    // Both are used by the kernel until the header is unregistered.
    _tables: KBox<[raw::ctl_table; N]>,
    _board: Arc<B>,
}

// SAFETY: The table is the kernel's while it is registered; the values are atomics.
unsafe impl<B: Board<N>, const N: usize> Send for Table<B, N> {}
// SAFETY: As above.
unsafe impl<B: Board<N>, const N: usize> Sync for Table<B, N> {}

impl<B: Board<N>, const N: usize> Table<B, N> {
    /// Registers `names` under `path` ("net/ipsec") with mode 0644. Process context.
    pub(crate) fn new(
        net: &Net,
        path: &'static CStr,
        names: [&'static CStr; N],
        board: Arc<B>,
    ) -> Result<Self> {
        // SAFETY: All-zero is a valid `ctl_table`.
        let zeroed = unsafe { mem::zeroed() };
        let mut tables: KBox<[raw::ctl_table; N]> = KBox::new(zeroed, GFP_KERNEL)?;
        let this: *const B = &*board;
        for ((table, name), value) in tables.iter_mut().zip(names).zip(board.values().iter()) {
            table.procname = name.as_char_ptr();
            table.data = value.as_ptr().cast();
            table.extra1 = this.cast_mut().cast();
            table.maxlen = mem::size_of::<i32>() as i32;
            table.mode = 0o644;
            table.proc_handler = Some(Self::handler);
        }
        // SAFETY: Path, table and board live until the header is unregistered in `drop`.
        let header = unsafe {
            raw::register_net_sysctl_sz(net.as_ptr(), path.as_char_ptr(), tables.as_ptr(), N)
        };
        Ok(Self {
            header: NonNull::new(header).ok_or(ENOMEM)?,
            _tables: tables,
            _board: board,
        })
    }

    /// A file is read or written.
    ///
    /// # Safety
    ///
    /// `table` must be one that `new` filled in and has not unregistered; the rest is as for `proc_dointvec`.
    unsafe extern "C" fn handler(
        table: *const raw::ctl_table,
        write: c_int,
        buffer: *mut c_void,
        lenp: *mut usize,
        ppos: *mut raw::loff_t,
    ) -> c_int {
        // SAFETY: By the function's requirement.
        let result = unsafe { raw::proc_dointvec(table, write, buffer, lenp, ppos) };
        if write != 0 {
            // SAFETY: `new` put the board there, which outlives the registration.
            if let Some(board) = unsafe { (*table).extra1.cast::<B>().as_ref() } {
                board.written();
            }
        }
        result
    }
}

impl<B: Board<N>, const N: usize> Drop for Table<B, N> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::unregister_net_sysctl_table(self.header.as_ptr()) };
    }
}
