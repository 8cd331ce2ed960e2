// SPDX-License-Identifier: GPL-2.0-only

//! The C headers say the same numbers as the Rust enums.

use std::collections::BTreeMap;
use std::string::{String, ToString};

use super::super::request::Interface;
use super::super::types::{alg, flags, ident_type, natt_type, state};
use super::*;
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
        ("X_AALG_SHA2_256HMAC", alg::AUTH_SHA2_256.into()),
        ("X_EALG_AES_GCM_ICV16", alg::ENCRYPT_AES_GCM.into()),
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
