// SPDX-License-Identifier: GPL-2.0-only

//! Lines of `spi/all`.

use super::{net, number, said, RowError};
use crate::addr::parse_addr;
use crate::sa::alg::{auth_xform, comp_xform, enc_xform};
use crate::sa::{Lifetime, Window};
use crate::said::SaProto;
use crate::text::{NatEncap, SaRow};

/// The time that times of a parsed line are relative to: far from 0, as a stamp of 0 means "never".
const NOW: u64 = 1 << 40;

/// What `bit=` and its neighbours say, until all of it is there.
#[derive(Default)]
struct Replay {
    size: u16,
    last: u64,
    bitmap: u64,
    max_seq_diff: u64,
}

impl<'a> SaRow<'a> {
    /// Parses a line, with or without its newline. `iv` is where the IV goes.
    ///
    /// Elapsed times are turned back into stamps by a clock of which only [`SaRow::now`] is known. Fields that are not
    /// known are passed over, as kernels of other versions have more of them.
    ///
    /// # Errors
    ///
    /// [`RowError`].
    pub fn parse(line: &'a str, iv: &'a mut [u8; 16]) -> Result<Self, RowError> {
        let mut words = line.split_whitespace();
        let mut next = || words.next().ok_or(RowError::Shape);
        let said = said(next()?)?;
        let xform = next()?.strip_suffix(':').ok_or(RowError::Shape)?;
        let (enc, auth) = xform_numbers(said.proto, xform).ok_or(RowError::Xform)?;
        let mut row = SaRow {
            said,
            enc,
            auth,
            now: NOW,
            ..SaRow::default()
        };
        let mut replay = Replay::default();
        let mut iv_text = "";
        for word in words {
            let Some((name, value)) = word.split_once('=') else {
                continue;
            };
            match name {
                "iv" => iv_text = value,
                "ooowin" => replay.size = number(value)?,
                "seq" => replay.last = number(value)?,
                "bit" => replay.bitmap = number(value)?,
                "max_seq_diff" => replay.max_seq_diff = number(value)?,
                "life(c,s,h)" => row.lifetimes_from(value)?,
                _ => row.field(name, value)?,
            }
        }
        row.window = Window::listed(replay.size, replay.last, replay.bitmap, replay.max_seq_diff)
            .ok_or(RowError::Number)?;
        if row.life.last_used != 0 && row.life.usetime.count == 0 {
            row.life.usetime.count = 1;
        } else if row.life.last_used == 0 {
            row.life.usetime.count = 0;
        }
        row.iv = unhex(iv_text, iv)?;
        Ok(row)
    }

    fn field(&mut self, name: &str, value: &'a str) -> Result<(), RowError> {
        match name {
            "dir" => self.inbound = value == "in",
            "src" => self.src = Some(parse_addr(value, None)?),
            "policy" => {
                let (src, dst) = value.split_once("->").ok_or(RowError::Addr)?;
                self.policy = Some((net(src)?, net(dst)?));
            }
            "ooo_errs" => self.ooo_errs = number(value)?,
            "flags" => self.flags = number(value.strip_suffix("<>").unwrap_or(value))?,
            "alen" => self.auth_bits = number(value)?,
            "aklen" => self.auth_key_bits = number(value)?,
            "auth_errs" => self.auth_errs = number(value)?,
            "eklen" => self.enc_key_bits = number(value)?,
            "encr_size_errs" => self.encr_size_errs = number(value)?,
            "encr_pad_errs" => self.encr_pad_errs = number(value)?,
            "idle" => self.life.last_used = NOW.saturating_sub(number(value)?),
            "ratio" => {
                let (before, after) = value.split_once(':').ok_or(RowError::Shape)?;
                self.ratio = (number(before)?, number(after)?);
            }
            "natencap" => {
                self.natencap = match value {
                    "none" | "na" => NatEncap::None,
                    "nonike" => NatEncap::NonIke,
                    "nonesp" => NatEncap::NonEsp,
                    _ => NatEncap::Unknown,
                }
            }
            "natsport" => self.natsport = number(value)?,
            "natdport" => self.natdport = number(value)?,
            "refcount" => {
                // Libreswan may put the holders in brackets behind the number.
                let count = value.split_once('[').map_or(value, |(count, _)| count);
                self.refcount = number(count)?;
            }
            "ref" => self.saref = number(value)?,
            "refhim" => self.refhim = number(value)?,
            "outif" => {
                let (device, transport) = value.rsplit_once(':').ok_or(RowError::Shape)?;
                self.outif = Some((device, number::<u32>(transport)? != 0));
            }
            "reftable" => self.reftable = Some((number(value)?, 0)),
            "refentry" => {
                let table = self.reftable.map_or(0, |(table, _)| table);
                self.reftable = Some((table, number(value)?));
            }
            _ => {}
        }
        Ok(())
    }

