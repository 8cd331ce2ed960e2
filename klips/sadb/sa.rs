// SPDX-License-Identifier: GPL-2.0-only

//! One live security association.
//!
//! What never changes stands in plain fields; what packets change is under one short lock of the SA's own; links and policy
//! are replaced under RCU by the control path, which is serialised by the namespace's mutex.

mod faults;
mod spread;
mod traffic;

use crate::{
    kapi::{
        crypto::{self, Secret},
        lock::BhLock,
        rcu::Rcu,
        rcu_map::Keyed,
    },
    xform::Xform,
};
use core::{
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering},
};
use faults::Faults;
use kernel::{prelude::*, sync::Arc};
use klips_core::{
    addr::{addr_bits, Family},
    eroute::Key,
    pfkey::{linux::Mode, types::natt_type},
    sa::{Lifetimes, State},
    said::Said,
    text::NatEncap,
};
pub(crate) use spread::Spread;
pub(crate) use traffic::{Hot, Idents, Numbers};

/// An identity as it was given over PF_KEY.
pub(crate) struct Ident {
    /// Type, 1..=4.
    pub(crate) kind: u16,
    /// Number, for types that have one.
    pub(crate) id: u64,
    /// Text with its terminator and padding.
    pub(crate) data: KVec<u8>,
}

/// The inner packets that an inbound IPIP SA may carry.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    /// Networks as given; ports and protocol are not looked at on receipt.
    pub(crate) key: Key,
    /// Masks of `key`.
    pub(crate) mask: Key,
}

impl Policy {
    /// Whether a packet between these addresses may come out of the tunnel.
    pub(crate) fn allows(&self, src: &IpAddr, dst: &IpAddr) -> bool {
        Family::of(src) == self.key.family
            && Family::of(dst) == self.key.family
            && addr_bits(src) & self.mask.src == self.key.src & self.mask.src
            && addr_bits(dst) & self.mask.dst == self.key.dst & self.mask.dst
    }
}

/// What the Linux dialect says of an SA besides what KLIPS's says.
pub(crate) struct LinuxPart {
    /// Its mode.
    pub(crate) mode: Mode,
    /// The number that templates may ask for; 0: only those take it that ask for none.
    pub(crate) reqid: u32,
    /// Authentication key, for who may read it.
    pub(crate) auth_key: Secret,
    /// Encryption key.
    pub(crate) enc_key: Secret,
    /// The tunnel around what it protects, in no table of its own; there is none in transport mode.
    pub(crate) tunnel: Option<Arc<Sa>>,
}

/// What an SA is made from. In the order in which packets want it: up to the transform it is read for each of them.
#[repr(C)]
pub(crate) struct Blueprint {
    /// `None`: made in the dialect of KLIPS.
    pub(crate) linux: Option<KBox<LinuxPart>>,
    pub(crate) src: IpAddr,
    pub(crate) nat_kind: u8,
    /// Extended sequence numbers (RFC 4304).
    pub(crate) extended: bool,
    pub(crate) inbound: bool,
    pub(crate) auth: u8,
    pub(crate) encrypt: u8,
    pub(crate) xform: Xform,
    pub(crate) life: Lifetimes,
    pub(crate) said: Said,
    pub(crate) flags: u32,
    pub(crate) saref: u32,
    pub(crate) refhim: u32,
    pub(crate) state: State,
    pub(crate) window: u16,
    pub(crate) auth_key_bits: u16,
    pub(crate) enc_key_bits: u16,
    pub(crate) nat_sport: u16,
    pub(crate) nat_dport: u16,
    pub(crate) proxy: Option<IpAddr>,
    pub(crate) nat_oa: Option<IpAddr>,
    pub(crate) ident_src: Option<Ident>,
    pub(crate) ident_dst: Option<Ident>,
}

/// A security association.
///
/// In the order in which packets want it: a cache line that they only read, their transform, what few of them want, and
/// two cache lines that each of them writes.
#[pin_data]
#[repr(C, align(64))]
pub(crate) struct Sa {
    state: AtomicU8,
    /// There is one before this one.
    is_inner: AtomicBool,
    /// There are lifetimes to be checked.
    is_limited: bool,
    /// The next SA of the group, in the order that packets meet them.
    pub(crate) next: Rcu<Arc<Sa>>,
    /// Inbound policy (IPIP only).
    pub(crate) policy: Rcu<Policy>,
    /// By which device its packets were last brought to this host by IPv4, and how routes stood then.
    arrival: AtomicU64,
    /// What it was made from; flags, state and ports here supersede it.
    pub(crate) fixed: Blueprint,
    flags: AtomicU32,
    nat_sport: AtomicU16,
    nat_dport: AtomicU16,
    /// The port that the peer was last heard from and key daemons were told of; 0: none yet.
    heard_port: AtomicU16,
    /// The SA before this one. Written under the namespace's mutex.
    #[pin]
    prev: BhLock<Option<Said>>,
    /// When the database looks at it again, seconds of uptime; 0: not by itself. Written under the namespace's mutex.
    deadline: AtomicU64,
    pub(crate) faults: Faults,
    #[pin]
    moving: Moving,
}

