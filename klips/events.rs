// SPDX-License-Identifier: GPL-2.0-only

//! What packets find out, or time brings, and process context must see to: SAs whose limits are exceeded, traps that were
//! sprung, SAs that policies miss, holds and questions that nobody answers.

use crate::{
    asks::{self, Due, Patience, Question},
    eroute::{Eroute, HoldRecord},
    instance::{Control, Tables},
    kapi::{lock::BhLock, time, work::Run},
    pfkey,
    sadb::sa::{Limit, Sa},
    trap,
};
use heapless::Deque;
use kernel::{prelude::*, sync::Arc};
use klips_core::sa::State;

/// How many events wait at most. More are found by looking at all SAs.
const QUEUE: usize = 64;

/// An SA exceeded a limit.
pub(crate) struct Event {
    /// Which SA; not another one of the same name that has come since.
    pub(crate) sa: Arc<Sa>,
    /// Which limit.
    pub(crate) limit: Limit,
}

/// A peer behind address translation was heard from another port.
pub(crate) struct Moved {
    /// The SA that it used.
    pub(crate) sa: Arc<Sa>,
    /// Its port now, host byte order.
    pub(crate) port: u16,
}

struct Queue {
    events: Deque<Event, QUEUE>,
    /// When full, a move is not told: the next packet shows it again.
    moved: Deque<Moved, QUEUE>,
    overflowed: bool,
}

/// The queue of events of one namespace.
pub(crate) struct Events {
    queue: Pin<KBox<BhLock<Queue>>>,
    bucket: Pin<KBox<BhLock<Bucket>>>,
    tables: Arc<Tables>,
}

impl Events {
    /// An empty queue. Process context.
    pub(crate) fn new(tables: Arc<Tables>) -> Result<Self> {
        let queue = Queue {
            events: Deque::new(),
            moved: Deque::new(),
            overflowed: false,
        };
        Ok(Self {
            queue: KBox::pin_init(BhLock::new(queue), GFP_KERNEL)?,
            bucket: KBox::pin_init(BhLock::new(Bucket::default()), GFP_KERNEL)?,
            tables,
        })
    }

    /// Queues an event. Any context; the caller schedules the worker.
    pub(crate) fn push(&self, event: Event) {
        self.queue.with(|queue| {
            if queue.events.push_back(event).is_err() {
                queue.overflowed = true;
            }
        });
    }

    /// Queues a move. Any context; the caller schedules the worker. `false`: there is no room.
    pub(crate) fn push_moved(&self, moved: Moved) -> bool {
        self.queue
            .with(|queue| queue.moved.push_back(moved).is_ok())
    }
}