    /// `bytes(1088,0,0)addtime(26,0,0)`
    fn lifetimes_from(&mut self, text: &str) -> Result<(), RowError> {
        self.life.alloc.count = 1;
        let mut rest = text;
        while !rest.is_empty() {
            let (name, more) = rest.split_once('(').ok_or(RowError::Shape)?;
            let (numbers, more) = more.split_once(')').ok_or(RowError::Shape)?;
            rest = more;
            let mut numbers = numbers.split(',').map(number::<u64>);
            let mut next = || numbers.next().unwrap_or(Err(RowError::Shape));
            let life = Lifetime {
                count: next()?,
                soft: next()?,
                hard: next()?,
            };
            let began = Lifetime {
                count: NOW.saturating_sub(life.count),
                ..life
            };
            match name {
                "alloc" => self.life.alloc = life,
                "bytes" => self.life.bytes = life,
                "addtime" => self.life.addtime = began,
                "usetime" => self.life.usetime = began,
                "packets" => self.life.packets = life,
                _ => return Err(RowError::Shape),
            }
        }
        Ok(())
    }
}

/// Encryption and authentication algorithm of `ESP_3DES_HMAC_MD5`.
/// PF_KEY numbers of encryption (or compression) and authentication in an XFORM name such as `ESP_3DES_HMAC_MD5`.
pub fn xform_numbers(proto: SaProto, xform: &str) -> Option<(u8, u8)> {
    let rest = xform.strip_prefix(match proto {
        SaProto::Ah => "AH",
        SaProto::Esp => "ESP",
        SaProto::Ipip => "IPIP",
        SaProto::Comp => "COMP",
        SaProto::Int => "UNKNOWN_proto",
    })?;
    if proto == SaProto::Comp {
        let known = (0..=u8::MAX).find(|enc| comp_xform(*enc) == rest);
        return Some((known.unwrap_or(u8::MAX), 0));
    }
    // One name may begin with another: the rest has to be a name too.
    (0..=u8::MAX).find_map(|enc| {
        let rest = match enc_xform(enc) {
            Some(name) => rest.strip_prefix(name)?,
            None => strip_id(rest, enc)?,
        };
        Some((enc, auth_named(rest)?))
    })
}

fn auth_named(text: &str) -> Option<u8> {
    (0..=u8::MAX).find(|auth| match auth_xform(*auth) {
        Some(name) => text == name,
        None => strip_id(text, *auth) == Some(""),
    })
}

/// What follows `_ID<id>`, unless that is only the beginning of a longer number.
fn strip_id(text: &str, id: u8) -> Option<&str> {
    let text = text.strip_prefix("_ID")?;
    let digits = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(digits)?;
    (digits.parse() == Ok(id)).then_some(rest)
}

fn unhex<'a>(text: &str, into: &'a mut [u8; 16]) -> Result<&'a [u8], RowError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let len = digits.len() / 2;
    let room = into.get_mut(..len).ok_or(RowError::Number)?;
    for (byte, pair) in room.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_| RowError::Number)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| RowError::Number)?;
    }
    Ok(room)
}
