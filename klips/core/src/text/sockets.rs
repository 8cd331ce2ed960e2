// SPDX-License-Identifier: GPL-2.0-only

//! Lines of `pf_key`, `pf_key_supported` and `pf_key_registered`.
//!
//! Where the originals show kernel addresses, ours show any numbers that tell sockets apart.

use core::fmt;

/// A line of `pf_key`: an open PF_KEY socket. The [header](PfkeyRow::HEADER) has more columns than the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PfkeyRow {
    /// Number of the protocol's half of the socket.
    pub sock: u64,
    /// Process that opened it.
    pub pid: u32,
    /// Number of the process's half of the socket.
    pub socket: u64,
    /// Pending error.
    pub err: i32,
    /// Protocol, always 2.
    pub proto: u8,
    /// Bytes that may wait to be sent.
    pub sndbuf: u32,
    /// Socket flags.
    pub flags: u32,
    /// Socket type; 3 is raw.
    pub kind: u16,
    /// Socket state; 1 is unconnected.
    pub state: u8,
}

impl PfkeyRow {
    /// The line above.
    pub const HEADER: &'static str =
        "    sock   pid   socket     next     prev e n p sndbf    Flags     Type St\n";
    /// The line above [`VerbosePfkeyRow`].
    pub const VERBOSE_HEADER: &'static str =
        "    sock   pid d    sleep   socket     next     prev e r z n p sndbf    stamp    Flags     Type St\n";
}

impl fmt::Display for PfkeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sock,
            pid,
            socket,
            err,
            proto,
            sndbuf,
            flags,
            kind,
            state,
        } = self;
        writeln!(
            f,
            "{sock:08x} {pid:5} {socket:08x} {err} {proto} {sndbuf:5} {flags:08X} {kind:8X} {state:2X}"
        )
    }
}

/// The line of `pf_key` while `debug_verbose` is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerbosePfkeyRow {
    /// What the short line shows.
    pub row: PfkeyRow,
    /// Number of the queue that readers wait in.
    pub sleep: u64,
    /// When a message last arrived, in microseconds of uptime.
    pub stamp: u64,
}

impl fmt::Display for VerbosePfkeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MICRO: u64 = 1_000_000;
        let (seconds, micros) = (self.stamp / MICRO, self.stamp % MICRO);
        let sleep = self.sleep;
        let PfkeyRow {
            sock,
            pid,
            socket,
            err,
            proto,
            sndbuf,
            flags,
            kind,
            state,
        } = self.row;
        // Dead, reuse and zapped are states in which nobody could look.
        write!(
            f,
            "{sock:08x} {pid:5} 0 {sleep:08x} {socket:08x} {err} 0 0 {proto} "
        )?;
        writeln!(
            f,
            "{sndbuf:5} {seconds}.{micros:06} {flags:08X} {kind:8X} {state:2X}"
        )
    }
}

/// A line of `pf_key_supported`: an algorithm that REGISTER announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SupportedRow<'a> {
    /// PF_KEY satype.
    pub satype: u8,
    /// Extension that announces it: 14 authentication, 15 encryption (and compression, and tunnels).
    pub exttype: u16,
    /// PF_KEY number.
    pub id: u8,
    /// IV in bits.
    pub iv_bits: u8,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
    /// Name; `None` prints as `unknown`.
    pub name: Option<&'a str>,
}

impl SupportedRow<'_> {
    /// The line above.
    pub const HEADER: &'static str = "satype exttype alg_id ivlen minbits maxbits name\n";
}

impl fmt::Display for SupportedRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            satype,
            exttype,
            id,
            iv_bits,
            min_bits,
            max_bits,
            name,
        } = self;
        let name = name.unwrap_or("unknown");
        write!(
            f,
            "    {satype:2}      {exttype:2}     {id:2}   {iv_bits:3}"
        )?;
        write!(f, "     {min_bits:3}     {max_bits:3} ")?;
        // `{:>20}` counts characters with code that can panic.
        for _ in name.len()..20 {
            f.write_str(" ")?;
        }
        writeln!(f, "{name}")
    }
}

/// A line of `pf_key_registered`: a socket that wants to hear of a satype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisteredRow {
    /// PF_KEY satype.
    pub satype: u8,
    /// Number of the process's half of the socket.
    pub socket: u64,
    /// Process that opened it.
    pub pid: u32,
    /// Number of the protocol's half of the socket.
    pub sock: u64,
}

impl RegisteredRow {
    /// The line above.
    pub const HEADER: &'static str = "satype   socket   pid       sk\n";
}

impl fmt::Display for RegisteredRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            satype,
            socket,
            pid,
            sock,
        } = self;
        writeln!(f, "    {satype:2} {socket:08x} {pid:5} {sock:08x}")
    }
}
