// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY sockets and who hears what.

use crate::{
    instance::Instance,
    kapi::net::{
        netns,
        sock::{KeySocket, Socket, SocketRef, Tables},
    },
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::prelude::*;

/// What the module keeps for each socket.
#[derive(Default)]
pub(crate) struct PfKey {
    /// Bit `n`: registered for satype `n`.
    registered: AtomicU32,
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
}

/// The open sockets of a namespace.
pub(crate) struct Listeners(KVec<SocketRef<PfKey>>);

impl Listeners {
    /// None.
    pub(crate) fn new() -> Self {
        Self(KVec::new())
    }

    /// Queues `message` to `audience`. A listener whose queue is full misses it; the request does not suffer.
    pub(super) fn send(&self, message: &[u8], audience: &Audience, sender: &Socket<PfKey>) {
        for sock in self.0.iter() {
            let hears = match audience {
                Audience::All => true,
                Audience::Registered(satype) => sock.data().is_registered(*satype),
                Audience::Sender => sock.is(sender),
            };
            if hears {
                let _ = sock.queue(message);
            }
        }
    }

    /// Queues `message` to every socket.
    pub(super) fn broadcast(&self, message: &[u8]) {
        for sock in self.0.iter() {
            let _ = sock.queue(message);
        }
    }
}

static TABLES: Tables<PfKey> = Tables::new();

impl KeySocket for PfKey {
    fn tables() -> &'static Tables<Self> {
        &TABLES
    }

    fn open(sock: &Socket<Self>) -> Result {
        let ns = netns::instance_arc::<Instance>(sock.net()).ok_or(ENODEV)?;
        let mut sockets = ns.tables.sockets.lock();
        sockets.0.push(sock.hold(), GFP_KERNEL)?;
        Ok(())
    }

    fn message(sock: &Socket<Self>, message: &[u8]) -> Result {
        super::message(sock, message)
    }

    fn close(sock: &Socket<Self>) {
        let Some(ns) = netns::instance_arc::<Instance>(sock.net()) else {
            return;
        };
        let mut sockets = ns.tables.sockets.lock();
        if let Some(i) = sockets.0.iter().position(|s| s.is(sock)) {
            let _ = sockets.0.remove(i);
        }
    }
}
