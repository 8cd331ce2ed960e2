// SPDX-License-Identifier: GPL-2.0-only

//! AH: the header, and the fields of IP headers that do not count, against a reading of RFC 4302 that goes by offsets.

use klips_core::addr::Family;
use klips_core::wire::ah::{len_is_acceptable, zero_mutable, AhHeader};

/// The bytes are an IP header up to where AH begins.
pub fn run(header: &[u8]) {
    let mut zeroed = header.to_vec();
    let done = zero_mutable(&mut zeroed);
    let model = match header.first().map(|byte| byte >> 4) {
        Some(4) => model_v4(header),
        Some(6) => model_v6(header),
        _ => None,
    };
    assert_eq!(done.is_ok(), model.is_some());
    if let Some(model) = model {
        assert_eq!(zeroed, model);
        let mut again = zeroed.clone();
        assert_eq!(zero_mutable(&mut again), Ok(()));
        assert_eq!(again, zeroed);
    }
    if let Ok(ah) = AhHeader::parse(header) {
        let mut bytes = vec![0xa5; ah.len];
        ah.write(&mut bytes).expect("room");
        assert_eq!(AhHeader::parse(&bytes), Ok(ah));
        assert!(ah.write(&mut bytes[1..]).is_err());
        for icv in [12, 16, 24, 32] {
            if len_is_acceptable(ah.len, icv, Family::V6) {
                assert!(len_is_acceptable(ah.len, icv, Family::V4) && ah.len >= 12 + icv);
            }
        }
    }
}

fn zeroed(header: &[u8], places: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let mut zeroed = header.to_vec();
    for place in places {
        zeroed[place] = 0;
    }
    zeroed
}

/// RFC 4302 3.3.3.1.1 and appendix A1.
fn model_v4(header: &[u8]) -> Option<Vec<u8>> {
    const KEPT: [u8; 7] = [1, 130, 133, 134, 148, 149, 0];
    if header.len() < 20 {
        return None;
    }
    let mut places = vec![1, 6, 7, 8, 10, 11];
    let mut at = 20;
    while at < header.len() && header[at] != 0 {
        let len = match header[at] {
            1 => 1,
            _ => usize::from(*header.get(at + 1)?),
        };
        let is_route = matches!(header[at], 131 | 137);
        if (header[at] != 1 && len < 2) || at + len > header.len() || is_route {
            return None;
        }
        if !KEPT.contains(&header[at]) {
            places.extend(at..at + len);
        }
        at += len;
    }
    Some(zeroed(header, places))
}

/// RFC 4302 3.3.3.1.2.
fn model_v6(header: &[u8]) -> Option<Vec<u8>> {
    if header.len() < 40 {
        return None;
    }
    let mut places = vec![1, 2, 3, 7];
    let (mut next, mut at) = (header[6], 40);
    while at < header.len() {
        let len = 8 + 8 * usize::from(*header.get(at + 1)?);
        let extension = header.get(at..at + len)?;
        match next {
            0 | 60 => places.extend(options(extension)?.map(|place| at + place)),
            43 if extension[3] == 0 => {}
            _ => return None,
        }
        (next, at) = (extension[0], at + len);
    }
    let mut zeroed = zeroed(header, places);
    zeroed[0] = 0x60;
    Some(zeroed)
}

/// Where in an extension header data stands that may change.
fn options(extension: &[u8]) -> Option<impl Iterator<Item = usize>> {
    let mut places = Vec::new();
    let mut at = 2;
    while at < extension.len() {
        if extension[at] == 0 {
            at += 1;
            continue;
        }
        let end = at + 2 + usize::from(*extension.get(at + 1)?);
        if end > extension.len() {
            return None;
        }
        if extension[at] & 0x20 != 0 {
            places.extend(at + 2..end);
        }
        at = end;
    }
    Some(places.into_iter())
}
