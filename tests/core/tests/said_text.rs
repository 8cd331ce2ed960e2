// SPDX-License-Identifier: GPL-2.0-only

//! SAIDs, addresses and networks: printed, read back, and read from rubbish.

use klips_core::addr::{Addr, Family, Subnet};
use klips_core::said::{SaProto, Said, Shunt};
use klips_core_tests::Rng;
use std::net::{IpAddr, Ipv6Addr};

fn random_addr(rng: &mut Rng) -> IpAddr {
    if rng.one_in(2) {
        return Family::V4.addr(rng.bits().into());
    }
    // Many zero groups, so that squeezing has something to do.
    let mut groups = [0_u16; 8];
    for group in &mut groups {
        if rng.one_in(2) {
            *group = rng.bits() as u16 >> rng.below(16);
        }
    }
    IpAddr::V6(Ipv6Addr::from(groups))
}

#[test]
fn printed_saids_read_back() {
    let mut rng = Rng::new(11);
    for _ in 0..20_000 {
        let proto = rng.pick(&[SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp]);
        let said = Said {
            dst: random_addr(&mut rng),
            spi: rng.bits() as u32,
            proto,
        };
        assert_eq!(Said::parse(&said.to_string()), Ok(said));
    }
}

#[test]
fn all_spellings_are_one_said() {
    let mut rng = Rng::new(12);
    for _ in 0..2000 {
        let said = Said {
            dst: random_addr(&mut rng),
            spi: rng.bits() as u32,
            proto: SaProto::Esp,
        };
        let mark = if said.dst.is_ipv4() { '.' } else { ':' };
        let Said { dst, spi, .. } = said;
        for text in [
            format!("esp{mark}{spi:x}@{dst}"),
            format!("esp{mark}{spi:08x}@{dst}"),
            format!("esp{spi}@{dst}"),
            format!("esp0{spi:o}@{dst}"),
            format!("esp0x{spi:X}@{dst}"),
        ] {
            assert_eq!(Said::parse(&text), Ok(said), "{text}");
        }
    }
}

#[test]
fn shunts_read_back_in_their_ipv4_form() {
    for spi in 256..=261 {
        let said = Said::from_shunt(Shunt::from_spi(spi).unwrap());
        assert_eq!(Said::parse(&said.to_string()), Ok(said));
        assert_eq!(said.dst, Family::V4.any());
    }
}

#[test]
fn printed_addresses_are_what_others_read() {
    let mut rng = Rng::new(13);
    for _ in 0..50_000 {
        let addr = random_addr(&mut rng);
        let text = Addr(addr).to_string();
        assert_eq!(text.parse(), Ok(addr), "{text}");
        if addr.is_ipv6() {
            assert!(!text.contains('.'), "{text}");
            // Whatever stands before the squeezed run has no run of its own.
            let head = text.split("::").next().unwrap();
            assert!(
                !head.contains(":0:0:") && !head.starts_with("0:0:"),
                "{text}"
            );
        }
    }
}

#[test]
fn printed_networks_read_back() {
    let mut rng = Rng::new(14);
    for _ in 0..20_000 {
        let addr = random_addr(&mut rng);
        let len = rng.below(u64::from(Family::of(&addr).bits()) + 1) as u8;
        let subnet = Subnet::new(addr, len).unwrap();
        assert_eq!(Subnet::parse(&subnet.to_string(), None), Ok(subnet));
        if subnet.family() == Family::V4 {
            let dotted = format!("{}/{}", subnet.addr(), subnet.mask());
            assert_eq!(Subnet::parse(&dotted, None), Ok(subnet), "{dotted}");
        }
    }
}

#[test]
fn rubbish_is_refused_with_a_sentence() {
    let mut rng = Rng::new(15);
    let alphabet: Vec<char> = "aehipstunco%@.:/x0123456789é ".chars().collect();
    for _ in 0..200_000 {
        let text: String = (0..rng.below(24)).map(|_| rng.pick(&alphabet)).collect();
        if let Err(error) = Said::parse(&text) {
            assert!(!error.to_string().is_empty());
        }
        if let Err(error) = Subnet::parse(&text, None) {
            assert!(!error.to_string().is_empty());
        }
    }
}
