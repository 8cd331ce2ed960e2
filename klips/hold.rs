// SPDX-License-Identifier: GPL-2.0-only

//! Packets that wait for their policy.
//!
//! A `%hold` eroute keeps two packets: the one that a trap was sprung by, and the latest. When the eroute is replaced they
//! are sent again, in order, through what replaced it. They wait without holding anything else: no device, route,
//! conntrack entry or socket.

use crate::{
    instance::Tables,
    kapi::{
        lock::BhLock,
        net::{dev::Port, skbuff::Packet},
    },
};
use kernel::{prelude::*, sync::rcu};

/// A packet that waits, and the device it was given to.
pub(crate) struct Waiting {
    packet: Packet,
    ifindex: i32,
}

impl Waiting {
    /// Lets `packet`, given to the device with this index, wait.
    pub(crate) fn new(mut packet: Packet, ifindex: i32) -> Self {
        packet.park();
        Self { packet, ifindex }
    }

    /// The packet again, for `port`, as nothing waits any more.
    pub(crate) fn into_packet(mut self, port: &Port) -> Packet {
        self.packet.unpark(port);
        self.packet
    }

    /// Sends the packet through its device again; if that is gone, so is the packet. Not under the namespace's mutex: the
    /// packet may end up in a hold again.
    fn resend(self, ns: &Tables) {
        let dev = {
            let guard = rcu::read_lock();
            let mut devices = ns.devices.iter(&guard);
            let dev = devices.find(|dev| dev.port().ifindex() == self.ifindex);
            dev.map(|dev| dev.hold())
        };
        if let Some(dev) = dev {
            self.packet.resend(dev.port());
        }
    }
}

/// What a hold keeps.
#[derive(Default)]
pub(crate) struct Pair {
    /// The packet that it began with.
    pub(crate) first: Option<Waiting>,
    /// The latest.
    pub(crate) last: Option<Waiting>,
}

impl Pair {
    /// Sends both again, in order.
    pub(crate) fn resend(self, ns: &Tables) {
        for waiting in [self.first, self.last].into_iter().flatten() {
            waiting.resend(ns);
        }
    }

    /// How many packets there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + usize::from(self.last.is_some())
    }
}

struct State {
    pair: Pair,
    /// The eroute was replaced or deleted: nobody will look here again.
    closed: bool,
}

/// The packets of one `%hold` eroute.
pub(crate) struct Hold(Pin<KBox<BhLock<State>>>);

impl Hold {
    /// A hold that keeps `pair`. Process context; fails with `ENOMEM`.
    pub(crate) fn new(pair: Pair) -> Result<Self> {
        let state = State {
            pair,
            closed: false,
        };
        Ok(Self(KBox::pin_init(BhLock::new(state), GFP_KERNEL)?))
    }

    /// Keeps `waiting` as the latest. Returns what it evicted; `Err` hands it back: the hold is over, look again.
    pub(crate) fn keep(&self, waiting: Waiting) -> core::result::Result<Option<Waiting>, Waiting> {
        self.0.with(|state| {
            if state.closed {
                return Err(waiting);
            }
            Ok(state.pair.last.replace(waiting))
        })
    }

    /// Adds what waited for the hold to be made: it is older than what came since. Returns what there was no place for;
    /// `Err` hands all of it back: the hold is over, look again.
    pub(crate) fn adopt(&self, older: Pair) -> core::result::Result<Pair, Pair> {
        self.0.with(|state| {
            if state.closed {
                return Err(older);
            }
            let mut rest = Pair::default();
            if state.pair.first.is_none() {
                state.pair.first = older.first;
            } else {
                rest.first = older.first;
            }
            if state.pair.last.is_none() {
                state.pair.last = older.last;
            } else {
                rest.last = older.last;
            }
            Ok(rest)
        })
    }

    /// Ends the hold and takes its packets.
    pub(crate) fn close(&self) -> Pair {
        self.0.with(|state| {
            state.closed = true;
            core::mem::take(&mut state.pair)
        })
    }
}
