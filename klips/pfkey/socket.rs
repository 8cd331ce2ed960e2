// SPDX-License-Identifier: GPL-2.0-only

//! PF_KEY sockets: what each is registered for, which dialect it speaks, and who hears what.

use super::dump::Dump;
use crate::{
    instance::{self, Instance},
    kapi::net::{
        netns,
        sock::{KeySocket, Socket, SocketRef, Tables},
    },
};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicU8, Ordering};
use kernel::prelude::*;
use klips_core::{
    pfkey::{tell::blank_keys, Speech},
    said::SaProto,
};

/// What the module keeps for each socket.
#[derive(Default)]
pub(crate) struct PfKey {
    /// Bit `n`: registered for satype `n`.
    registered: AtomicU32,
    /// A number of its own, from 1.
    number: AtomicU64,
    /// The process that made it.
    pid: AtomicU32,
    /// The dialect, as [`Known`] has it.
    known: AtomicU8,
    /// It wants to see every message.
    promiscuous: AtomicBool,
}

/// What is known of the dialect of a socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Nothing.
    Nothing,
    /// Another socket of its process speaks this.
    OfProcess(Speech),
    /// It has shown it itself.
    Shown(Speech),
}

impl Known {
    const fn number(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::OfProcess(Speech::Klips) => 1,
            Self::OfProcess(Speech::Linux) => 2,
            Self::Shown(Speech::Klips) => 3,
            Self::Shown(Speech::Linux) => 4,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::OfProcess(Speech::Klips),
            2 => Self::OfProcess(Speech::Linux),
            3 => Self::Shown(Speech::Klips),
            4 => Self::Shown(Speech::Linux),
            _ => Self::Nothing,
        }
    }

    const fn speech(self) -> Option<Speech> {
        match self {
            Self::Nothing => None,
            Self::OfProcess(speech) | Self::Shown(speech) => Some(speech),
        }
    }
}

impl PfKey {
    /// Registers the socket for `satype` (below 32). `false`: it was already.
    pub(super) fn register(&self, satype: u8) -> bool {
        let bit = 1u32.checked_shl(satype.into()).unwrap_or(0);
        self.registered.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn is_registered(&self, satype: u8) -> bool {
        let bit = 1u32.checked_shl(satype.into()).unwrap_or(0);
        self.registered.load(Ordering::Relaxed) & bit != 0
    }

    /// Whether the socket sees every message from now on.
    pub(super) fn set_promiscuous(&self, on: bool) {
        self.promiscuous.store(on, Ordering::Relaxed);
    }

    /// A number of its own.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    fn known(&self) -> Known {
        Known::from_number(self.known.load(Ordering::Relaxed))
    }

    /// Whether anything is known of its dialect.
    pub(super) fn is_known(&self) -> bool {
        self.known() != Known::Nothing
    }

    fn learn(&self, known: Known) {
        self.known.store(known.number(), Ordering::Relaxed);
    }

    fn speech(&self, default: Speech) -> Speech {
        self.known().speech().unwrap_or(default)
    }
}

/// Who hears a message.
pub(super) enum Audience {
    /// Every socket of the namespace.
    All,
    /// Those registered for this satype.
    Registered(u8),
    /// Those registered for anything.
    RegisteredAny,
    /// The requester.
    Sender,
    /// The requester, and then every socket, so that the requester hears it twice.
    SenderAndAll,
    /// Nobody.
    Nobody,
}

/// A message on its way to whom it may concern.
pub(super) struct Post<'a> {
    /// The dialect it is in; of those who did not send the request, only who speaks that hears it.
    pub(super) speech: Speech,
    /// The message.
    pub(super) message: &'a [u8],
    /// Who of these hears it.
    pub(super) audience: Audience,
    /// The requester, whose answer this is.
    pub(super) sender: Option<&'a Socket<PfKey>>,
}

/// The open sockets of a namespace.
pub(crate) struct Listeners {
    list: KVec<SocketRef<PfKey>>,
    numbers: u64,
    /// Listings that wait for their readers, by number of the socket.
    pub(super) dumps: KVec<(u64, Dump)>,
}

impl Listeners {
    /// None.
    pub(crate) fn new() -> Self {
        Self {
            list: KVec::new(),
            numbers: 0,
            dumps: KVec::new(),
        }
    }

    /// Queues a message; returns how many it was for and got it. A listener whose queue is full misses it; nobody else
    /// suffers. `default`: what sockets speak of which nothing is known.
    pub(super) fn send(&self, post: &Post<'_>, default: Speech) -> usize {
        let is_sender = |sock: &Socket<PfKey>| post.sender.is_some_and(|sender| sock.is(sender));
        let hears = |sock: &&SocketRef<PfKey>| {
            let data = sock.data();
            let understands = is_sender(sock) || data.speech(default) == post.speech;
            understands
                && match post.audience {
                    Audience::All | Audience::SenderAndAll => true,
                    Audience::Registered(satype) => data.is_registered(satype),
                    Audience::RegisteredAny => data.registered.load(Ordering::Relaxed) != 0,
                    Audience::Nobody => false,
                    Audience::Sender => is_sender(sock),
                }
        };
        if let (Audience::SenderAndAll, Some(sender)) = (&post.audience, post.sender) {
            let _ = sender.queue(post.message);
        }
        let heard = self
            .list
            .iter()
            .filter(hears)
            .filter(|sock| sock.queue(post.message).is_ok())
            .count();
        if !matches!(post.audience, Audience::Nobody) {
            self.show(post.message);
        }
        heard
    }

