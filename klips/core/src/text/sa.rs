// SPDX-License-Identifier: GPL-2.0-only

//! A line of `spi/all`.

use crate::addr::{Addr, Family, Net};
use crate::sa::alg::{auth_xform, comp_xform, enc_xform};
use crate::sa::{Lifetime, Lifetimes, Window};
use crate::said::{SaProto, Said};
use core::fmt;
use core::net::IpAddr;

/// UDP encapsulation of an SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NatEncap {
    /// None.
    #[default]
    None,
    /// Eight zero bytes after the UDP header, the draft form.
    NonIke,
    /// RFC 3948.
    NonEsp,
    /// Something else.
    Unknown,
}

impl NatEncap {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NonIke => "nonike",
            Self::NonEsp => "nonesp",
            Self::Unknown => "unknown",
        }
    }
}

/// A line of `spi/all`: everything about an SA but its keys.
///
/// Fields that are zero or `None` do not show, except where the classic listing always has them. `Default` is a line
/// with as little as possible; only `said` must be set.
#[derive(Clone, Copy, Debug)]
pub struct SaRow<'a> {
    /// Name of the SA.
    pub said: Said,
    /// PF_KEY encryption (or compression) algorithm.
    pub enc: u8,
    /// PF_KEY authentication algorithm.
    pub auth: u8,
    /// The SA's destination is this host.
    pub inbound: bool,
    /// Source address.
    pub src: Option<IpAddr>,
    /// Inbound policy of a tunnel: source and destination network of inner packets.
    pub policy: Option<(Net, Net)>,
    /// The IV of the next packet, or an empty slice.
    pub iv: &'a [u8],
    /// Replay window and sequence numbers.
    pub window: Window,
    /// Packets refused by the replay window.
    pub ooo_errs: u32,
    /// PF_KEY flags; bit 0 is not shown.
    pub flags: u32,
    /// Hash size in bits, not that of the ICV.
    pub auth_bits: u16,
    /// Authentication key in bits.
    pub auth_key_bits: u16,
    /// Packets whose ICV was wrong.
    pub auth_errs: u32,
    /// Encryption key in bits.
    pub enc_key_bits: u16,
    /// Packets of a length that the cipher cannot take.
    pub encr_size_errs: u32,
    /// Packets whose padding was wrong.
    pub encr_pad_errs: u32,
    /// Lifetimes.
    pub life: Lifetimes,
    /// The time now, by the clock of `life`.
    pub now: u64,
    /// Bytes before and after compression, for COMP.
    pub ratio: (u64, u64),
    /// UDP encapsulation.
    pub natencap: NatEncap,
    /// Its source port.
    pub natsport: u16,
    /// Its destination port.
    pub natdport: u16,
    /// References, the reader's own not counted.
    pub refcount: u32,
    /// SAref.
    pub saref: u32,
    /// SAref of the paired SA.
    pub refhim: u32,
    /// The device that its packets are bound to, and whether for transport mode.
    pub outif: Option<(&'a str, bool)>,
    /// Where `saref` stands in a table of tables; shown while `debug_xform` is on.
    pub reftable: Option<(u32, u32)>,
}

impl Default for SaRow<'_> {
    fn default() -> Self {
        Self {
            said: Said {
                dst: Family::V4.any(),
                spi: 0,
                proto: SaProto::Esp,
            },
            enc: 0,
            auth: 0,
            inbound: false,
            src: None,
            policy: None,
            iv: &[],
            window: Window::default(),
            ooo_errs: 0,
            flags: 0,
            auth_bits: 0,
            auth_key_bits: 0,
            auth_errs: 0,
            enc_key_bits: 0,
            encr_size_errs: 0,
            encr_pad_errs: 0,
            life: Lifetimes::default(),
            now: 0,
            ratio: (0, 0),
            natencap: NatEncap::None,
            natsport: 0,
            natdport: 0,
            refcount: 0,
            saref: 0,
            refhim: 0,
            outif: None,
            reftable: None,
        }
    }
}

impl fmt::Display for SaRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.said)?;
        self.xform(f)?;
        // The blank behind "in" has always been there.
        f.write_str(if self.inbound {
            ": dir=in "
        } else {
            ": dir=out"
        })?;
        self.addresses(f)?;
        self.iv(f)?;
        self.replay(f)?;
        self.algorithms(f)?;
        self.lifetimes(f)?;
        self.tail(f)
    }
}

