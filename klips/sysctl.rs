// SPDX-License-Identifier: GPL-2.0-only

//! The switches under `/proc/sys/net/ipsec`.

use crate::kapi::{
    net::Net,
    sysctl::{Table, Values},
};
use kernel::{prelude::*, str::CStr, sync::Arc};

const NAMES: [&CStr; 3] = [c"icmp", c"inbound_policy_check", c"tos"];
const DEFAULTS: [i32; 3] = [0, 1, 0];
const ICMP: usize = 0;
const INBOUND_POLICY_CHECK: usize = 1;
const TOS: usize = 2;

/// The switches of one namespace, as packets read them.
pub(crate) struct Switches(Arc<Values<3>>);

impl Switches {
    /// Switches at their defaults. Process context.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Values::new(DEFAULTS), GFP_KERNEL)?))
    }

    /// Makes the files. Process context.
    pub(crate) fn register(&self, net: &Net) -> Result<Table<3>> {
        Table::new(net, c"net/ipsec", NAMES, self.0.clone())
    }

    /// Tell senders of packets that must not be fragmented what would fit.
    #[inline]
    pub(crate) fn icmp(&self) -> bool {
        self.0.get(ICMP) != 0
    }

    /// Check that inbound packets are what their SAs are for.
    #[inline]
    pub(crate) fn inbound_policy_check(&self) -> bool {
        self.0.get(INBOUND_POLICY_CHECK) != 0
    }

    /// Show type of service 0 outside, instead of the inner packet's.
    #[inline]
    pub(crate) fn hide_tos(&self) -> bool {
        self.0.get(TOS) != 0
    }
}
