// SPDX-License-Identifier: GPL-2.0-only

//! The SA database: found by SAID without a lock, changed under the namespace's mutex, listed in the classic order.

mod groups;
mod moves;
pub(crate) mod sa;
mod usable;

pub(crate) use groups::{Bundle, MAX_GROUP};
pub(crate) use moves::Move;
pub(crate) use usable::Need;

use crate::{
    kapi::{
        rcu::{Graveyard, Prepared, Rcu},
        rcu_map::{new_map, Map, MapWriter},
    },
    listing::after,
};
use core::{cmp::Reverse, net::IpAddr};
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::{rcu::Guard, Arc},
};
use klips_core::said::Said;
use sa::{Policy, Sa};
use usable::{Usable, UsableWriter};

/// The readers' side.
pub(crate) struct Sadb {
    map: Map<Sa>,
    usable: Usable,
}

impl Sadb {
    /// The SA called `said`. Any context.
    #[inline]
    pub(crate) fn get<'g>(&'g self, said: &Said, guard: &'g Guard) -> Option<&'g Arc<Sa>> {
        self.map.get(said, guard)
    }

    /// The SA for a template of a policy: of those that fit the newest that is mature, or else the newest that is dying. Any
    /// context.
    #[inline]
    pub(crate) fn usable<'g>(&'g self, need: &Need, guard: &'g Guard) -> Option<&'g Arc<Sa>> {
        self.usable.find(need, guard)
    }
}

/// Orders the listing: bucket of the classic hash, newest first within it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    bucket: u32,
    age: Reverse<u64>,
}

impl Place {
    fn new(said: &Said, serial: u64) -> Self {
        let spi = u32::from_ne_bytes(said.spi.to_be_bytes());
        let dst = match said.dst {
            IpAddr::V4(a) => u32::from_ne_bytes(a.octets()),
            IpAddr::V6(_) => 0,
        };
        let sum = spi
            .wrapping_add(dst)
            .wrapping_add(u32::from(said.proto.ip_proto()));
        Self {
            bucket: sum % 257,
            age: Reverse(serial),
        }
    }
}

struct Listed {
    sa: Arc<Sa>,
}

/// The writer's side, under the namespace's mutex.
pub(crate) struct SadbWriter {
    map: MapWriter<Sa>,
    usable: UsableWriter,
    listing: RBTree<Place, Listed>,
    /// SAs that time ends, by when it may.
    deadlines: RBTree<(u64, Said), ()>,
    /// There was no memory for a deadline, or for the names of an SA that got another one.
    is_behind: bool,
    serial: u64,
    /// Reference numbers in use, and where in the listing their SAs are.
    refs: RBTree<u32, Place>,
    saref: u32,
    large_ref: u32,
    yard: Arc<Graveyard>,
}

/// Reference numbers from 1 to this fit into a mark.
pub(crate) const SMALL_REFS: u32 = 0x7ffe;

/// Makes an empty database. Process context.
pub(crate) fn new(yard: &Arc<Graveyard>) -> Result<(Sadb, SadbWriter)> {
    let (map, writer) = new_map(yard.clone())?;
    let (usable, usable_writer) = usable::new(yard)?;
    Ok((
        Sadb { map, usable },
        SadbWriter {
            map: writer,
            usable: usable_writer,
            listing: RBTree::new(),
            deadlines: RBTree::new(),
            is_behind: false,
            serial: 0,
            refs: RBTree::new(),
            saref: 0,
            large_ref: SMALL_REFS + 1,
            yard: yard.clone(),
        },
    ))
}

impl SadbWriter {
    /// The SA called `said`.
    pub(crate) fn get(&self, said: &Said) -> Option<Arc<Sa>> {
        self.map.get(said)
    }

    /// A reference number that no SA has: small, as long as there are small ones, because marks hold 15 bits.
    pub(crate) fn new_saref(&mut self) -> u32 {
        let small = self.map.len() < SMALL_REFS as usize / 2;
        if small {
            for _ in 0..SMALL_REFS {
                self.saref = self.saref % SMALL_REFS + 1;
                if self.refs.get(&self.saref).is_none() {
                    return self.saref;
                }
            }
        }
        self.large_ref = self.large_ref.wrapping_add(1).max(SMALL_REFS + 2);
        self.large_ref
    }

    /// Whether an SA has this reference number.
    pub(crate) fn has_saref(&self, saref: u32) -> bool {
        self.refs.get(&saref).is_some()
    }

    /// Puts a new SA in. The caller has made sure that its name is free. All or nothing.
    pub(crate) fn insert(&mut self, sa: Arc<Sa>) -> Result {
        let place = Place::new(&sa.said(), self.serial);
        let entry = MapWriter::prepare(sa.clone())?;
        let reference = RBTreeNode::new(sa.fixed.saref, place, GFP_KERNEL)?;
        let usable = match usable::is_named(&sa) {
            true => Some(self.usable.prepare(&sa, None)?),
            false => None,
        };
        let listed = RBTreeNode::new(place, Listed { sa }, GFP_KERNEL)?;
        self.serial = self.serial.wrapping_add(1);
        self.refs.insert(reference);
        self.listing.insert(listed);
        self.map.put(entry);
        if let Some(usable) = usable {
            self.usable.put(usable, None);
        }
        Ok(())
    }

