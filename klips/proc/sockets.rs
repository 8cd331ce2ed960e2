// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY sockets, who is registered for what, and the algorithms that are announced.

use crate::{
    algorithms::available,
    instance::Instance,
    kapi::proc_fs::{Listing, Writer},
};
use core::fmt::{Result as FmtResult, Write};
use klips_core::{
    pfkey::types::SATYPE_MAX,
    sa::alg::enc_xform,
    said::SaProto,
    text::{PfkeyRow, RegisteredRow, SupportedRow, XformRow},
};

const EXT_AUTH: u16 = 14;
const EXT_ENCRYPT: u16 = 15;

/// The open sockets, after a header.
pub(super) struct Sockets;

impl Listing for Sockets {
    type Owner = Instance;
    type Key = u64;

    fn next(owner: &Instance, last: Option<&u64>) -> Option<u64> {
        match last {
            // Number 0 is the header.
            None => Some(0),
            Some(last) => owner.sockets.lock().after(*last),
        }
    }

    fn show(owner: &Instance, key: &u64, out: &mut Writer<'_>) -> FmtResult {
        const PF_KEY_V2: u8 = 2;
        const SOCK_RAW: u16 = 3;
        const CONNECTED: u8 = 1;
        if *key == 0 {
            return out.write_str(PfkeyRow::HEADER);
        }
        let Some((pid, _)) = owner.sockets.lock().describe(*key) else {
            return Ok(());
        };
        let row = PfkeyRow {
            sock: *key,
            pid,
            socket: *key,
            err: 0,
            proto: PF_KEY_V2,
            sndbuf: 0,
            flags: 0,
            kind: SOCK_RAW,
            state: CONNECTED,
        };
        write!(out, "{row}")
    }
}

/// Registrations, after a header: one line for each satype and socket.
pub(super) struct Registered;

impl Listing for Registered {
    type Owner = Instance;
    type Key = (u8, u64);

    fn next(owner: &Instance, last: Option<&(u8, u64)>) -> Option<(u8, u64)> {
        let Some((satype, sock)) = last else {
            return Some((0, 0));
        };
        let sockets = owner.sockets.lock();
        let mut at = (*satype, *sock);
        loop {
            match sockets.after(at.1) {
                Some(sock) => at = (at.0, sock),
                None if at.0 < SATYPE_MAX => at = (at.0.saturating_add(1), 0),
                None => return None,
            }
            if at.1 != 0
                && sockets
                    .describe(at.1)
                    .is_some_and(|(_, set)| set & bit(at.0) != 0)
            {
                return Some(at);
            }
        }
    }

    fn show(owner: &Instance, key: &(u8, u64), out: &mut Writer<'_>) -> FmtResult {
        let (satype, sock) = *key;
        if sock == 0 {
            return out.write_str(RegisteredRow::HEADER);
        }
        let Some((pid, _)) = owner.sockets.lock().describe(sock) else {
            return Ok(());
        };
        let row = RegisteredRow {
            satype,
            socket: sock,
            pid,
            sock,
        };
        write!(out, "{row}")
    }
}

fn bit(satype: u8) -> u32 {
    1u32.checked_shl(satype.into()).unwrap_or(0)
}

/// The algorithms, after a header; everything at once, as there are few.
pub(super) struct Algorithms;

impl Listing for Algorithms {
    type Owner = Instance;
    type Key = ();

    fn next(_owner: &Instance, last: Option<&()>) -> Option<()> {
        last.is_none().then_some(())
    }

    fn show(_owner: &Instance, _key: &(), out: &mut Writer<'_>) -> FmtResult {
        out.write_str(SupportedRow::HEADER)?;
        for proto in [SaProto::Ah, SaProto::Esp, SaProto::Ipip, SaProto::Comp] {
            let here = available(proto);
            for (exttype, list) in [(EXT_AUTH, &here.auth), (EXT_ENCRYPT, &here.encrypt)] {
                for alg in list {
                    let row = SupportedRow {
                        satype: proto.satype(),
                        exttype,
                        id: alg.id,
                        iv_bits: alg.iv_bits,
                        min_bits: alg.min_bits,
                        max_bits: alg.max_bits,
                        name: None,
                    };
                    write!(out, "{row}")?;
                }
            }
        }
        Ok(())
    }
}

/// The ciphers of ESP in the classic format.
pub(super) struct Xforms;

impl Listing for Xforms {
    type Owner = Instance;
    type Key = ();

    fn next(_owner: &Instance, last: Option<&()>) -> Option<()> {
        last.is_none().then_some(())
    }

    fn show(_owner: &Instance, _key: &(), out: &mut Writer<'_>) -> FmtResult {
        for alg in &available(SaProto::Esp).encrypt {
            let name = enc_xform(alg.id).unwrap_or("_unknown");
            let row = XformRow {
                exttype: EXT_ENCRYPT,
                id: alg.id,
                name: name.trim_start_matches('_'),
                refcount: 1,
                block: usize::from(alg.iv_bits) / 8,
                iv_bits: alg.iv_bits.into(),
                min_bits: alg.min_bits,
                max_bits: alg.max_bits,
                context_len: 0,
                auth_len: None,
            };
            write!(out, "{row}")?;
        }
        Ok(())
    }
}
