// SPDX-License-Identifier: GPL-2.0-only

//! SAs that policies of the Linux dialect miss, and the packets that wait for them.
//!
//! A packet that misses one waits here, and the worker asks the key daemons (ACQUIRE). Of each question the first and the
//! latest packet are kept; when an SA comes that fits they are sent again, in order. Who gets no answer for a while asks
//! again, and gives up some time later. The table is bounded: a flood pushes out the oldest question.

use crate::{
    hold::{Pair, Waiting},
    instance::Tables,
    kapi::{lock::BhLock, time},
    sadb::Need,
    spd::Policy,
};
use core::sync::atomic::{AtomicU32, Ordering};
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode, RBTreeNodeReservation},
    sync::{rcu, Arc},
};

/// What is asked for, and on whose behalf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    /// The SA.
    pub(crate) need: Need,
    /// The number of the policy.
    pub(crate) policy: u32,
    /// Its priority.
    pub(crate) priority: u32,
}

/// A question that is open.
struct Ask {
    question: Question,
    policy: Arc<Policy>,
    pair: Pair,
    /// The number of the latest ACQUIRE; 0: none yet.
    seq: u32,
    /// When it came up, seconds of uptime.
    made: u64,
    /// When key daemons were last asked.
    asked: u64,
    /// A key daemon has said no: for a while nobody is asked, and nothing kept.
    refused: bool,
}

struct Table {
    asks: RBTree<u64, Ask>,
    numbers: RBTree<Question, u64>,
    /// The latest number; the first is 1.
    last: u64,
    /// The worker has looked at those up to this number.
    seen: u64,
    /// How many there are.
    count: usize,
}

/// What is to be done about a question.
pub(crate) enum Due {
    /// Key daemons are to be asked again.
    Again(Question),
    /// It is given up; these packets are lost.
    Over(Pair),
}

/// How long questions stay, seconds.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Until they are asked again.
    pub(crate) retry: u64,
    /// Until they are given up.
    pub(crate) lifetime: u64,
}

impl Ask {
    fn is_over(&self, now: u64, patience: Patience) -> bool {
        let (since, most) = match self.refused {
            true => (self.asked, patience.retry),
            false => (self.made, patience.lifetime),
        };
        now.saturating_sub(since) >= most
    }

    fn is_due_again(&self, now: u64, patience: Patience) -> bool {
        !self.refused && self.seq != 0 && now.saturating_sub(self.asked) >= patience.retry
    }
}

impl Table {
    /// The first question after number `last`.
    fn after(&self, last: u64) -> Option<(u64, &Ask)> {
        let cursor = self.asks.cursor_lower_bound(&last.wrapping_add(1))?;
        let number = *cursor.current().0;
        Some((number, self.asks.get(&number)?))
    }

    fn take(&mut self, number: u64) -> Pair {
        let Some(ask) = self.asks.remove(&number) else {
            return Pair::default();
        };
        self.numbers.remove(&ask.question);
        self.count = self.count.saturating_sub(1);
        ask.pair
    }

    /// Opens a question. `Err` hands the packet back: there is no memory.
    fn open(
        &mut self,
        question: Question,
        policy: &Arc<Policy>,
        waiting: Waiting,
    ) -> core::result::Result<(), Waiting> {
        let number = self.last.wrapping_add(1);
        let name = RBTreeNode::new(question, number, GFP_ATOMIC);
        let place = RBTreeNodeReservation::new(GFP_ATOMIC);
        let (Ok(name), Ok(place)) = (name, place) else {
            return Err(waiting);
        };
        let ask = Ask {
            question,
            policy: policy.clone(),
            pair: Pair {
                first: Some(waiting),
                last: None,
            },
            seq: 0,
            made: time::uptime_secs(),
            asked: 0,
            refused: false,
        };
        self.last = number;
        self.count = self.count.saturating_add(1);
        self.numbers.insert(name);
        self.asks.insert(place.into_node(number, ask));
        Ok(())
    }
}

/// The open questions of one namespace.
pub(crate) struct Asks {
    table: Pin<KBox<BhLock<Table>>>,
    /// Sockets that can be asked.
    listeners: AtomicU32,
}

impl Asks {
    /// An empty table. Process context.
    pub(crate) fn new() -> Result<Self> {
        let table = Table {
            asks: RBTree::new(),
            numbers: RBTree::new(),
            last: 0,
            seen: 0,
            count: 0,
        };
        Ok(Self {
            table: KBox::pin_init(BhLock::new(table), GFP_KERNEL)?,
            listeners: AtomicU32::new(0),
        })
    }

    /// Says how many sockets can be asked.
    pub(crate) fn set_listeners(&self, n: u32) {
        self.listeners.store(n, Ordering::Relaxed);
    }