    /// Shows a message to those who see every one, without its keys. Who cannot be shown it misses it; nobody else suffers.
    pub(super) fn show(&self, message: &[u8]) {
        if self.curious().next().is_none() {
            return;
        }
        let mut copy = KVVec::new();
        if copy.extend_from_slice(message, GFP_KERNEL).is_err() {
            return;
        }
        blank_keys(&mut copy);
        for sock in self.curious() {
            let _ = sock.queue(&copy);
        }
    }

    /// Whether somebody would see a message in the dialect `speech` that is for every socket.
    fn is_heard(&self, speech: Speech, default: Speech) -> bool {
        self.list
            .iter()
            .map(|sock| sock.data())
            .any(|data| data.speech(default) == speech || data.promiscuous.load(Ordering::Relaxed))
    }

    fn curious(&self) -> impl Iterator<Item = &SocketRef<PfKey>> {
        self.list
            .iter()
            .filter(|sock| sock.data().promiscuous.load(Ordering::Relaxed))
    }

    /// Notes what a request tells of its sender's dialect, and returns the one to take it in.
    ///
    /// What a socket has shown once it keeps, and its requests are not asked again. Its process's other sockets, of which
    /// nothing is known, speak the same.
    pub(super) fn listen(
        &self,
        sock: &Socket<PfKey>,
        tell: impl FnOnce() -> Option<Speech>,
        default: Speech,
    ) -> Speech {
        let known = sock.data().known();
        if let Known::Shown(speech) = known {
            return speech;
        }
        let Some(told) = tell() else {
            return known.speech().unwrap_or(default);
        };
        sock.data().learn(Known::Shown(told));
        let pid = sock.data().pid.load(Ordering::Relaxed);
        for other in self.of_process(pid) {
            if other.data().known() == Known::Nothing {
                other.data().learn(Known::OfProcess(told));
            }
        }
        told
    }

    fn of_process(&self, pid: u32) -> impl Iterator<Item = &SocketRef<PfKey>> {
        self.list
            .iter()
            .filter(move |sock| sock.data().pid.load(Ordering::Relaxed) == pid)
    }

    /// The number of the socket made next after number `last`.
    pub(crate) fn after(&self, last: u64) -> Option<u64> {
        let numbers = self.list.iter().map(|s| s.data().number());
        numbers.filter(|n| *n > last).min()
    }

    /// Process and registrations (bit `n`: satype `n`) of the socket with this number.
    pub(crate) fn describe(&self, number: u64) -> Option<(u32, u32)> {
        let data = self
            .list
            .iter()
            .map(|s| s.data())
            .find(|d| d.number() == number)?;
        Some((
            data.pid.load(Ordering::Relaxed),
            data.registered.load(Ordering::Relaxed),
        ))
    }

    /// How many sockets that speak the Linux dialect are registered for anything.
    fn linux_daemons(&self, default: Speech) -> u32 {
        let hears = |sock: &&SocketRef<PfKey>| {
            let data = sock.data();
            data.speech(default) == Speech::Linux && data.registered.load(Ordering::Relaxed) != 0
        };
        u32::try_from(self.list.iter().filter(hears).count()).unwrap_or(u32::MAX)
    }

    /// How many sockets that speak `speech` are registered for `satype`.
    pub(super) fn listeners(&self, satype: u8, speech: Speech, default: Speech) -> u32 {
        let hears = |sock: &&SocketRef<PfKey>| {
            sock.data().speech(default) == speech && sock.data().is_registered(satype)
        };
        u32::try_from(self.list.iter().filter(hears).count()).unwrap_or(u32::MAX)
    }
}

impl instance::Tables {
    /// Queues a message; returns how many it was for and got it. Under the control mutex, or with nothing to order.
    pub(super) fn post(&self, post: &Post<'_>) -> usize {
        self.sockets.lock().send(post, self.sysctl.pfkey_dialect())
    }

    /// Whether somebody would see a message in the dialect `speech` that is for every socket.
    pub(super) fn is_heard(&self, speech: Speech) -> bool {
        let default = self.sysctl.pfkey_dialect();
        self.sockets.lock().is_heard(speech, default)
    }

    /// Tells traps and policies whether anybody can be asked.
    pub(super) fn count_listeners(&self, sockets: &Listeners) {
        let default = self.sysctl.pfkey_dialect();
        let n = sockets.listeners(SaProto::Esp.satype(), Speech::Klips, default);
        self.traps.set_listeners(n);
        self.asks.set_listeners(sockets.linux_daemons(default));
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
        let (data, pid) = (sock.data(), current_pid());
        data.number.store(sockets.numbers, Ordering::Relaxed);
        data.pid.store(pid, Ordering::Relaxed);
        let spoken = sockets
            .of_process(pid)
            .find_map(|other| other.data().known().speech());
        if let Some(speech) = spoken {
            data.learn(Known::OfProcess(speech));
        }
        sockets.list.push(sock.hold(), GFP_KERNEL)?;
        Ok(())
    }

    fn message(sock: &Socket<Self>, message: &[u8]) -> Result {
        super::message(sock, message)
    }

    fn drained(sock: &Socket<Self>) {
        super::dump::go_on(sock);
    }

    fn close(sock: &Socket<Self>) {
        let Some(ns) = netns::instance_arc::<Instance>(sock.net()) else {
            return;
        };
        let mut sockets = ns.sockets.lock();
        if let Some(i) = sockets.list.iter().position(|s| s.is(sock)) {
            let _ = sockets.list.remove(i);
        }
        let number = sock.data().number();
        sockets.dumps.retain(|(of, _)| *of != number);
        ns.count_listeners(&sockets);
    }
}