impl SaRow<'_> {
    /// `ESP_3DES_HMAC_MD5`
    fn xform(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.said.proto {
            SaProto::Ah => "AH",
            SaProto::Esp => "ESP",
            SaProto::Ipip => "IPIP",
            SaProto::Comp => "COMP",
            SaProto::Int => "UNKNOWN_proto",
        })?;
        let enc = match self.said.proto {
            SaProto::Comp => Some(comp_xform(self.enc)),
            _ => enc_xform(self.enc),
        };
        write_part(f, enc, self.enc)?;
        write_part(f, auth_xform(self.auth), self.auth)
    }

    /// ` src=192.0.2.1 policy=10.1.0.0/16->10.2.0.0/16`
    fn addresses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(src) = self.src {
            write!(f, " src={}", Addr(src))?;
        }
        if let Some((src, dst)) = self.policy {
            write!(f, " policy={src}->{dst}")?;
        }
        Ok(())
    }

    /// ` iv_bits=64bits iv=0xdeadf00ddeadf00d`
    fn iv(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.iv.is_empty() {
            return Ok(());
        }
        write!(f, " iv_bits={}bits iv=0x", self.iv.len().saturating_mul(8))?;
        for byte in self.iv {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }

    /// ` ooowin=64 ooo_errs=1 seq=8 bit=0xff max_seq_diff=3`
    fn replay(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = &self.window;
        if self.enc == 0 && self.auth == 0 {
            return Ok(());
        }
        unless_zero(f, "ooowin", window.size().into())?;
        unless_zero(f, "ooo_errs", self.ooo_errs.into())?;
        unless_zero(f, "seq", window.last())?;
        if window.bitmap() != 0 {
            write!(f, " bit={:#x}", window.bitmap())?;
        }
        unless_zero(f, "max_seq_diff", window.max_seq_diff())
    }

    /// ` flags=0x8<> alen=128 aklen=128 eklen=192` and their error counts.
    fn algorithms(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags & !1;
        if flags != 0 {
            write!(f, " flags={flags:#x}<>")?;
        }
        unless_zero(f, "alen", self.auth_bits.into())?;
        unless_zero(f, "aklen", self.auth_key_bits.into())?;
        unless_zero(f, "auth_errs", self.auth_errs.into())?;
        unless_zero(f, "eklen", self.enc_key_bits.into())?;
        unless_zero(f, "encr_size_errs", self.encr_size_errs.into())?;
        unless_zero(f, "encr_pad_errs", self.encr_pad_errs.into())
    }

    /// ` life(c,s,h)=bytes(1088,0,0)addtime(26,0,0) idle=13`
    fn lifetimes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |start: u64| {
            if start == 0 {
                0
            } else {
                self.now.saturating_sub(start)
            }
        };
        let life = &self.life;
        f.write_str(" life(c,s,h)=")?;
        lifetime(f, "alloc", life.alloc.count, &life.alloc)?;
        lifetime(f, "bytes", life.bytes.count, &life.bytes)?;
        lifetime(f, "addtime", since(life.addtime.count), &life.addtime)?;
        lifetime(f, "usetime", since(life.usetime.count), &life.usetime)?;
        lifetime(f, "packets", life.packets.count, &life.packets)?;
        if life.is_used() {
            write!(f, " idle={}", since(life.last_used))?;
        }
        Ok(())
    }

    /// ` ratio=1:1 natencap=none natsport=0 natdport=0 refcount=4 ref=15 refhim=0` and the newline.
    fn tail(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.said.proto == SaProto::Comp && self.ratio != (0, 0) {
            write!(f, " ratio={}:{}", self.ratio.0, self.ratio.1)?;
        }
        let Self {
            natsport,
            natdport,
            refcount,
            saref,
            refhim,
            ..
        } = self;
        write!(
            f,
            " natencap={} natsport={natsport} natdport={natdport}",
            self.natencap.name()
        )?;
        write!(f, " refcount={refcount} ref={saref} refhim={refhim}")?;
        if let Some((device, transport)) = self.outif {
            write!(f, " outif={device}:{}", u8::from(transport))?;
        }
        if let Some((table, entry)) = self.reftable {
            write!(f, " reftable={table} refentry={entry}")?;
        }
        f.write_str("\n")
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, name: Option<&str>, id: u8) -> fmt::Result {
    match name {
        Some(name) => f.write_str(name),
        None => write!(f, "_ID{id}"),
    }
}

fn unless_zero(f: &mut fmt::Formatter<'_>, name: &str, value: u64) -> fmt::Result {
    if value == 0 {
        return Ok(());
    }
    write!(f, " {name}={value}")
}

/// One lifetime; whether it shows depends on the raw count, which for times is when it began.
fn lifetime(f: &mut fmt::Formatter<'_>, name: &str, used: u64, life: &Lifetime) -> fmt::Result {
    if !life.is_shown() {
        return Ok(());
    }
    write!(f, "{name}({used},{},{})", life.soft, life.hard)
}
