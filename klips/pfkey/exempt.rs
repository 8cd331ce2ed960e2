// SPDX-License-Identifier: GPL-2.0-only

//! Sockets that key daemons exempt from IPsec, so that IKE is not sent through the tunnels that it makes.

use crate::{
    error::error_of,
    kapi::net::keymgr::{Direction, Exempter, Manager},
};
use kernel::prelude::*;
use klips_core::pfkey::sockopt;

/// What understands the socket options.
pub(crate) struct Exempt;

static MANAGER: Manager<Exempt> = Manager::new();

impl Exempter for Exempt {
    fn manager() -> &'static Manager<Self> {
        &MANAGER
    }

    fn exemption(option: &[u8]) -> Result<Direction> {
        match sockopt::exemption(option).map_err(error_of)? {
            sockopt::Direction::In => Ok(Direction::In),
            sockopt::Direction::Out => Ok(Direction::Out),
        }
    }
}