    /// Notes when time may end `sa`, if it is in the database; without memory, when the worker catches up.
    ///
    /// Returns whether that is before anything that was noted already.
    pub(crate) fn set_deadline(&mut self, sa: &Arc<Sa>, now: u64) -> bool {
        let said = sa.said();
        if let Some(at) = sa.take_deadline() {
            self.deadlines.remove(&(at, said));
        }
        let Some(at) = sa.next_deadline(now) else {
            return false;
        };
        let there = self.map.get(&said);
        if !there.is_some_and(|there| Arc::ptr_eq(&there, sa)) {
            return false;
        }
        // Never at once again: a limit that cannot be found exceeded yet is looked at in a second.
        let at = at.max(now.saturating_add(1));
        let first = self.first_deadline();
        let noted = self
            .deadlines
            .try_create_and_insert((at, said), (), GFP_KERNEL);
        if noted.is_err() {
            self.is_behind = true;
            return true;
        }
        sa.set_deadline(Some(at));
        first.is_none_or(|first| at < first)
    }

    /// Whether there is something that there was no memory for, and that the worker is to make up for.
    pub(crate) fn is_behind(&self) -> bool {
        self.is_behind || self.usable.is_behind()
    }

    /// Makes up for what there was no memory for, which takes a look at all SAs; for what there is none again next time.
    pub(crate) fn catch_up(&mut self, now: u64) {
        self.usable.catch_up();
        if !core::mem::take(&mut self.is_behind) {
            return;
        }
        let mut last = None;
        while let Some(place) = self.next_place(last.as_ref()) {
            last = Some(place);
            let Some(sa) = self.at(&place) else { continue };
            if !sa.has_deadline() {
                self.set_deadline(&sa, now);
            }
            if !self.usable.is_complete(&sa) {
                self.is_behind |= self.usable.enter(&sa).is_err();
            }
        }
    }

    /// An SA whose deadline has come; it has none any more.
    pub(crate) fn due(&mut self, now: u64) -> Option<Arc<Sa>> {
        loop {
            let (at, said) = *self.deadlines.cursor_front()?.current().0;
            if at > now {
                return None;
            }
            self.deadlines.remove(&(at, said));
            if let Some(sa) = self.map.get(&said) {
                sa.set_deadline(None);
                return Some(sa);
            }
        }
    }

    /// When the next SA may be due, or there is something to make up for.
    pub(crate) fn first_deadline(&self) -> Option<u64> {
        if self.is_behind() {
            return Some(0);
        }
        self.deadlines.cursor_front().map(|c| c.current().0 .0)
    }

    /// Puts `new` in place of the SA of the same name, in one step for packets; it inherits group and policy, and has the
    /// reference number of that.
    ///
    /// `goes_on`: it has the old one's key, and counts on from where that stops.
    pub(crate) fn replace(&mut self, new: Arc<Sa>, goes_on: bool) -> Result {
        let said = new.said();
        let old = self.map.get(&said).ok_or(ENOENT)?;
        let entry = MapWriter::prepare(new.clone())?;
        let next = self.successor(&old).map(Rcu::prepare).transpose()?;
        let prev = old.prev().and_then(|prev| self.map.get(&prev));
        let link = prev
            .as_ref()
            .map(|_| Rcu::prepare(new.clone()))
            .transpose()?;
        let policy = {
            let guard = kernel::sync::rcu::read_lock();
            old.policy.read(&guard).copied()
        };
        let policy = policy.map(Rcu::prepare).transpose()?;
        let usable = self.usable.prepare(&new, Some(&old))?;
        let place = *self.refs.get(&old.fixed.saref).ok_or(ENOENT)?;
        new.next.publish(next, &self.yard);
        new.policy.publish(policy, &self.yard);
        new.set_prev(old.prev());
        if goes_on {
            // From here on packets that still hold the old SA are refused: between it and the new one no number is used
            // twice.
            new.resume(old.hand_over());
        }
        self.map.put(entry);
        self.usable.put(usable, Some(&old));
        if let Some(prev) = prev {
            prev.next.publish(link, &self.yard);
        }
        if let Some(listed) = self.listing.get_mut(&place) {
            listed.sa = new;
        }
        if let Some(at) = old.take_deadline() {
            self.deadlines.remove(&(at, said));
        }
        // The old SA keeps its link: a packet that holds it must not find its group shorter.
        Ok(())
    }

    fn take(&mut self, sa: &Arc<Sa>) {
        sa.kill();
        let said = sa.said();
        self.map.remove(&said);
        self.usable.remove(sa);
        if let Some(at) = sa.take_deadline() {
            self.deadlines.remove(&(at, said));
        }
        if let Some(place) = self.refs.remove(&sa.fixed.saref) {
            self.listing.remove(&place);
        }
        // The link to the next SA stays: a packet that reads the chain while the group goes must not find it shorter.
        sa.set_prev(None);
    }

    /// Removes every SA that `wanted` says yes to; an SA takes its group with it.
    pub(crate) fn flush(&mut self, mut wanted: impl FnMut(&Sa) -> bool) {
        let mut last = None;
        while let Some(place) = self.next_place(last.as_ref()) {
            last = Some(place);
            let sa = self.at(&place).filter(|sa| wanted(sa));
            if let Some(sa) = sa {
                self.remove_group(&sa.said());
            }
        }
    }

    /// Sets the inbound policy of a tunnel.
    pub(crate) fn set_policy(&self, sa: &Sa, policy: Prepared<Policy>) {
        sa.policy.publish(Some(policy), &self.yard);
    }

    /// The place after `last` in the listing, or the first.
    pub(crate) fn next_place(&self, last: Option<&Place>) -> Option<Place> {
        after(&self.listing, last)
    }

    /// The SA at `place`, if it is still there.
    pub(crate) fn at(&self, place: &Place) -> Option<Arc<Sa>> {
        self.listing.get(place).map(|listed| listed.sa.clone())
    }
}
