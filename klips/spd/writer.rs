// SPDX-License-Identifier: GPL-2.0-only

//! Changing the policies. Everything here is under the namespace's mutex.

use super::{place, shapes::ShapesWriter, Policy, Slot, Spec, MAX_TEMPLATES};
use crate::{
    kapi::{rcu_map::MapWriter, time},
    listing::after,
};
use core::{
    cmp::Reverse,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::Arc,
};
use klips_core::{
    eroute::{Key, Selector},
    pfkey::linux::{types::REQID_MAX, Direction, Level},
    spd::Rank,
};

/// Where a policy stands in the listing: the newest first.
pub(crate) type Cursor = Reverse<u64>;

/// The policies under one mask, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    direction: u8,
    mask: Key,
    rank: Rank,
}

impl Standing {
    fn of(policy: &Policy) -> Self {
        Self {
            direction: policy.direction.number(),
            mask: *policy.selector.mask(),
            rank: policy.rank,
        }
    }
}

/// Numbers of policies without the bits of the direction go up to this.
const NUMBERS: u32 = u32::MAX >> DIRECTION_BITS;
const DIRECTION_BITS: u32 = 3;

/// The writer's side.
pub(crate) struct SpdWriter {
    map: MapWriter<Policy>,
    /// The masks of each direction and family.
    shapes: KVec<ShapesWriter>,
    standings: RBTree<Standing, ()>,
    ids: RBTree<u32, Arc<Policy>>,
    listing: RBTree<Cursor, Arc<Policy>>,
    /// Policies that time ends, by when it may.
    deadlines: RBTree<(u64, u32), ()>,
    /// There was no memory for a deadline.
    is_behind: bool,
    serial: u64,
    number: u32,
}

impl SpdWriter {
    pub(super) fn new(map: MapWriter<Policy>, shapes: KVec<ShapesWriter>) -> Self {
        Self {
            map,
            shapes,
            standings: RBTree::new(),
            ids: RBTree::new(),
            listing: RBTree::new(),
            deadlines: RBTree::new(),
            is_behind: false,
            serial: 0,
            number: 0,
        }
    }

    /// The policy of this direction and selector.
    pub(crate) fn find(&self, direction: Direction, selector: &Selector) -> Option<Arc<Policy>> {
        self.map.get(&Slot::of(direction, selector))
    }

    /// The policy with this number.
    pub(crate) fn get(&self, id: u32) -> Option<Arc<Policy>> {
        self.ids.get(&id).cloned()
    }

    /// How many policies there are.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Adds a policy. All or nothing. `EEXIST`: there is one of this direction and selector.
    pub(crate) fn add(&mut self, spec: Spec) -> Result<Arc<Policy>> {
        match self.find(spec.direction, &spec.selector) {
            Some(_) => Err(EEXIST),
            None => self.put(spec, None),
        }
    }

    /// Adds a policy, or puts it in the place of the one of this direction and selector, whose number it takes, in one
    /// step for packets. Among those of its priority it is the last then. All or nothing.
    pub(crate) fn replace(&mut self, spec: Spec) -> Result<Arc<Policy>> {
        let old = self.find(spec.direction, &spec.selector);
        self.put(spec, old)
    }

    fn put(&mut self, mut spec: Spec, old: Option<Arc<Policy>>) -> Result<Arc<Policy>> {
        let id = match &old {
            Some(old) => old.id,
            None => self.free_id(spec.direction).ok_or(ENOSPC)?,
        };
        choose_reqids(&mut spec, id);
        let rank = Rank {
            priority: spec.priority,
            serial: self.serial,
        };
        let policy = Arc::new(
            Policy {
                id,
                created: time::uptime_secs(),
                spec,
                rank,
                last_use: AtomicU64::new(0),
                count: AtomicU64::new(0),
                soft_reported: AtomicBool::new(false),
                deadline: AtomicU64::new(0),
            },
            GFP_KERNEL,
        )?;
        let entry = MapWriter::prepare(policy.clone())?;
        let named = RBTreeNode::new(id, policy.clone(), GFP_KERNEL)?;
        let listed = RBTreeNode::new(Reverse(rank.serial), policy.clone(), GFP_KERNEL)?;
        let standing = RBTreeNode::new(Standing::of(&policy), (), GFP_KERNEL)?;
        self.shapes_of(&policy)
            .ok_or(EINVAL)?
            .enter(policy.selector.mask(), rank)?;
        self.serial = self.serial.wrapping_add(1);
        self.standings.insert(standing);
        self.listing.insert(listed);
        self.map.put(entry);
        if let Some(old) = old {
            self.forget(&old);
        }
        self.ids.insert(named);
        Ok(policy)
    }

    fn shapes_of(&mut self, policy: &Policy) -> Option<&mut ShapesWriter> {
        let at = place(policy.direction, policy.selector.mask().family);
        self.shapes.get_mut(at)
    }

    /// A number that no policy has.
    fn free_id(&mut self, direction: Direction) -> Option<u32> {
        for _ in 0..=self.len() {
            self.number = self.number % NUMBERS + 1;
            let low = u32::from(direction.number().saturating_sub(1));
            let id = self.number << DIRECTION_BITS | low;
            if self.ids.get(&id).is_none() {
                return Some(id);
            }
        }
        None
    }

