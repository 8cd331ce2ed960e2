// SPDX-License-Identifier: GPL-2.0-only

//! A line of `xforms`.

use core::fmt;

/// The version that every line begins with: 0.8.1, as the last algorithm modules of KLIPS stated it.
const VERSION: u32 = 0x0008_0100;

/// A line of `xforms`: an algorithm that is there. It ends in a blank, and some fields appear twice, as they always have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XformRow<'a> {
    /// Number of the PF_KEY extension that announces such algorithms: 14 authentication, 15 encryption.
    pub exttype: u16,
    /// PF_KEY number.
    pub id: u8,
    /// Name.
    pub name: &'a str,
    /// SAs that use it, and the table itself.
    pub refcount: u32,
    /// What payloads are padded to, in bytes.
    pub block: usize,
    /// IV in bits.
    pub iv_bits: u16,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
    /// Memory for an expanded key in bytes, 0 if unknown.
    pub context_len: usize,
    /// ICV in bytes; of authentication algorithms only.
    pub auth_len: Option<usize>,
}

impl fmt::Display for XformRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            exttype,
            id,
            name,
            refcount,
            block,
            iv_bits,
            min_bits,
            max_bits,
            context_len,
            auth_len,
        } = self;
        write!(
            f,
            "VERSION={VERSION} TYPE={exttype} ID={id} NAME={name} REFCNT={refcount} STATE=00000000 BLOCKSIZE={block} "
        )?;
        for _ in 0..2 {
            write!(
                f,
                "IVLEN={iv_bits} KEYMINBITS={min_bits} KEYMAXBITS={max_bits} "
            )?;
        }
        write!(f, "KEYLEN=0 CTXSIZE={context_len} ")?;
        if let Some(len) = auth_len {
            write!(f, "AUTHLEN={len} ")?;
        }
        f.write_str("\n")
    }
}
