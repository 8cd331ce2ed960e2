// SPDX-License-Identifier: GPL-2.0-only

//! PLUMBIF and UNPLUMBIF: makes and removes ipsecN devices.
//!
//! `write` succeeds whatever happens; the outcome is in the errno of the echoed request.

use super::InBand;
use crate::{
    instance::Instance,
    kapi::net::{dev::Rtnl, Net},
    params::MAX_INTERFACES,
};
use kernel::sync::Arc;
use klips_core::pfkey::{errno::Errno, request::Interface};

type Done = core::result::Result<(), Errno>;

/// N of ipsecN; there are no mast devices.
fn number(interface: Interface) -> core::result::Result<u32, Errno> {
    match interface {
        Interface::Ipsec(n) if u32::from(n) < MAX_INTERFACES => Ok(n.into()),
        Interface::Ipsec(_) => Err(Errno::Enoent),
        Interface::Mast(_) | Interface::MastTransport(_) => Err(Errno::Eopnotsupp),
    }
}

pub(super) fn plumb(ns: &Arc<Instance>, net: &Net, interface: Interface) -> Done {
    let n = number(interface)?;
    Rtnl::with(|rtnl| ns.plumb(net, n, rtnl)).in_band()
}

pub(super) fn unplumb(ns: &Arc<Instance>, interface: Interface) -> Done {
    let n = number(interface)?;
    Rtnl::with(|rtnl| ns.unplumb(n, rtnl)).in_band()
}
