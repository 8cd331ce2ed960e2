// SPDX-License-Identifier: GPL-2.0-only

//! Files under `/proc/net` of each namespace.
//!
//! C headers: [`include/linux/proc_fs.h`](srctree/include/linux/proc_fs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)
//!
//! A [`Listing`] is walked by key, not by position: a reader remembers the last key it printed and asks for the next one,
//! so that rows that come or go between two reads neither repeat others nor hide them.

use super::{
    net::{
        netns::{self, PerNet},
        Net,
    },
    raw,
};
use core::{fmt, marker::PhantomData, mem, ptr, ptr::NonNull};
use kernel::{
    ffi::{c_int, c_void},
    prelude::*,
    sync::Arc,
};

/// A table that is printed as one line for each entry.
pub(crate) trait Listing: 'static {
    /// Whose table it is.
    type Owner: PerNet;
    /// What orders the entries.
    type Key: Copy + 'static;
    /// The first key after `last`, or the first of all. Process context.
    fn next(owner: &Self::Owner, last: Option<&Self::Key>) -> Option<Self::Key>;
    /// Prints the entry under `key`; one that is gone prints nothing. Process context.
    fn show(owner: &Self::Owner, key: &Self::Key, out: &mut Writer<'_>) -> fmt::Result;
}

/// A listing that can also be written to.
pub(crate) trait Writable: Listing {
    /// Takes what was written in one `write`, at most a page. Process context.
    fn write(owner: &Self::Owner, bytes: &[u8]) -> Result;
}

/// Where a listing writes.
pub(crate) struct Writer<'a>(NonNull<raw::seq_file>, PhantomData<&'a ()>);

impl Writer<'_> {
    /// Writes bytes that need not be text.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        // SAFETY: As in `write_str`.
        unsafe { raw::seq_write(self.0.as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
    }
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        // SAFETY: The file is live for the call that made the writer. When the buffer is full the sequence file layer
        // notices by itself, enlarges it and asks again.
        unsafe { raw::seq_write(self.0.as_ptr(), s.as_ptr().cast(), s.len()) };
        Ok(())
    }
}

/// A reader's place. Lives behind the namespace pointer in the sequence file's private area, zeroed by the kernel.
#[repr(C)]
struct Place<K> {
    net: raw::seq_net_private,
    /// The position of `key`, plus one; 0: none.
    index: i64,
    key: mem::MaybeUninit<K>,
}

struct Ops<L: Listing>(PhantomData<L>);

impl<L: Listing> Ops<L> {
    const OPS: raw::seq_operations = raw::seq_operations {
        start: Some(Self::start),
        stop: Some(Self::stop),
        next: Some(Self::next),
        show: Some(Self::show),
    };

    /// # Safety
    ///
    /// `m` must be a live sequence file opened with these operations.
    unsafe fn place<'a>(m: *mut raw::seq_file) -> &'a mut Place<L::Key> {
        // SAFETY: The private area has the size of `Place` and one reader at a time, under the file's lock.
        unsafe { &mut *(*m).private.cast() }
    }

    /// # Safety
    ///
    /// As for [`Ops::place`].
    unsafe fn owner(m: *mut raw::seq_file) -> Option<Arc<L::Owner>> {
        // SAFETY: An open file holds its namespace.
        netns::instance_arc::<L::Owner>(unsafe { Net::from_raw(raw::klips_seq_file_net(m)) })
    }

    /// Moves `place` to the entry at `index`, going on from where it stands if it can.
    fn seek(owner: &L::Owner, place: &mut Place<L::Key>, index: i64) -> bool {
        let wanted = index.saturating_add(1);
        if place.index > wanted || place.index == 0 {
            place.index = 0;
        }
        while place.index < wanted {
            // SAFETY: A non-zero index says that the key was written.
            let last = (place.index > 0).then(|| unsafe { place.key.assume_init() });
            match L::next(owner, last.as_ref()) {
                Some(key) => place.key.write(key),
                None => return false,
            };
            place.index = place.index.saturating_add(1);
        }
        true
    }

    /// The first row of a read.
    ///
    /// # Safety
    ///
    /// `m` must be a live sequence file opened with these operations, and `pos` its position.
    unsafe extern "C" fn start(m: *mut raw::seq_file, pos: *mut raw::loff_t) -> *mut c_void {
        // SAFETY: The kernel passes a live file of ours and a position.
        unsafe {
            if *pos == 0 {
                Self::place(m).index = 0;
            }
            Self::at(m, *pos)
        }
    }

    /// The next row.
    ///
    /// # Safety
    ///
    /// `m` must be a live sequence file opened with these operations, and `pos` its position.
    unsafe extern "C" fn next(
        m: *mut raw::seq_file,
        _v: *mut c_void,
        pos: *mut raw::loff_t,
    ) -> *mut c_void {
        // SAFETY: The kernel passes a live file of ours and a position.
        unsafe {
            *pos = (*pos).saturating_add(1);
            Self::at(m, *pos)
        }
    }