/// What packets change.
#[pin_data]
#[repr(C, align(64))]
struct Moving {
    #[pin]
    hot: BhLock<Hot>,
    /// The highest sequence number received; a larger one is new for sure.
    newest: AtomicU64,
    /// Whether other processors decrypt its packets.
    spread: Spread,
    /// The IV used last, for the listing; before the first packet, a random one.
    iv: [AtomicU64; 2],
}

/// A limit that was exceeded, to be reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Soft,
    Hard,
}

impl Sa {
    /// Makes an SA that nobody can find yet. Process context.
    pub(crate) fn new(blueprint: Blueprint) -> Result<Arc<Self>> {
        let hot = Hot::new(blueprint.window, blueprint.extended, blueprint.life.used())?;
        let mut iv = [0; 16];
        if let Xform::Esp(esp) = &blueprint.xform {
            crypto::random(iv.get_mut(..esp.iv_len()).unwrap_or(&mut []));
        }
        let moving = pin_init!(Moving {
            hot <- BhLock::new(hot),
            newest: AtomicU64::new(0),
            spread: Spread::default(),
            iv: halves(&iv).map(AtomicU64::new),
        });
        let (state, flags) = (blueprint.state.number(), blueprint.flags);
        let (sport, dport) = (blueprint.nat_sport, blueprint.nat_dport);
        Arc::pin_init(
            pin_init!(Self {
                state: AtomicU8::new(state),
                is_inner: AtomicBool::new(false),
                is_limited: blueprint.life.is_limited(),
                next: Rcu::empty(),
                policy: Rcu::empty(),
                arrival: AtomicU64::new(0),
                fixed: blueprint,
                flags: AtomicU32::new(flags),
                nat_sport: AtomicU16::new(sport),
                nat_dport: AtomicU16::new(dport),
                heard_port: AtomicU16::new(0),
                prev <- BhLock::new(None),
                deadline: AtomicU64::new(0),
                faults: Faults::default(),
                moving <- moving,
            }),
            GFP_KERNEL,
        )
    }

    /// Its name.
    #[inline]
    pub(crate) fn said(&self) -> Said {
        self.fixed.said
    }

    /// Whether it was made in the Linux dialect: it stands alone, whereas those of KLIPS form groups.
    #[inline]
    pub(crate) fn is_linux(&self) -> bool {
        self.fixed.linux.is_some()
    }

    /// Its mode, if it was made in the Linux dialect.
    #[inline]
    pub(crate) fn mode(&self) -> Option<Mode> {
        self.fixed.linux.as_ref().map(|linux| linux.mode)
    }

    /// The number that templates may ask for; 0: only those take it that ask for none.
    #[inline]
    pub(crate) fn reqid(&self) -> u32 {
        self.fixed.linux.as_ref().map_or(0, |linux| linux.reqid)
    }

    /// The tunnel of its own that packets may be in.
    #[inline]
    pub(crate) fn tunnel(&self) -> Option<&Arc<Self>> {
        self.fixed.linux.as_ref()?.tunnel.as_ref()
    }

    /// Its state.
    #[inline]
    pub(crate) fn state(&self) -> State {
        State::from_number(self.state.load(Ordering::Acquire)).unwrap_or(State::Dead)
    }

    /// Whether packets may use it now. By numbers: it is asked several times for each of them.
    #[inline]
    pub(crate) fn carries_traffic(&self) -> bool {
        let number = self.state.load(Ordering::Acquire);
        number == State::Mature.number() || number == State::Dying.number()
    }

    /// Ends the SA: no packet that looks at the state from now on uses it.
    pub(crate) fn kill(&self) {
        self.state.store(State::Dead.number(), Ordering::Release);
    }

    /// PF_KEY flags, with the inbound bit.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Sets more flags.
    pub(crate) fn add_flags(&self, flags: u32) {
        self.flags.fetch_or(flags, Ordering::Relaxed);
    }

    /// NAT-T ports, host byte order.
    pub(crate) fn nat_ports(&self) -> (u16, u16) {
        (
            self.nat_sport.load(Ordering::Relaxed),
            self.nat_dport.load(Ordering::Relaxed),
        )
    }

