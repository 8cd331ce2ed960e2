// SPDX-License-Identifier: GPL-2.0-only

//! The error numbers that PF_KEY speaks in.

use super::types::numbered;

numbered! {
    /// A Linux errno, as far as this protocol needs them.
    Errno: u8 {
        /// Not permitted.
        Eperm = 1 "EPERM",
        /// SA or eroute does not exist.
        Enoent = 2 "ENOENT",
        /// SA to delete or read does not exist.
        Esrch = 3 "ESRCH",
        /// Input or output error.
        Eio = 5 "EIO",
        /// No such physical device.
        Enxio = 6 "ENXIO",
        /// No memory.
        Enomem = 12 "ENOMEM",
        /// Missing capability.
        Eacces = 13 "EACCES",
        /// Eroute does not exist.
        Efault = 14 "EFAULT",
        /// Already attached.
        Ebusy = 16 "EBUSY",
        /// SA or eroute exists already.
        Eexist = 17 "EEXIST",
        /// No such device.
        Enodev = 19 "ENODEV",
        /// Malformed or contradictory message.
        Einval = 22 "EINVAL",
        /// SA reference table is full.
        Enospc = 28 "ENOSPC",
        /// SA reference table is inconsistent.
        Espipe = 29 "ESPIPE",
        /// Socket is shut down for writing.
        Epipe = 32 "EPIPE",
        /// Message type not supported.
        Enosys = 38 "ENOSYS",
        /// The policy has none of the templates that are to be moved.
        Enodata = 61 "ENODATA",
        /// Cipher not available.
        Eproto = 71 "EPROTO",
        /// Length of the message and of the write differ.
        Emsgsize = 90 "EMSGSIZE",
        /// Nobody is registered, or wrong socket protocol.
        Eprotonosupport = 93 "EPROTONOSUPPORT",
        /// Wrong socket type.
        Esocktnosupport = 94 "ESOCKTNOSUPPORT",
        /// Flag or ioctl not supported.
        Eopnotsupp = 95 "EOPNOTSUPP",
        /// Address family not supported.
        Epfnosupport = 96 "EPFNOSUPPORT",
        /// Prefix length not supported.
        Eafnosupport = 97 "EAFNOSUPPORT",
        /// Queue of the receiver is full.
        Enobufs = 105 "ENOBUFS",
    }
}

impl Errno {
    /// The positive errno.
    pub const fn code(self) -> u8 {
        self.number()
    }

    /// The error with this number, if it is one that PF_KEY uses.
    pub const fn from_code(code: u8) -> Option<Self> {
        Self::from_number(code)
    }
}