    /// # Safety
    ///
    /// As for [`Ops::place`].
    unsafe fn at(m: *mut raw::seq_file, pos: raw::loff_t) -> *mut c_void {
        // SAFETY: By the function's requirement.
        let (owner, place) = unsafe { (Self::owner(m), Self::place(m)) };
        match owner {
            Some(owner) if Self::seek(&owner, place, pos) => ptr::from_mut(place).cast(),
            _ => ptr::null_mut(),
        }
    }

    /// The end of a read.
    ///
    /// # Safety
    ///
    /// None: nothing is looked at.
    unsafe extern "C" fn stop(_m: *mut raw::seq_file, _v: *mut c_void) {}

    /// Prints the row at which the file stands.
    ///
    /// # Safety
    ///
    /// `m` must be a live sequence file opened with these operations.
    unsafe extern "C" fn show(m: *mut raw::seq_file, _v: *mut c_void) -> c_int {
        // SAFETY: The kernel passes a live file of ours.
        let (owner, place) = unsafe { (Self::owner(m), Self::place(m)) };
        if let (Some(owner), Some(file), true) = (owner, NonNull::new(m), place.index > 0) {
            // SAFETY: A non-zero index says that the key was written.
            let key = unsafe { place.key.assume_init() };
            let _ = L::show(&owner, &key, &mut Writer(file, PhantomData));
        }
        0
    }
}

/// Somebody wrote to a file.
///
/// # Safety
///
/// `file` must be an open file of a listing of `L`, and `buf` the kernel's copy of the `size` bytes written.
unsafe extern "C" fn write_callback<L: Writable>(
    file: *mut raw::file,
    buf: *mut kernel::ffi::c_char,
    size: usize,
) -> c_int {
    // SAFETY: By the function's requirement; an open file holds its sequence file and its namespace.
    let owner = unsafe {
        let m = raw::klips_file_seq(file);
        netns::instance_arc::<L::Owner>(Net::from_raw(raw::klips_seq_file_net(m)))
    };
    let Some(owner) = owner else {
        return ENODEV.to_errno();
    };
    // SAFETY: By the function's requirement.
    let bytes = unsafe { core::slice::from_raw_parts(buf.cast::<u8>(), size) };
    L::write(&owner, bytes).map_or_else(|e| e.to_errno(), |()| 0)
}

/// A file or directory; dropping it removes it with all that is in it and waits for its readers' current calls.
pub(crate) struct Entry(NonNull<raw::proc_dir_entry>);

// SAFETY: The tree is locked by the proc layer.
unsafe impl Send for Entry {}
// SAFETY: As above.
unsafe impl Sync for Entry {}

impl Entry {
    fn from(ptr: *mut raw::proc_dir_entry) -> Result<Self> {
        NonNull::new(ptr).map(Self).ok_or(ENOMEM)
    }

    fn parent(net: &Net, dir: Option<&Self>) -> *mut raw::proc_dir_entry {
        match dir {
            Some(dir) => dir.0.as_ptr(),
            // SAFETY: The namespace is live.
            None => unsafe { raw::klips_proc_net(net.as_ptr()) },
        }
    }

    /// A directory under `dir`, or under `/proc/net`. Process context.
    pub(crate) fn directory(net: &Net, dir: Option<&Self>, name: &CStr) -> Result<Self> {
        // SAFETY: The parent is live and the name NUL-terminated.
        Self::from(unsafe {
            raw::klips_proc_net_mkdir(net.as_ptr(), name.as_char_ptr(), Self::parent(net, dir))
        })
    }

    /// A symbolic link in `/proc/net`. Process context.
    pub(crate) fn symlink(net: &Net, name: &CStr, target: &CStr) -> Result<Self> {
        // SAFETY: The parent is live and both names NUL-terminated.
        Self::from(unsafe {
            raw::proc_symlink(
                name.as_char_ptr(),
                Self::parent(net, None),
                target.as_char_ptr(),
            )
        })
    }

    /// A file that prints `L` and takes writes. Process context.
    pub(crate) fn writable<L: Writable>(
        net: &Net,
        dir: Option<&Self>,
        name: &CStr,
        mode: u16,
    ) -> Result<Self> {
        Self::file::<L>(net, dir, name, mode, Some(write_callback::<L>))
    }

    /// A file that prints `L`. Process context.
    pub(crate) fn listing<L: Listing>(
        net: &Net,
        dir: Option<&Self>,
        name: &CStr,
        mode: u16,
    ) -> Result<Self> {
        Self::file::<L>(net, dir, name, mode, None)
    }

    fn file<L: Listing>(
        net: &Net,
        dir: Option<&Self>,
        name: &CStr,
        mode: u16,
        write: raw::proc_write_t,
    ) -> Result<Self> {
        // SAFETY: The parent is live, the name NUL-terminated, the operations static and made for an area of this size; the
        // function to write with, if there is one, is made for the same files, and without one writing is refused.
        Self::from(unsafe {
            raw::proc_create_net_data_write(
                name.as_char_ptr(),
                mode,
                Self::parent(net, dir),
                &Ops::<L>::OPS,
                write,
                mem::size_of::<Place<L::Key>>() as u32,
                ptr::null_mut(),
            )
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: Made by us, removed once: parents are dropped after their children.
        unsafe { raw::proc_remove(self.0.as_ptr()) };
    }
}
