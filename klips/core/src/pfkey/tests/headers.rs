// SPDX-License-Identifier: GPL-2.0-only

//! The C headers say the same numbers as the Rust enums.

use std::collections::BTreeMap;
use std::string::{String, ToString};

use super::super::request::Interface;
use super::super::types::{flags, ident_type, natt_type, state};
use super::*;
use crate::sa::alg;
use crate::said::{SaProto, Shunt};

const PFKEY: &str = include_str!("../../../../../include/uapi/linux/pfkeyv2_klips.h");
const KLIPS_H: &str = include_str!("../../../../../include/uapi/linux/klips.h");

/// Every `#define` of a number.
fn defines(header: &str) -> BTreeMap<String, u64> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    header
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_string(), number(words.next()?)?))
        })
        .collect()
}

#[test]
fn extension_types() {
    let defines = defines(PFKEY);
    for ext in ExtType::ALL {
        let name = match ext.name().strip_prefix("X_") {
            Some(name) => std::format!("KLIPS_SADB_X_EXT_{name}"),
            None => std::format!("KLIPS_SADB_EXT_{}", ext.name()),
        };
        assert_eq!(defines.get(&name), Some(&ext.number().into()), "{name}");
    }
}

#[test]
fn the_other_numbers_of_pf_key() {
    let defines = defines(PFKEY);
    let rows: &[(&str, u64)] = &[
        ("GETSPI", MsgType::GetSpi.number().into()),
        ("ADD", MsgType::Add.number().into()),
        ("FLUSH", MsgType::Flush.number().into()),
        ("X_GRPSA", MsgType::Grpsa.number().into()),
        ("X_ADDFLOW", MsgType::AddFlow.number().into()),
        ("X_DELFLOW", MsgType::DelFlow.number().into()),
        ("X_DEBUG", MsgType::Debug.number().into()),
        (
            "X_NAT_T_NEW_MAPPING",
            MsgType::NatTNewMapping.number().into(),
        ),
        ("X_UNPLUMBIF", MsgType::UnplumbIf.number().into()),
        ("SATYPE_AH", SaProto::Ah.satype().into()),
        ("SATYPE_ESP", SaProto::Esp.satype().into()),
        ("X_SATYPE_IPIP", SaProto::Ipip.satype().into()),
        ("X_SATYPE_COMP", SaProto::Comp.satype().into()),
        ("X_SATYPE_INT", SaProto::Int.satype().into()),
        ("SASTATE_DEAD", state::DEAD.into()),
        ("X_SAFLAGS_REPLACEFLOW", flags::REPLACEFLOW.into()),
        ("X_SAFLAGS_CLEARFLOW", flags::CLEARFLOW.into()),
        ("X_SAFLAGS_INFLOW", flags::INFLOW.into()),
        ("X_SAFLAGS_POLICYONLY", flags::POLICYONLY.into()),
        ("X_IDENTTYPE_CONNECTION", ident_type::CONNECTION.into()),
    ];
    for (name, number) in rows {
        let name = std::format!("KLIPS_SADB_{name}");
        assert_eq!(defines.get(&name), Some(number), "{name}");
    }
    assert_eq!(defines["KLIPS_NATT_NONESP"], natt_type::NON_ESP.into());
    assert_eq!(defines["KLIPS_DEBUG_SET"], ext::DebugMasks::SET.into());
    let ipsec0 = defines["KLIPS_PLUMBIF_IPSEC"] as u16;
    assert_eq!(Interface::from_number(ipsec0), Interface::Ipsec(0));
}

#[test]
fn numbers_of_algorithms() {
    let defines = defines(PFKEY);
    for (name, number) in [
        ("AALG_NONE", alg::NONE),
        ("AALG_MD5HMAC", alg::AUTH_MD5),
        ("AALG_SHA1HMAC", alg::AUTH_SHA1),
        ("X_AALG_SHA2_256HMAC", alg::AUTH_SHA2_256),
        ("X_AALG_SHA2_384HMAC", alg::AUTH_SHA2_384),
        ("X_AALG_SHA2_512HMAC", alg::AUTH_SHA2_512),
        ("X_AALG_AES_XCBC_MAC", alg::AUTH_AES_XCBC),
        ("X_AALG_AES_CMAC", alg::AUTH_AES_CMAC),
        ("X_AALG_SHA2_256_96HMAC", alg::AUTH_SHA2_256_96),
        ("EALG_NONE", alg::NONE),
        ("EALG_3DESCBC", alg::ENC_3DES),
        ("EALG_NULL", alg::ENC_NULL),
        ("X_EALG_AESCBC", alg::ENC_AES),
        ("X_EALG_AESCTR", alg::ENC_AES_CTR),
        ("X_EALG_AES_CCM_ICV8", alg::ENC_AES_CCM_8),
        ("X_EALG_AES_CCM_ICV12", alg::ENC_AES_CCM_12),
        ("X_EALG_AES_CCM_ICV16", alg::ENC_AES_CCM_16),
        ("X_EALG_AES_GCM_ICV8", alg::ENC_AES_GCM_8),
        ("X_EALG_AES_GCM_ICV12", alg::ENC_AES_GCM_12),
        ("X_EALG_AES_GCM_ICV16", alg::ENC_AES_GCM_16),
        ("X_EALG_NULL_AES_GMAC", alg::ENC_NULL_AES_GMAC),
        ("X_EALG_CHACHA20_POLY1305", alg::ENC_CHACHA20_POLY1305),
        ("X_EALG_CAMELLIACBC", alg::ENC_CAMELLIA),
        ("X_EALG_SERPENTCBC", alg::ENC_SERPENT),
        ("X_EALG_TWOFISHCBC", alg::ENC_TWOFISH),
        ("X_CALG_DEFLATE", alg::COMP_DEFLATE),
        ("X_CALG_LZS", alg::COMP_LZS),
    ] {
        let name = std::format!("KLIPS_SADB_{name}");
        assert_eq!(defines.get(&name), Some(&number.into()), "{name}");
    }
}

#[test]
fn shunts_and_limits() {
    let defines = defines(KLIPS_H);
    for (name, shunt) in [
        ("PASS", Shunt::Pass),
        ("DROP", Shunt::Drop),
        ("REJECT", Shunt::Reject),
        ("HOLD", Shunt::Hold),
        ("TRAP", Shunt::Trap),
        ("TRAPSUBNET", Shunt::TrapSubnet),
    ] {
        let name = std::format!("KLIPS_SPI_{name}");
        assert_eq!(defines.get(&name), Some(&shunt.spi().into()), "{name}");
    }
    assert_eq!(defines["KLIPS_SPI_MIN"], types::SPI_MIN.into());
    assert_eq!(defines["KLIPS_REPLAY_MAX"], types::REPLAY_MAX.into());
}
