// SPDX-License-Identifier: GPL-2.0-only

//! The switches under `/proc/sys/net/ipsec`.

use crate::kapi::{
    net::Net,
    sysctl::{Table, Values},
};
use kernel::{prelude::*, str::CStr, sync::Arc};

/// How many switches there are.
pub(crate) const COUNT: usize = DEBUG + Debug::COUNT;

const NAMES: [&CStr; COUNT] = [
    c"icmp",
    c"inbound_policy_check",
    c"tos",
    c"hold_max",
    c"hold_retry",
    c"hold_lifetime",
    c"acquire_rate",
    c"debug_tunnel",
    c"debug_xform",
    c"debug_eroute",
    c"debug_spi",
    c"debug_radij",
    c"debug_esp",
    c"debug_ah",
    c"debug_rcv",
    c"debug_pfkey",
    c"debug_ipcomp",
    c"debug_verbose",
    c"debug_xmit",
    c"debug_netlink",
];
const DEFAULTS: [i32; COUNT] = [
    0, 1, 0, 4096, 20, 120, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const ICMP: usize = 0;
const INBOUND_POLICY_CHECK: usize = 1;
const TOS: usize = 2;
const HOLD_MAX: usize = 3;
const HOLD_RETRY: usize = 4;
const HOLD_LIFETIME: usize = 5;
const ACQUIRE_RATE: usize = 6;
const DEBUG: usize = 7;

/// What may be talked about in the kernel log, in the order of the sysctls. The first nine are `klipsdebug`'s.
///
/// There is no `debug_mast`: key daemons take its presence for support of mast devices.
#[derive(Clone, Copy)]
pub(crate) enum Debug {
    Tunnel,
    Xform,
    Eroute,
    Spi,
    Radij,
    Esp,
    Ah,
    Rcv,
    Pfkey,
    Ipcomp,
    Verbose,
    Xmit,
    Netlink,
}

impl Debug {
    const COUNT: usize = 13;
}

/// The switches of one namespace, as packets read them.
pub(crate) struct Switches(Arc<Values<COUNT>>);

impl Switches {
    /// Switches at their defaults. Process context.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(Values::new(DEFAULTS), GFP_KERNEL)?))
    }

    /// Makes the files. Process context.
    pub(crate) fn register(&self, net: &Net) -> Result<Table<COUNT>> {
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

    fn seconds(&self, i: usize) -> u64 {
        u64::try_from(self.0.get(i)).unwrap_or(0).max(1)
    }

    /// The most holds that traps may make.
    pub(crate) fn hold_max(&self) -> i32 {
        self.0.get(HOLD_MAX)
    }

    /// Key daemons are asked again after this many seconds.
    pub(crate) fn hold_retry(&self) -> u64 {
        self.seconds(HOLD_RETRY)
    }

    /// A hold that a trap made and nobody answered goes after this many seconds.
    pub(crate) fn hold_lifetime(&self) -> u64 {
        self.seconds(HOLD_LIFETIME)
    }

    /// The most ACQUIREs in a second.
    pub(crate) fn acquire_rate(&self) -> i32 {
        self.0.get(ACQUIRE_RATE)
    }

    /// The mask of a subsystem.
    #[inline]
    pub(crate) fn debug(&self, what: Debug) -> u32 {
        self.0.get(DEBUG + what as usize) as u32
    }

    /// Sets (or, without `set`, keeps only) bits of a subsystem's mask.
    pub(crate) fn change_debug(&self, what: Debug, set: bool, mask: u32) {
        self.0.update(DEBUG + what as usize, |old| {
            let old = old as u32;
            (if set { old | mask } else { old & mask }) as i32
        });
    }
}

/// Says something in the kernel log if the subsystem is to be talked about. Costs a load when it is not.
macro_rules! klips_debug {
    ($ns:expr, $what:ident, $($arg:tt)*) => {
        if $ns.sysctl.debug($crate::sysctl::Debug::$what) != 0 {
            $crate::sysctl::say(format_args!($($arg)*));
        }
    };
}
pub(crate) use klips_debug;

/// The line behind [`klips_debug`].
///
/// The classic prefix `klips_debug:` reads as "BUG:" to programs that search the log for trouble without regard to case.
#[cold]
pub(crate) fn say(line: core::fmt::Arguments<'_>) {
    pr_info!("debug {line}\n");
}
