// SPDX-License-Identifier: GPL-2.0-only

//! What packets find out and process context must see to: SAs whose limits are exceeded.

use crate::{
    instance::Tables,
    kapi::{lock::BhLock, work::Run},
    pfkey,
    sadb::sa::Limit,
};
use heapless::Deque;
use kernel::{prelude::*, sync::Arc};
use klips_core::{sa::State, said::Said};

/// How many events wait at most. More are found by looking at all SAs.
const QUEUE: usize = 64;

/// An SA exceeded a limit.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// Which SA.
    pub(crate) said: Said,
    /// Which limit.
    pub(crate) limit: Limit,
}

struct Queue {
    events: Deque<Event, QUEUE>,
    overflowed: bool,
}

/// The queue of events of one namespace.
pub(crate) struct Events {
    queue: Pin<KBox<BhLock<Queue>>>,
    tables: Arc<Tables>,
}

impl Events {
    /// An empty queue. Process context.
    pub(crate) fn new(tables: Arc<Tables>) -> Result<Self> {
        let queue = Queue {
            events: Deque::new(),
            overflowed: false,
        };
        Ok(Self {
            queue: KBox::pin_init(BhLock::new(queue), GFP_KERNEL)?,
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
}

impl Run for Events {
    fn run(&self) {
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
}

impl Events {
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
                    said: sa.said(),
                    limit: Limit::Hard,
                };
                pfkey::expire(&self.tables, &mut control, &event);
            }
        }
    }
}
