// SPDX-License-Identifier: GPL-2.0-only

//! What REGISTER replies and listings announce of the table.

use super::auths::{self, Auth};
use super::ciphers::{self, Cipher};
use super::numbers::COMP_DEFLATE;
use crate::said::SaProto;

/// An algorithm as a REGISTER reply announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supported {
    /// PF_KEY number.
    pub id: u8,
    /// IV in bits.
    pub iv_bits: u8,
    /// Shortest key in bits.
    pub min_bits: u16,
    /// Longest key in bits.
    pub max_bits: u16,
}

const fn entry(id: u8, iv_bits: u8, min_bits: u16, max_bits: u16) -> Supported {
    Supported {
        id,
        iv_bits,
        min_bits,
        max_bits,
    }
}

const fn auth(row: &Auth) -> Supported {
    entry(row.id, 0, row.key_bits, row.key_bits)
}

const fn cipher(row: &Cipher) -> Supported {
    let (Some(min), Some(max)) = (row.key_bits.first(), row.key_bits.last()) else {
        return entry(row.id, 0, 0, 0);
    };
    // CAST: IVs have 16 bytes at most.
    #[allow(clippy::as_conversions)]
    let iv_bits = (row.iv_len as u8).saturating_mul(8);
    entry(row.id, iv_bits, *min, *max)
}

const AUTH: [Supported; 8] = [
    auth(&auths::AES_CMAC),
    auth(&auths::AES_XCBC),
    auth(&auths::SHA2_256_96),
    auth(&auths::SHA2_512),
    auth(&auths::SHA2_384),
    auth(&auths::SHA2_256),
    auth(&auths::SHA1),
    auth(&auths::MD5),
];

/// 3DES is there twice: with the 192 bits that it takes, and with the 168 that count and older software looks for.
const ESP_ENC: [Supported; 16] = [
    cipher(&ciphers::CHACHA20_POLY1305),
    cipher(&ciphers::AES_GMAC),
    cipher(&ciphers::AES_GCM_16),
    cipher(&ciphers::AES_GCM_12),
    cipher(&ciphers::AES_GCM_8),
    cipher(&ciphers::AES_CCM_16),
    cipher(&ciphers::AES_CCM_12),
    cipher(&ciphers::AES_CCM_8),
    cipher(&ciphers::AES_CTR),
    cipher(&ciphers::CAMELLIA),
    cipher(&ciphers::TWOFISH),
    cipher(&ciphers::SERPENT),
    cipher(&ciphers::NULL),
    cipher(&ciphers::TRIPLE_DES),
    cipher(&ciphers::AES),
    entry(ciphers::TRIPLE_DES.id, 64, 168, 168),
];

const IPIP_ENC: [Supported; 1] = [entry(1, 0, 32, 32)];

const COMP_ENC: [Supported; 1] = [entry(COMP_DEFLATE, 0, 1, 1)];

/// Authentication and encryption algorithms of a protocol, most recently added first as REGISTER lists them.
pub const fn supported(proto: SaProto) -> (&'static [Supported], &'static [Supported]) {
    match proto {
        SaProto::Ah => (&AUTH, &[]),
        SaProto::Esp => (&AUTH, &ESP_ENC),
        SaProto::Ipip => (&[], &IPIP_ENC),
        SaProto::Comp => (&[], &COMP_ENC),
        SaProto::Int => (&[], &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{auths::AUTHS, ciphers::CIPHERS};
    use super::*;

    #[test]
    fn what_is_announced_can_be_had() {
        let (auths, encs) = supported(SaProto::Esp);
        for alg in auths {
            let row = Auth::find(alg.id).unwrap();
            assert_eq!((row.key_bits, row.key_bits), (alg.min_bits, alg.max_bits));
        }
        for alg in encs.iter().filter(|alg| alg.min_bits != 168) {
            let row = Cipher::find(alg.id).unwrap();
            assert_eq!(row.key_bits.first(), Some(&alg.min_bits));
            assert_eq!(row.key_bits.last(), Some(&alg.max_bits));
            assert_eq!(row.iv_len * 8, usize::from(alg.iv_bits));
        }
    }

    #[test]
    fn all_of_the_table_is_announced_once() {
        let (auths, encs) = supported(SaProto::Esp);
        for row in AUTHS.iter().filter(|row| row.id != 0) {
            let there = auths.iter().filter(|alg| alg.id == row.id).count();
            assert_eq!(there, 1, "{}", row.id);
        }
        for row in CIPHERS {
            let there = encs
                .iter()
                .filter(|alg| alg.id == row.id && alg.min_bits != 168);
            assert_eq!(there.count(), 1, "{}", row.id);
        }
        assert_eq!(encs.len(), CIPHERS.len() + 1);
        assert_eq!(supported(SaProto::Ah), (auths, &[][..]));
    }

    #[test]
    fn classic_announcements() {
        let (auths, encs) = supported(SaProto::Esp);
        assert!(auths.ends_with(&[entry(3, 0, 160, 160), entry(2, 0, 128, 128)]));
        let classic = [
            entry(3, 64, 192, 192),
            entry(12, 128, 128, 256),
            entry(3, 64, 168, 168),
        ];
        assert!(encs.ends_with(&classic));
        assert_eq!(supported(SaProto::Comp).1, [entry(2, 0, 1, 1)]);
        assert_eq!(supported(SaProto::Ipip).1, [entry(1, 0, 32, 32)]);
    }
}
