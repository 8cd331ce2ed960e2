// SPDX-License-Identifier: GPL-2.0-only

//! Integer switches under `/proc/sys/net` of each namespace.
//!
//! C header: [`include/linux/sysctl.h`](srctree/include/linux/sysctl.h)

use super::{net::Net, raw};
use core::{mem, ptr::NonNull, sync::atomic::AtomicI32};
use kernel::{prelude::*, sync::Arc};

/// The values behind a table; index `i` belongs to the `i`th name.
pub(crate) struct Values<const N: usize>([AtomicI32; N]);

impl<const N: usize> Values<N> {
    /// Values that start as given.
    pub(crate) fn new(start: [i32; N]) -> Self {
        Self(start.map(AtomicI32::new))
    }

    /// Changes value `i` by `f`, in one step. Any context.
    pub(crate) fn update(&self, i: usize, f: impl Fn(i32) -> i32) {
        use core::sync::atomic::Ordering::Relaxed;
        if let Some(value) = self.0.get(i) {
            let _ = value.fetch_update(Relaxed, Relaxed, |v| Some(f(v)));
        }
    }

    /// Value `i`; 0 if there is none. Any context.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> i32 {
        self.0
            .get(i)
            .map_or(0, |v| v.load(core::sync::atomic::Ordering::Relaxed))
    }
}

/// A registered table. Dropping it takes the files away and waits for their users.
pub(crate) struct Table<const N: usize> {
    header: NonNull<raw::ctl_table_header>,
    // Both are used by the kernel until the header is unregistered.
    _tables: KBox<[raw::ctl_table; N]>,
    _values: Arc<Values<N>>,
}

// SAFETY: The table is the kernel's while it is registered; the values are atomics.
unsafe impl<const N: usize> Send for Table<N> {}
// SAFETY: As above.
unsafe impl<const N: usize> Sync for Table<N> {}

impl<const N: usize> Table<N> {
    /// Registers `names` under `path` ("net/ipsec") with mode 0644. Process context.
    pub(crate) fn new(
        net: &Net,
        path: &'static CStr,
        names: [&'static CStr; N],
        values: Arc<Values<N>>,
    ) -> Result<Self> {
        // SAFETY: All-zero is a valid `ctl_table`.
        let zeroed = unsafe { mem::zeroed() };
        let mut tables: KBox<[raw::ctl_table; N]> = KBox::new(zeroed, GFP_KERNEL)?;
        for ((table, name), value) in tables.iter_mut().zip(names).zip(values.0.iter()) {
            table.procname = name.as_char_ptr();
            table.data = value.as_ptr().cast();
            table.maxlen = mem::size_of::<i32>() as i32;
            table.mode = 0o644;
            table.proc_handler = Some(raw::proc_dointvec);
        }
        // SAFETY: Path, table and values live until the header is unregistered in `drop`.
        let header = unsafe {
            raw::register_net_sysctl_sz(net.as_ptr(), path.as_char_ptr(), tables.as_ptr(), N)
        };
        Ok(Self {
            header: NonNull::new(header).ok_or(ENOMEM)?,
            _tables: tables,
            _values: values,
        })
    }
}

impl<const N: usize> Drop for Table<N> {
    fn drop(&mut self) {
        // SAFETY: Registered in `new`.
        unsafe { raw::unregister_net_sysctl_table(self.header.as_ptr()) };
    }
}
