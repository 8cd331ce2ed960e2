// SPDX-License-Identifier: GPL-2.0-only

//! The masks of the policies of one direction and family, in the order in which packets try them.
//!
//! Packets read a list under RCU; whatever changes it makes a new one, so that each costs as much as there are masks. Few
//! changes do: those that bring a mask, those that make the policies under one better than they were, and the last one
//! under a mask to go. That the best one under a mask goes is noted only: the list then says better things of it than are
//! true, which costs packets a look but leads none to another policy. When that has happened as often as there are masks,
//! a new list is made, so what a deletion costs does not depend on how many policies there are.

use crate::kapi::rcu::{Graveyard, Prepared, Rcu};
use kernel::{
    prelude::*,
    sync::{rcu::Guard, Arc},
};
use klips_core::{
    eroute::Key,
    spd::{Rank, Shape},
};

/// What packets read.
pub(super) struct Published(Arc<Rcu<KVec<Shape>>>);

impl Published {
    /// The masks, that of the best policy first.
    #[inline]
    pub(super) fn read<'g>(&'g self, guard: &'g Guard) -> Option<&'g [Shape]> {
        self.0.read(guard).map(|shapes| &**shapes)
    }
}

/// A mask and how many policies are under it.
#[derive(Clone, Copy)]
struct Counted {
    shape: Shape,
    uses: usize,
}

/// The writer's side, under the namespace's mutex.
pub(super) struct ShapesWriter {
    published: Arc<Rcu<KVec<Shape>>>,
    list: KVec<Counted>,
    /// How often the best one under a mask went since the list was made.
    stale: usize,
    yard: Arc<Graveyard>,
}

impl ShapesWriter {
    /// No masks. Process context.
    pub(super) fn new(yard: &Arc<Graveyard>) -> Result<(Published, Self)> {
        let published = Arc::new(Rcu::empty(), GFP_KERNEL)?;
        let writer = Self {
            published: published.clone(),
            list: KVec::new(),
            stale: 0,
            yard: yard.clone(),
        };
        Ok((Published(published), writer))
    }

    /// Lets packets look for a policy that is about to be there. All or nothing.
    pub(super) fn enter(&mut self, mask: &Key, rank: Rank) -> Result {
        let known = self.list.iter_mut().find(|c| c.shape.mask == *mask);
        let uses = match known {
            Some(counted) if counted.shape.least < rank => {
                counted.uses = counted.uses.saturating_add(1);
                return Ok(());
            }
            Some(counted) => counted.uses,
            None => 0,
        };
        let mut list = KVec::with_capacity(self.list.len().saturating_add(1), GFP_KERNEL)?;
        let others = self.list.iter().filter(|c| c.shape.mask != *mask);
        for counted in others {
            list.push(*counted, GFP_KERNEL)?;
        }
        let new = Counted {
            shape: Shape {
                mask: *mask,
                least: rank,
            },
            uses: uses.saturating_add(1),
        };
        insert(&mut list, new)?;
        let prepared = prepare(&list)?;
        self.publish(list, prepared);
        Ok(())
    }

    /// Notes that a policy has gone. `least` says the best rank that there still is under a mask.
    ///
    /// Short of memory, the list stays as it was, which is right too.
    pub(super) fn leave(&mut self, mask: &Key, rank: Rank, least: impl Fn(&Key) -> Option<Rank>) {
        let Some(at) = self.list.iter().position(|c| c.shape.mask == *mask) else {
            return;
        };
        let Some(counted) = self.list.get_mut(at) else {
            return;
        };
        counted.uses = counted.uses.saturating_sub(1);
        if counted.uses != 0 && counted.shape.least != rank {
            return;
        }
        let is_empty = counted.uses == 0;
        self.stale = self.stale.saturating_add(1);
        let _ = if self.stale > self.list.len() {
            self.renew(least)
        } else if is_empty {
            self.prune()
        } else {
            Ok(())
        };
    }

    /// Makes the list anew without the masks that are not in use any more.
    fn prune(&mut self) -> Result {
        let mut list = KVec::with_capacity(self.list.len(), GFP_KERNEL)?;
        for counted in self.list.iter().filter(|c| c.uses != 0) {
            list.push(*counted, GFP_KERNEL)?;
        }
        let prepared = prepare(&list)?;
        self.publish(list, prepared);
        Ok(())
    }

    /// Makes the list anew of the masks in use, in the order that is true now.
    fn renew(&mut self, least: impl Fn(&Key) -> Option<Rank>) -> Result {
        let mut list = KVec::with_capacity(self.list.len(), GFP_KERNEL)?;
        for counted in self.list.iter().filter(|c| c.uses != 0) {
            let mask = counted.shape.mask;
            let least = least(&mask).unwrap_or(counted.shape.least);
            let shape = Shape { mask, least };
            insert(&mut list, Counted { shape, ..*counted })?;
        }
        let prepared = prepare(&list)?;
        self.publish(list, prepared);
        self.stale = 0;
        Ok(())
    }

    /// Packets find nothing from here on.
    pub(super) fn clear(&mut self) {
        self.publish(KVec::new(), None);
        self.stale = 0;
    }

    fn publish(&mut self, list: KVec<Counted>, prepared: Option<Prepared<KVec<Shape>>>) {
        self.list = list;
        self.published.publish(prepared, &self.yard);
    }
}

/// Inserts a mask where it belongs.
fn insert(list: &mut KVec<Counted>, new: Counted) -> Result {
    list.reserve(1, GFP_KERNEL)?;
    let behind = |c: &Counted| c.shape.least > new.shape.least;
    let at = list.iter().position(behind).unwrap_or(list.len());
    list.insert_within_capacity(at, new).map_err(|_| ENOMEM)
}

/// What packets are to read; nothing if there is no mask.
fn prepare(list: &KVec<Counted>) -> Result<Option<Prepared<KVec<Shape>>>> {
    if list.is_empty() {
        return Ok(None);
    }
    let mut shapes = KVec::with_capacity(list.len(), GFP_KERNEL)?;
    for counted in list.iter() {
        shapes.push(counted.shape, GFP_KERNEL)?;
    }
    Rcu::prepare(shapes).map(Some)
}
