// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY sockets and who hears what.

use crate::{
    instance::Instance,
    kapi::net::{
        netns,
        sock::{KeySocket, Socket, SocketRef, Tables},
    },
};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use kernel::prelude::*;
use klips_core::said::SaProto;

/// What the module keeps for each socket.
#[derive(Default)]
pub(crate) struct PfKey {
    /// Bit `n`: registered for satype `n`.
    registered: AtomicU32,
    /// A number of its own, from 1.
    number: AtomicU64,
    /// The process that made it.
    pid: AtomicU32,
}

impl PfKey {
    /// Registers the socket for `satype` (below 32); once or often is the same.
    pub(super) fn register(&self, satype: u8) {
        let bit = 1u32.checked_shl(satype.into()).unwrap_or(0);
        self.registered.fetch_or(bit, Ordering::Relaxed);
    }

    fn is_registered(&self, satype: u8) -> bool {
        let bit = 1u32.checked_shl(satype.into()).unwrap_or(0);
        self.registered.load(Ordering::Relaxed) & bit != 0
    }
}

/// Who hears a message.
pub(super) enum Audience {
    /// Every socket of the namespace.
    All,
    /// Those registered for this satype.
    Registered(u8),
    /// The requester.
    Sender,
    /// Nobody.
    Nobody,
}

/// The open sockets of a namespace.
pub(crate) struct Listeners {
    list: KVec<SocketRef<PfKey>>,
    numbers: u64,
}

impl Listeners {
    /// None.
    pub(crate) fn new() -> Self {
        Self {
            list: KVec::new(),
            numbers: 0,
        }
    }

    /// Queues `message` to `audience`; returns how many got it. A listener whose queue is full misses it; nobody else
    /// suffers.
    pub(super) fn send(
        &self,
        message: &[u8],
        audience: &Audience,
        sender: Option<&Socket<PfKey>>,
    ) -> usize {
        let hears = |sock: &&SocketRef<PfKey>| match audience {
            Audience::All => true,
            Audience::Registered(satype) => sock.data().is_registered(*satype),
            Audience::Nobody => false,
            Audience::Sender => sender.is_some_and(|sender| sock.is(sender)),
        };
        self.list
            .iter()
            .filter(hears)
            .filter(|sock| sock.queue(message).is_ok())
            .count()
    }

    /// The number of the socket made next after number `last`.
    pub(crate) fn after(&self, last: u64) -> Option<u64> {
        let numbers = self
            .list
            .iter()
            .map(|s| s.data().number.load(Ordering::Relaxed));
        numbers.filter(|n| *n > last).min()
    }

    /// Process and registrations (bit `n`: satype `n`) of the socket with this number.
    pub(crate) fn describe(&self, number: u64) -> Option<(u32, u32)> {
        let data = self
            .list
            .iter()
            .map(|s| s.data())
            .find(|d| d.number.load(Ordering::Relaxed) == number)?;
        Some((
            data.pid.load(Ordering::Relaxed),
            data.registered.load(Ordering::Relaxed),
        ))
    }

    /// How many sockets are registered for `satype`.
    pub(super) fn listeners(&self, satype: u8) -> u32 {
        let n = self.list.iter().filter(|s| s.data().is_registered(satype));
        u32::try_from(n.count()).unwrap_or(u32::MAX)
    }
}

/// The process that asks, as its own PID namespace knows it.
fn current_pid() -> u32 {
    u32::try_from(kernel::current!().tgid_nr_ns(None)).unwrap_or(0)
}

static TABLES: Tables<PfKey> = Tables::new();

impl KeySocket for PfKey {
    fn tables() -> &'static Tables<Self> {
        &TABLES
    }

    fn open(sock: &Socket<Self>) -> Result {
        let ns = netns::instance_arc::<Instance>(sock.net()).ok_or(ENODEV)?;
        let mut sockets = ns.sockets.lock();
        sockets.numbers = sockets.numbers.wrapping_add(1);
        sock.data().number.store(sockets.numbers, Ordering::Relaxed);
        sock.data().pid.store(current_pid(), Ordering::Relaxed);
        sockets.list.push(sock.hold(), GFP_KERNEL)?;
        Ok(())
    }

    fn message(sock: &Socket<Self>, message: &[u8]) -> Result {
        super::message(sock, message)
    }

    fn close(sock: &Socket<Self>) {
        let Some(ns) = netns::instance_arc::<Instance>(sock.net()) else {
            return;
        };
        let mut sockets = ns.sockets.lock();
        if let Some(i) = sockets.list.iter().position(|s| s.is(sock)) {
            let _ = sockets.list.remove(i);
        }
        ns.traps
            .set_listeners(sockets.listeners(SaProto::Esp.satype()));
    }
}
