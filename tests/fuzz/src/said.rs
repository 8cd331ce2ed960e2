// SPDX-License-Identifier: GPL-2.0-only

//! SAIDs, networks, addresses and numbers as text. What was understood prints as something that is the same again.

use klips_core::addr::{parse_addr, parse_number, Addr, Family, Subnet};
use klips_core::said::{SaProto, Said, Shunt};

/// The bytes are a text.
pub fn run(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    match Said::parse(text) {
        Ok(said) => prints(said),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    for family in [None, Some(Family::V4), Some(Family::V6)] {
        match Subnet::parse(text, family) {
            Ok(net) => {
                assert!(family.is_none_or(|family| family == net.family()));
                assert_eq!(Subnet::parse(&net.to_string(), family), Ok(net));
                if net.family() == Family::V4 {
                    let dotted = format!("{}/{}", net.addr(), net.mask());
                    assert_eq!(Subnet::parse(&dotted, family), Ok(net), "{dotted}");
                }
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
        if let Ok(addr) = parse_addr(text, family) {
            let printed = Addr(addr).to_string();
            assert_eq!(printed.parse(), Ok(addr));
            assert_eq!(parse_addr(&printed, family), Ok(addr));
        }
    }
    for base in [None, Some(8), Some(10), Some(16)] {
        if let Ok(number) = parse_number(text, base) {
            assert_eq!(parse_number(&number.to_string(), Some(10)), Ok(number));
        }
    }
}

/// A SAID reads back. Of shunts, which no SA stands for, the number alone is printed; if it is none of theirs, then in a
/// form that only listings have.
fn prints(said: Said) {
    let printed = said.to_string();
    match (said.proto, Shunt::from_spi(said.spi)) {
        (SaProto::Int, None) => assert!(printed.starts_with("%unk-")),
        (SaProto::Int, Some(shunt)) => {
            assert_eq!(Said::parse(&printed), Ok(Said::from_shunt(shunt)));
        }
        _ => assert_eq!(Said::parse(&printed), Ok(said)),
    }
}