    /// Moves the NAT-T ports; 0 leaves one as it is.
    pub(crate) fn set_nat_ports(&self, sport: u16, dport: u16) {
        if sport != 0 {
            self.nat_sport.store(sport, Ordering::Relaxed);
        }
        if dport != 0 {
            self.nat_dport.store(dport, Ordering::Relaxed);
        }
    }

    /// Notes that the peer was heard from `port`; `false` if it was the last time too.
    pub(crate) fn hears_from(&self, port: u16) -> bool {
        self.heard_port.load(Ordering::Relaxed) != port
            && self.heard_port.swap(port, Ordering::Relaxed) != port
    }

    /// UDP encapsulation, for the listing.
    pub(crate) fn nat_encap(&self) -> NatEncap {
        match self.fixed.nat_kind {
            natt_type::NONE => NatEncap::None,
            natt_type::NON_IKE => NatEncap::NonIke,
            natt_type::NON_ESP => NatEncap::NonEsp,
            _ => NatEncap::Unknown,
        }
    }

    /// The SA before this one in its group.
    pub(crate) fn prev(&self) -> Option<Said> {
        self.prev.with(|prev| *prev)
    }

    /// Sets the SA before this one.
    pub(crate) fn set_prev(&self, said: Option<Said>) {
        self.prev.with(|prev| *prev = said);
        self.is_inner.store(said.is_some(), Ordering::Release);
    }

    /// Whether there is an SA before this one in its group.
    #[inline]
    pub(crate) fn is_inner(&self) -> bool {
        self.is_inner.load(Ordering::Acquire)
    }

    /// The deadline that the database noted; none afterwards.
    pub(crate) fn take_deadline(&self) -> Option<u64> {
        let at = self.deadline.swap(0, Ordering::Relaxed);
        (at != 0).then_some(at)
    }

    /// Whether the database has a deadline for the SA.
    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline.load(Ordering::Relaxed) != 0
    }

    /// Notes the deadline under which the database has the SA.
    pub(crate) fn set_deadline(&self, at: Option<u64>) {
        self.deadline.store(at.unwrap_or(0), Ordering::Relaxed);
    }

    /// Notes that a packet of this SA was brought by this `arrival` (`rx::early::arrival`).
    #[inline]
    pub(crate) fn arrived(&self, arrival: u64) {
        if self.arrival.load(Ordering::Relaxed) != arrival {
            self.arrival.store(arrival, Ordering::Relaxed);
        }
    }

    /// Whether the last packet of this SA that IPv4 brought came by this `arrival`.
    #[inline]
    pub(crate) fn arrives_by(&self, arrival: u64) -> bool {
        self.arrival.load(Ordering::Relaxed) == arrival
    }

    /// Notes the IV of a packet.
    #[inline]
    pub(crate) fn note_iv(&self, iv: &[u8; 16]) {
        for (to, half) in self.moving.iv.iter().zip(halves(iv)) {
            to.store(half, Ordering::Relaxed);
        }
    }

    /// The IV used last. While packets are sent the halves may be those of two of them.
    pub(crate) fn last_iv(&self) -> [u8; 16] {
        let [a, b] = &self.moving.iv;
        let whole =
            u128::from(b.load(Ordering::Relaxed)) << 64 | u128::from(a.load(Ordering::Relaxed));
        whole.to_le_bytes()
    }

    /// Looks at, or changes, what packets change. Short, no sleeping.
    #[inline]
    pub(crate) fn hot<R>(&self, f: impl FnOnce(&mut Hot) -> R) -> R {
        self.moving.hot.with(f)
    }
}

/// The halves of an IV, as they are stored.
fn halves(iv: &[u8; 16]) -> [u64; 2] {
    let whole = u128::from_le_bytes(*iv);
    [whole as u64, (whole >> 64) as u64]
}

impl Keyed for Sa {
    type Key = Said;
    type Tag = Said;

    fn key(&self) -> Said {
        self.fixed.said
    }

    #[inline]
    fn hash(said: &Said) -> u64 {
        let bits = addr_bits(&said.dst);
        let mut h = u64::from(said.spi) ^ (u64::from(said.proto.ip_proto()) << 32);
        h = h.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= (bits as u64) ^ ((bits >> 64) as u64);
        h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^ (h >> 32)
    }

    #[inline]
    fn tag(said: &Said, _hash: u64) -> Said {
        *said
    }

    #[inline]
    fn has_key(&self, _said: &Said) -> bool {
        // The tag is all of it.
        true
    }
}