    /// A packet misses an SA. Any context; the caller wakes the worker.
    ///
    /// `Ok` has what lost its place, no more than `most` questions being open; `Err` hands the packet back: nobody can be
    /// asked, or the answer was no, or there is no memory.
    pub(crate) fn keep(
        &self,
        policy: &Arc<Policy>,
        need: Need,
        waiting: Waiting,
        most: i32,
    ) -> core::result::Result<Pair, Waiting> {
        if self.listeners.load(Ordering::Relaxed) == 0 {
            return Err(waiting);
        }
        let question = Question {
            need,
            policy: policy.id,
            priority: policy.priority,
        };
        let most = usize::try_from(most).unwrap_or(0).max(1);
        self.table.with(|table| {
            let number = table.numbers.get(&question).copied();
            if let Some(ask) = number.and_then(|number| table.asks.get_mut(&number)) {
                if ask.refused {
                    return Err(waiting);
                }
                let last = ask.pair.last.replace(waiting);
                return Ok(Pair { first: None, last });
            }
            table.open(question, policy, waiting)?;
            if table.count <= most {
                return Ok(Pair::default());
            }
            let oldest = table.after(0).map(|(oldest, _)| oldest);
            Ok(oldest.map_or(Pair::default(), |oldest| table.take(oldest)))
        })
    }

    /// The next question that was not looked at yet, and its number.
    pub(crate) fn next(&self) -> Option<(u64, Question)> {
        self.table.with(|table| {
            let (number, question) = table
                .after(table.seen)
                .map(|(number, ask)| (number, ask.question))?;
            table.seen = number;
            Some((number, question))
        })
    }

    /// Key daemons are being asked, under number `seq`.
    pub(crate) fn asked(&self, number: u64, seq: u32, now: u64) {
        self.table.with(|table| {
            if let Some(ask) = table.asks.get_mut(&number) {
                (ask.seq, ask.asked) = (seq, now);
            }
        });
    }

    /// Closes a question and takes its packets.
    pub(crate) fn take(&self, number: u64) -> Pair {
        self.table.with(|table| table.take(number))
    }

    /// A key daemon answers the ACQUIRE with this number that there will be no SA. Returns the packets, which are lost.
    pub(crate) fn refuse(&self, seq: u32) -> Pair {
        self.table.with(|table| {
            let mut asks = table.asks.values_mut();
            let Some(ask) = asks.find(|ask| seq != 0 && ask.seq == seq) else {
                return Pair::default();
            };
            ask.refused = true;
            core::mem::take(&mut ask.pair)
        })
    }

    /// The first question after number `last` about which something is to be done.
    pub(crate) fn due(&self, last: u64, now: u64, patience: Patience) -> Option<(u64, Due)> {
        self.table.with(|table| {
            let mut last = last;
            loop {
                let (number, ask) = table.after(last)?;
                if ask.is_over(now, patience) {
                    return Some((number, Due::Over(table.take(number))));
                }
                if ask.is_due_again(now, patience) {
                    return Some((number, Due::Again(ask.question)));
                }
                last = number;
            }
        })
    }

    /// Whether no question is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.with(|table| table.count == 0)
    }

    /// Closes all questions. Returns how many packets waited; they are lost.
    pub(crate) fn clear(&self) -> usize {
        let mut lost = 0;
        while let Some((number, _)) = self.after(0) {
            lost += self.take(number).len();
        }
        lost
    }

    /// Whether the question is that of this policy.
    fn is_for(&self, number: u64, policy: Option<&Arc<Policy>>) -> bool {
        self.table.with(|table| {
            let ask = table.asks.get(&number);
            ask.zip(policy)
                .is_some_and(|(ask, policy)| Arc::ptr_eq(&ask.policy, policy))
        })
    }

    fn after(&self, last: u64) -> Option<(u64, Question)> {
        self.table.with(|table| {
            let (number, ask) = table.after(last)?;
            Some((number, ask.question))
        })
    }

    /// Sends the packets again whose SA is there now, and those whose policy is not the one any more that it was. No lock is
    /// held.
    pub(crate) fn release(&self, tables: &Tables) {
        let (mut last, end) = (0, self.table.with(|table| table.last));
        while let Some((number, question)) = self.after(last).filter(|(n, _)| *n <= end) {
            last = number;
            let policy = tables.control.lock().spd.get(question.policy);
            if is_there(tables, &question) || !self.is_for(number, policy.as_ref()) {
                self.take(number).resend(tables);
            }
        }
    }
}

/// Whether there is an SA now.
pub(crate) fn is_there(tables: &Tables, question: &Question) -> bool {
    let guard = rcu::read_lock();
    tables.sadb.usable(&question.need, &guard).is_some()
}