    /// Takes a policy that packets do not find any more out of all that lists it, but the numbers.
    fn forget(&mut self, policy: &Policy) {
        let Self {
            standings, shapes, ..
        } = self;
        standings.remove(&Standing::of(policy));
        self.listing.remove(&Reverse(policy.rank.serial));
        let at = policy.deadline.swap(0, Ordering::Relaxed);
        self.deadlines.remove(&(at, policy.id));
        let direction = policy.direction.number();
        let least = |mask: &Key| {
            let first = Standing {
                direction,
                mask: *mask,
                rank: Rank {
                    priority: 0,
                    serial: 0,
                },
            };
            let cursor = standings.cursor_lower_bound(&first)?;
            let (found, ()) = cursor.current();
            (found.direction == direction && found.mask == *mask).then_some(found.rank)
        };
        let (family, mask) = (policy.selector.mask().family, policy.selector.mask());
        if let Some(shapes) = shapes.get_mut(place(policy.direction, family)) {
            shapes.leave(mask, policy.rank, least);
        }
    }

    /// Removes a policy.
    pub(crate) fn remove(&mut self, policy: &Policy) {
        let slot = Slot::of(policy.direction, &policy.selector);
        self.map.remove(&slot);
        self.ids.remove(&policy.id);
        self.forget(policy);
    }

    /// Removes all policies. Returns how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        // Packets find nothing from here on, whatever is still being taken apart.
        for shapes in self.shapes.iter_mut() {
            shapes.clear();
        }
        let count = self.len();
        while let Some(at) = self.next(None) {
            if let Some(policy) = self.at(&at) {
                self.remove(&policy);
            }
        }
        count
    }

    /// The place after `last` in the listing, or the first.
    pub(crate) fn next(&self, last: Option<&Cursor>) -> Option<Cursor> {
        after(&self.listing, last)
    }

    /// The policy at `place`, if it is still there.
    pub(crate) fn at(&self, place: &Cursor) -> Option<Arc<Policy>> {
        self.listing.get(place).cloned()
    }

    /// Notes when time may end a policy, if it is in the table; without memory, when the worker catches up. Returns whether
    /// that is before anything that was noted already.
    pub(crate) fn set_deadline(&mut self, policy: &Arc<Policy>, now: u64) -> bool {
        let there = self.ids.get(&policy.id);
        if !there.is_some_and(|there| Arc::ptr_eq(there, policy)) {
            return false;
        }
        let before = policy.deadline.swap(0, Ordering::Relaxed);
        self.deadlines.remove(&(before, policy.id));
        let Some(at) = policy.next_deadline() else {
            return false;
        };
        let at = at.max(now.saturating_add(1));
        let first = self.first_deadline();
        let entry = (at, policy.id);
        let noted = self.deadlines.try_create_and_insert(entry, (), GFP_KERNEL);
        if noted.is_err() {
            self.is_behind = true;
            return true;
        }
        policy.deadline.store(at, Ordering::Relaxed);
        first.is_none_or(|first| at < first)
    }

    /// Whether there is a deadline that there was no memory for, and that the worker is to make up for.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Notes the deadlines that there was no memory for, which takes a look at all policies.
    pub(crate) fn catch_up(&mut self, now: u64) {
        if !core::mem::take(&mut self.is_behind) {
            return;
        }
        let mut last = None;
        while let Some(place) = self.next(last.as_ref()) {
            last = Some(place);
            let policy = self.at(&place);
            let policy = policy.filter(|policy| policy.deadline.load(Ordering::Relaxed) == 0);
            if let Some(policy) = policy {
                self.set_deadline(&policy, now);
            }
        }
    }

    /// A policy whose deadline has come; it has none any more.
    pub(crate) fn due(&mut self, now: u64) -> Option<Arc<Policy>> {
        loop {
            let (at, id) = *self.deadlines.cursor_front()?.current().0;
            if at > now {
                return None;
            }
            self.deadlines.remove(&(at, id));
            if let Some(policy) = self.ids.get(&id) {
                policy.deadline.store(0, Ordering::Relaxed);
                return Some(policy.clone());
            }
        }
    }

    /// When the next policy may be due, or there is something to make up for.
    pub(crate) fn first_deadline(&self) -> Option<u64> {
        if self.is_behind {
            return Some(0);
        }
        self.deadlines.cursor_front().map(|c| c.current().0 .0)
    }
}

/// Gives templates that want SAs of their own the numbers of such, if they do not name one that people may choose. Such a
/// number belongs to the policy's own.
fn choose_reqids(spec: &mut Spec, id: u32) {
    let first = (id >> DIRECTION_BITS)
        .saturating_mul(MAX_TEMPLATES as u32)
        .saturating_add(REQID_MAX)
        .saturating_add(1);
    for (template, i) in spec.templates.iter_mut().zip(0..MAX_TEMPLATES as u32) {
        if template.level == Level::Unique && !(1..=REQID_MAX).contains(&template.reqid) {
            template.reqid = first.saturating_add(i);
        }
    }
}