impl Run for Events {
    fn run(&self) -> Option<u32> {
        self.report_limits();
        self.report_moves();
        let traps = self.set_traps();
        let asks = self.ask_for_policies();
        let now = time::uptime_secs();
        let mut control = self.tables.control.lock();
        let next = self.expire_due(&mut control, now);
        let policies = self.expire_policies(&mut control, now);
        self.tables.flows.sweep();
        let looked = self
            .bucket
            .with(|bucket| core::mem::replace(&mut bucket.looked, now));
        let (holds, questions) = if looked == now {
            let holds = control.eroutes.holds() > 0;
            let questions = !self.tables.asks.is_empty();
            (holds.then_some(1), questions.then_some(1))
        } else {
            let questions = self.tend_questions(&mut control, now);
            (self.tend_holds(&mut control, now), questions)
        };
        [traps, asks, next, policies, holds, questions]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Events {
    fn report_limits(&self) {
        while let Some(event) = self.queue.with(|queue| queue.events.pop_front()) {
            let mut control = self.tables.control.lock();
            pfkey::expire(&self.tables, &mut control, &event);
        }
        let overflowed = self
            .queue
            .with(|queue| core::mem::take(&mut queue.overflowed));
        if overflowed {
            self.bury_the_dead();
        }
    }

    fn report_moves(&self) {
        while let Some(moved) = self.queue.with(|queue| queue.moved.pop_front()) {
            let mut control = self.tables.control.lock();
            pfkey::new_mapping(&self.tables, &mut control, &moved);
        }
    }

    /// Removes every SA that packets ended while the queue was full.
    fn bury_the_dead(&self) {
        let mut last = None;
        loop {
            let mut control = self.tables.control.lock();
            let Some(place) = control.sadb.next_place(last.as_ref()) else {
                break;
            };
            last = Some(place);
            let dead = control
                .sadb
                .at(&place)
                .filter(|sa| sa.state() == State::Dead);
            if let Some(sa) = dead {
                let event = Event {
                    sa,
                    limit: Limit::Hard,
                };
                pfkey::expire(&self.tables, &mut control, &event);
            }
        }
    }

    /// Ends SAs whose time is up, used or not. Returns in how many seconds the next one's may be.
    fn expire_due(&self, control: &mut Control, now: u64) -> Option<u32> {
        control.sadb.catch_up(now);
        while let Some(sa) = control.sadb.due(now) {
            if let Some(limit) = sa.time_is_up(now) {
                // Another SA may be better now.
                self.tables.yard.advance();
                let event = Event {
                    sa: sa.clone(),
                    limit,
                };
                pfkey::expire(&self.tables, control, &event);
            }
            // An SA that is still there has its next deadline.
            control.sadb.set_deadline(&sa, now);
        }
        Some(wait(control.sadb.first_deadline()?, now))
    }

    /// The same for policies.
    fn expire_policies(&self, control: &mut Control, now: u64) -> Option<u32> {
        control.spd.catch_up(now);
        while let Some(policy) = control.spd.due(now) {
            if let Some(limit) = policy.time_is_up(now) {
                pfkey::expire_policy(&self.tables, control, &policy, limit);
            }
            control.spd.set_deadline(&policy, now);
        }
        Some(wait(control.spd.first_deadline()?, now))
    }

    /// Puts a hold in the place of every trap that was sprung, and asks key daemons. Returns when to look again.
    ///
    /// No more of them than wait at most: what has a deadline is not to wait for the end of a flood.
    fn set_traps(&self) -> Option<u32> {
        let tables = &self.tables;
        for _ in 0..trap::PENDING {
            let (selector, trap, src, dst) = tables.traps.next()?;
            let hold = self.set_trap(&HoldRecord {
                selector,
                trap,
                src,
                dst,
                made: 0,
                asked: 0,
            });
            let pair = tables.traps.finish(&selector);
            match hold {
                Outcome::Holds(eroute) => match &eroute.hold {
                    Some(hold) => match hold.adopt(pair) {
                        Ok(rest) => tables.evict(rest.len()),
                        // A key daemon was faster.
                        Err(pair) => pair.resend(tables),
                    },
                    None => tables.evict(pair.len()),
                },
                Outcome::Resend => pair.resend(tables),
                Outcome::Lost => tables.evict(pair.len()),
            }
        }
        Some(0)
    }

    fn set_trap(&self, sprung: &HoldRecord) -> Outcome {
        let tables = &self.tables;
        let mut control = tables.control.lock();
        let current = control.eroutes.get(&sprung.trap.selector);
        if !current.is_some_and(|now| Arc::ptr_eq(&now, &sprung.trap)) {
            // The trap was replaced or deleted meanwhile.
            return Outcome::Resend;
        }
        if let Some(there) = control.eroutes.get(&sprung.selector) {
            if !Arc::ptr_eq(&there, &sprung.trap) {
                return if there.hold.is_some() {
                    Outcome::Holds(there)
                } else {
                    Outcome::Resend
                };
            }
        }
        if !self.may_ask() {
            return Outcome::Lost;
        }
        self.make_way(&mut control);
        let now = time::uptime_secs();
        let record = HoldRecord {
            selector: sprung.selector,
            trap: sprung.trap.clone(),
            src: sprung.src,
            dst: sprung.dst,
            made: now,
            asked: now,
        };
        if control.eroutes.make_hold(sprung.selector, record).is_err() {
            return Outcome::Lost;
        }
        let idents = sprung.trap.spec.idents.as_deref();
        if pfkey::acquire(tables, &mut control, &sprung.src, &sprung.dst, idents) > 0 {
            tables.traps.delivered();
        }
        control
            .eroutes
            .get(&sprung.selector)
            .map_or(Outcome::Lost, Outcome::Holds)
    }

    /// Reaps the oldest holds when there are as many as there may be.
    fn make_way(&self, control: &mut Control) {
        let most = usize::try_from(self.tables.sysctl.hold_max())
            .unwrap_or(0)
            .max(1);
        while control.eroutes.holds() >= most {
            let Some((oldest, _)) = control.eroutes.next_hold(None) else {
                break;
            };
            self.tables.evict(control.eroutes.end_hold(oldest).len());
        }
    }

    /// Takes a token for an ACQUIRE; a flood of first packets gets no more than the rate.
    fn may_ask(&self) -> bool {
        let rate = u64::try_from(self.tables.sysctl.acquire_rate()).unwrap_or(0);
        let now = time::uptime_secs();
        self.bucket.with(|bucket| {
            if bucket.second != now {
                bucket.second = now;
                bucket.used = 0;
            }
            let may = bucket.used < rate;
            bucket.used = bucket.used.saturating_add(u64::from(may));
            may
        })
    }

    /// Asks again for holds whose ACQUIRE seems lost, and reaps those that nobody answered; all of them once in a second.
    /// Returns when to look again.
    fn tend_holds(&self, control: &mut Control, now: u64) -> Option<u32> {
        let sysctl = &self.tables.sysctl;
        let (retry, lifetime) = (sysctl.hold_retry(), sysctl.hold_lifetime());
        let mut last = None;
        while let Some((number, record)) = control.eroutes.next_hold(last) {
            last = Some(number);
            if now.saturating_sub(record.made) >= lifetime {
                self.tables.evict(control.eroutes.end_hold(number).len());
                continue;
            }
            if now.saturating_sub(record.asked) < retry {
                continue;
            }
            record.asked = now;
            let (trap, src, dst) = (record.trap.clone(), record.src, record.dst);
            let idents = trap.spec.idents.as_deref();
            if self.may_ask() && pfkey::acquire(&self.tables, control, &src, &dst, idents) > 0 {
                self.tables.traps.delivered();
            }
        }
        // A second is what the limits are counted in.
        last.map(|_| 1)
    }

    /// Asks key daemons for the SAs that policies have missed since. Returns when to look again.
    fn ask_for_policies(&self) -> Option<u32> {
        let tables = &self.tables;
        for _ in 0..trap::PENDING {
            let (number, question) = tables.asks.next()?;
            if asks::is_there(tables, &question) {
                tables.asks.take(number).resend(tables);
            } else if self.may_ask() {
                self.ask(&mut tables.control.lock(), number, &question);
            } else {
                tables.evict(tables.asks.take(number).len());
            }
        }
        Some(0)
    }

    fn ask(&self, control: &mut Control, number: u64, question: &Question) {
        let tables = &self.tables;
        let seq = tables.next_seq();
        // The answer may be faster than this.
        tables.asks.asked(number, seq, time::uptime_secs());
        if pfkey::acquire_for_policy(tables, control, question, seq) > 0 {
            tables.traps.delivered();
        }
    }

    /// Asks again where the answer stays away, and gives up what nobody answers; all of it once in a second. Returns when
    /// to look again.
    fn tend_questions(&self, control: &mut Control, now: u64) -> Option<u32> {
        let tables = &self.tables;
        let patience = Patience {
            retry: tables.sysctl.hold_retry(),
            lifetime: tables.sysctl.hold_lifetime(),
        };
        let mut last = 0;
        while let Some((number, due)) = tables.asks.due(last, now, patience) {
            last = number;
            match due {
                Due::Over(pair) => tables.evict(pair.len()),
                Due::Again(question) if self.may_ask() => self.ask(control, number, &question),
                Due::Again(_) => {}
            }
        }
        (!tables.asks.is_empty()).then_some(1)
    }
}

/// The seconds until `then`.
fn wait(then: u64, now: u64) -> u32 {
    u32::try_from(then.saturating_sub(now).max(1)).unwrap_or(u32::MAX)
}

/// What became of a sprung trap.
enum Outcome {
    /// This eroute holds now.
    Holds(Arc<Eroute>),
    /// The policy is another one already.
    Resend,
    /// Too many, or no memory.
    Lost,
}

/// What is done so often in a second: ACQUIREs, and a look at all holds and questions.
#[derive(Default)]
struct Bucket {
    second: u64,
    used: u64,
    /// The second of the last look.
    looked: u64,
}
