// SPDX-License-Identifier: GPL-2.0-only

//! What IPsec headers say on the way in.

use super::{AH, ESP};
use crate::{error::Discard, sadb::sa::Sa, xform::Xform};
use core::net::IpAddr;
use klips_core::{
    said::{SaProto, Said},
    wire::{ah::AhHeader, comp::CompHeader, esp::EspHeader},
};

/// The name of the SA in an IPsec header of `proto` of a packet to `dst`.
pub(super) fn named(dst: &IpAddr, proto: u8, header: &[u8]) -> Result<Said, Discard> {
    let (proto, spi) = match proto {
        ESP => {
            let (header, _) = EspHeader::parse(header).map_err(|_| Discard::RxTruncated)?;
            (SaProto::Esp, header.spi)
        }
        AH => {
            let header = AhHeader::parse(header).map_err(|_| Discard::RxTruncated)?;
            (SaProto::Ah, header.spi)
        }
        _ => {
            let (header, _) = CompHeader::parse(header).map_err(|_| Discard::RxBadLength)?;
            (SaProto::Comp, header.cpi.into())
        }
    };
    Ok(Said {
        dst: *dst,
        spi,
        proto,
    })
}

/// The sequence number of the IPsec header that `payload` begins with, for SAs whose protocol has one.
pub(super) fn sequence(sa: &Sa, payload: &[u8]) -> Result<Option<u32>, Discard> {
    match &sa.fixed.xform {
        Xform::Esp(_) => {
            if payload.len() % 4 != 0 {
                return Err(Discard::RxBadLength);
            }
            let (header, _) = EspHeader::parse(payload).map_err(|_| Discard::RxTruncated)?;
            Ok(Some(header.seq))
        }
        Xform::Ah(_) => {
            let header = AhHeader::parse(payload).map_err(|_| Discard::RxTruncated)?;
            Ok(Some(header.seq))
        }
        Xform::Comp(_) => Ok(None),
        Xform::None | Xform::Ipip => Err(Discard::RxSaNotMature),
    }
}
