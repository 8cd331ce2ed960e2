// SPDX-License-Identifier: GPL-2.0-only

//! What a packet holds while an asynchronous cipher has it.
//!
//! All other packets hold nothing: they are under the RCU read lock from end to end. A packet that waits for its cipher
//! keeps the SA, whose cipher that is, and the ipsecN device, which in turn keeps the namespace's state and the module: an
//! ipsecN that is to be removed waits until the last cipher has come back.

use crate::{
    device::IpsecDev,
    kapi::{
        net::dev::{Device, DeviceRef},
        rcu::Loan,
    },
    sadb::sa::Sa,
};
use kernel::{prelude::*, sync::Arc};

/// References to an SA and an ipsecN device.
pub(crate) struct Lease {
    sa: Option<Loan<Sa>>,
    dev: DeviceRef<IpsecDev>,
}

impl Lease {
    /// Takes both. Any context; fails with `ENOMEM`.
    pub(crate) fn new(sa: &Arc<Sa>, dev: &Device<IpsecDev>) -> Result<Self> {
        Ok(Self {
            sa: Some(Loan::new(sa)?),
            dev: dev.hold(),
        })
    }

    /// The SA.
    pub(crate) fn sa(&self) -> Option<&Arc<Sa>> {
        self.sa.as_ref()?.get()
    }

    /// The ipsecN device.
    pub(crate) fn dev(&self) -> &Device<IpsecDev> {
        &self.dev
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The SA first, as the graveyard is the namespace's, which the device keeps.
        if let Some(sa) = self.sa.take() {
            sa.give_back(&self.dev.data().instance().yard);
        }
    }
}
