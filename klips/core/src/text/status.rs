// SPDX-License-Identifier: GPL-2.0-only

//! The small files: `klipsdebug`, `stats`, `natt`, `ocf`, `saref`.

use crate::pfkey::ext::DebugMasks;
use core::fmt;

/// The content of `klipsdebug`: nine lines, each with a full stop. The masks that it leaves out have never had one.
///
/// ```text
/// debug_tunnel=00000000.
/// debug_xform=ffffffff.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KlipsdebugRows(pub DebugMasks);

impl KlipsdebugRows {
    /// Names and masks in the order of the file.
    pub const fn masks(&self) -> [(&'static str, u32); 9] {
        let masks = &self.0;
        [
            ("tunnel", masks.tunnel),
            ("xform", masks.xform),
            ("eroute", masks.eroute),
            ("spi", masks.spi),
            ("radij", masks.radij),
            ("esp", masks.esp),
            ("ah", masks.ah),
            ("rcv", masks.rcv),
            ("pfkey", masks.pfkey),
        ]
    }
}

impl fmt::Display for KlipsdebugRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, mask) in self.masks() {
            writeln!(f, "debug_{name}={mask:08x}.")?;
        }
        Ok(())
    }
}

/// The content of a file in `stats`: a counter as eight hexadecimal digits. It wraps as the classic one did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatRow(pub u32);

impl fmt::Display for StatRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:08x}", self.0)
    }
}

/// The content of `natt`: how a key daemon gets ESP out of its UDP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NattRow {
    /// Not at all.
    None,
    /// By the socket option UDP_ENCAP of a patched kernel.
    SocketOption,
    /// By handing its socket over with an ioctl.
    Handover,
}

impl fmt::Display for NattRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "0\n",
            Self::SocketOption => "1\n",
            Self::Handover => "2\n",
        })
    }
}

/// The content of `ocf`: whether an OCF accelerator is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcfRow(pub bool);

impl fmt::Display for OcfRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "1\n" } else { "0\n" })
    }
}

/// The content of `saref`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SarefRows {
    /// Sockets can tell which SA a packet came by.
    pub refinfo: bool,
    /// Sockets can be bound to an SA.
    pub bindref: bool,
    /// Packets carry the references of their SAs.
    pub enabled: bool,
}

impl fmt::Display for SarefRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.refinfo {
            f.write_str("refinfo patch applied\n")?;
        }
        if self.bindref {
            f.write_str("bindref patch applied\n")?;
        }
        f.write_str(if self.enabled {
            "saref enabled\n"
        } else {
            "saref disabled\n"
        })
    }
}
