// SPDX-License-Identifier: GPL-2.0-only

//! The switches under `/proc/sys/net/ipsec`.

use crate::kapi::{
    branch::Vote,
    net::Net,
    sysctl::{self, Board},
};
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use kernel::{
    new_mutex,
    prelude::*,
    str::CStr,
    sync::{Arc, Mutex},
};
use klips_core::pfkey::Speech;

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
    c"async_crypto",
    c"df",
    c"pfkey_dialect",
    c"spread_rate",
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
    0, 1, 0, 4096, 20, 120, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const ICMP: usize = 0;
const INBOUND_POLICY_CHECK: usize = 1;
const TOS: usize = 2;
const HOLD_MAX: usize = 3;
const HOLD_RETRY: usize = 4;
const HOLD_LIFETIME: usize = 5;
const ACQUIRE_RATE: usize = 6;
const ASYNC_CRYPTO: usize = 7;
const DF: usize = 8;
const PFKEY_DIALECT: usize = 9;
const SPREAD_RATE: usize = 10;
const DEBUG: usize = 11;

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

/// Whether the header of a tunnel says that routers must not fragment the packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OuterDf {
    /// Never.
    Clear,
    /// Always.
    Set,
    /// As the header inside says.
    Copy,
}

/// The files of one namespace.
pub(crate) type Table = sysctl::Table<Values, COUNT>;

/// The values of one namespace, those that packets read in one cache line.
#[pin_data]
#[repr(C)]
pub(crate) struct Values {
    values: [AtomicI32; COUNT],
    /// Whether anything here is to be talked about.
    #[pin]
    talking: Mutex<Vote>,
}

impl Board<COUNT> for Values {
    fn values(&self) -> &[AtomicI32; COUNT] {
        &self.values
    }

    fn written(&self) {
        let mut vote = self.talking.lock();
        let masks = self.values.iter().skip(DEBUG);
        vote.set(masks.into_iter().any(|mask| mask.load(Relaxed) != 0));
    }
}

/// The switches of one namespace, as packets read them.
pub(crate) struct Switches(Arc<Values>);

impl Switches {
    /// Switches at their defaults. Process context.
    pub(crate) fn new() -> Result<Self> {
        let values = pin_init!(Values {
            values: DEFAULTS.map(AtomicI32::new),
            talking <- new_mutex!(Vote::none(), "klips_talking"),
        });
        let this = Self(Arc::pin_init(values, GFP_KERNEL)?);
        if let Some(dialect) = this.0.values.get(PFKEY_DIALECT) {
            dialect.store(crate::params::pfkey_dialect(), Relaxed);
        }
        Ok(this)
    }

    /// Makes the files. Process context.
    pub(crate) fn register(&self, net: &Net) -> Result<Table> {
        Table::new(net, c"net/ipsec", NAMES, self.0.clone())
    }

    #[inline]
    fn get(&self, i: usize) -> i32 {
        self.0.values.get(i).map_or(0, |value| value.load(Relaxed))
    }

    /// Tell senders of packets that must not be fragmented what would fit.
    #[inline]
    pub(crate) fn icmp(&self) -> bool {
        self.get(ICMP) != 0
    }

    /// Check that inbound packets are what their SAs are for.
    #[inline]
    pub(crate) fn inbound_policy_check(&self) -> bool {
        self.get(INBOUND_POLICY_CHECK) != 0
    }

    /// Show type of service 0 outside, instead of the inner packet's.
    #[inline]
    pub(crate) fn hide_tos(&self) -> bool {
        self.get(TOS) != 0
    }

    fn seconds(&self, i: usize) -> u64 {
        u64::try_from(self.get(i)).unwrap_or(0).max(1)
    }

    /// The most holds that traps may make.
    pub(crate) fn hold_max(&self) -> i32 {
        self.get(HOLD_MAX)
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
        self.get(ACQUIRE_RATE)
    }

    /// Which outer packets must not be fragmented.
    #[inline]
    pub(crate) fn df(&self) -> OuterDf {
        match self.get(DF) {
            0 => OuterDf::Clear,
            1 => OuterDf::Set,
            _ => OuterDf::Copy,
        }
    }

    /// The dialect of PF_KEY in which sockets are answered that have not shown theirs.
    pub(crate) fn pfkey_dialect(&self) -> Speech {
        self.decided_dialect().unwrap_or(Speech::Linux)
    }

    /// The same, if it is somebody's decision and not a guess.
    pub(crate) fn decided_dialect(&self) -> Option<Speech> {
        match self.get(PFKEY_DIALECT) {
            1 => Some(Speech::Linux),
            2 => Some(Speech::Klips),
            _ => None,
        }
    }

    /// SAs that are made take the ciphers that the kernel ranks highest, also asynchronous ones.
    pub(crate) fn async_crypto(&self) -> bool {
        self.get(ASYNC_CRYPTO) != 0
    }

    /// The rate of packets of one SA, in a second, from which on all processors decrypt them; 0: there is none.
    pub(crate) fn spread_rate(&self) -> u64 {
        u64::try_from(self.get(SPREAD_RATE)).unwrap_or(0)
    }

    /// The mask of a subsystem.
    #[inline]
    pub(crate) fn debug(&self, what: Debug) -> u32 {
        self.get(DEBUG + what as usize) as u32
    }

    /// Sets (or, without `set`, keeps only) bits of subsystems' masks. Process context.
    pub(crate) fn change_debug(&self, set: bool, masks: impl IntoIterator<Item = (Debug, u32)>) {
        for (what, mask) in masks {
            let Some(value) = self.0.values.get(DEBUG + what as usize) else {
                continue;
            };
            if set {
                value.fetch_or(mask as i32, Relaxed);
            } else {
                value.fetch_and(mask as i32, Relaxed);
            }
        }
        self.0.written();
    }
}

/// Says something in the kernel log if the subsystem is to be talked about. Costs a no-op while no namespace talks.
macro_rules! klips_debug {
    ($ns:expr, $what:ident, $($arg:tt)*) => {
        if $crate::kapi::branch::is_taken()
            && $ns.sysctl.debug($crate::sysctl::Debug::$what) != 0
        {
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
