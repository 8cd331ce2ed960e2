// SPDX-License-Identifier: GPL-2.0-only

//! The eroute table: which packets go through which SA.
//!
//! Readers look one exact hash table up under each distinct mask (shape) in rank order; the order is
//! [`klips_core::eroute`]'s. The [`index`] spares them most of the shapes.
//!
//! The writer keeps the eroutes in listing order beside it. A replace is one pointer store: no packet sees neither the old
//! eroute nor the new one.

mod index;

use crate::{
    hold::{Hold, Pair},
    kapi::{
        rcu::Graveyard,
        rcu_map::{new_map, Keyed, Map, MapWriter},
    },
    listing::after,
    sadb::sa::Ident,
};
use core::sync::atomic::{AtomicU64, Ordering};
use index::{IndexWriter, Published};
use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNode},
    sync::{rcu::Guard, Arc},
};
use klips_core::{
    eroute::{Family, Key, Packed, Selector},
    pfkey::ext::Endpoint,
    said::{Said, Shunt},
};

/// What an eroute is made from.
#[derive(Clone)]
pub(crate) struct Spec {
    /// Where packets go.
    pub(crate) said: Said,
    /// Identities that an ACQUIRE tells.
    pub(crate) idents: Option<Arc<Idents>>,
}

/// The identities of both ends.
pub(crate) struct Idents {
    /// Of the source.
    pub(crate) src: Option<Ident>,
    /// Of the destination.
    pub(crate) dst: Option<Ident>,
}

/// An eroute.
pub(crate) struct Eroute {
    /// The packets it is about.
    pub(crate) selector: Selector,
    /// What becomes of them.
    pub(crate) spec: Spec,
    /// The packets that wait, if it is a hold.
    pub(crate) hold: Option<Hold>,
    /// The number of its record in the list of holds, if a trap made it.
    record: Option<u64>,
    count: AtomicU64,
}

impl Eroute {
    /// Counts one packet.
    #[inline]
    pub(crate) fn hit(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Packets that matched.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// What the hash table is indexed by: a masked key and its mask.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    key: Key,
    mask: Key,
}

impl Slot {
    fn of(selector: &Selector) -> Self {
        Self {
            key: selector.canonical(),
            mask: *selector.mask(),
        }
    }
}

impl Keyed for Eroute {
    type Key = Slot;
    type Tag = u64;

    #[inline]
    fn key(&self) -> Slot {
        Slot::of(&self.selector)
    }

    #[inline]
    fn hash(slot: &Slot) -> u64 {
        slot.key.hash64(slot.mask.seed())
    }

    #[inline]
    fn tag(_slot: &Slot, hash: u64) -> u64 {
        hash
    }
}

/// The readers' side.
pub(crate) struct Eroutes {
    map: Map<Eroute>,
    v4: Published<2>,
    v6: Published<5>,
}

impl Eroutes {
    /// The eroute for a packet. Any context.
    #[inline]
    pub(crate) fn lookup<'g>(&'g self, packet: &Key, guard: &'g Guard) -> Option<&'g Arc<Eroute>> {
        let probe = |key: &Key, mask: &Key| {
            self.map.get(
                &Slot {
                    key: *key,
                    mask: *mask,
                },
                guard,
            )
        };
        match packet.family {
            Family::V4 => self
                .v4
                .read(guard)?
                .find(packet, &Packed::v4(packet)?, probe),
            Family::V6 => self
                .v6
                .read(guard)?
                .find(packet, &Packed::v6(packet)?, probe),
        }
    }
}

/// The writer's side, under the namespace's mutex.
pub(crate) struct EroutesWriter {
    map: MapWriter<Eroute>,
    v4: IndexWriter<2>,
    v6: IndexWriter<5>,
    listing: RBTree<Selector, Arc<Eroute>>,
    /// Holds that traps made, oldest first.
    holds: RBTree<u64, HoldRecord>,
    next_hold: u64,
    hold_count: usize,
}

/// What is remembered of a hold that a trap made.
pub(crate) struct HoldRecord {
    /// The hold's selector.
    pub(crate) selector: Selector,
    /// The trap.
    pub(crate) trap: Arc<Eroute>,
    /// Source of the packet, for the ACQUIRE.
    pub(crate) src: Endpoint,
    /// Destination of the packet, for the ACQUIRE.
    pub(crate) dst: Endpoint,
    /// When it was made, seconds of uptime.
    pub(crate) made: u64,
    /// When key daemons were last asked.
    pub(crate) asked: u64,
}

/// Makes an empty table. Process context.
pub(crate) fn new(yard: &Arc<Graveyard>) -> Result<(Eroutes, EroutesWriter)> {
    let (map, writer) = new_map(yard.clone())?;
    let (v4, v4_writer) = IndexWriter::new(Packed::v4, yard)?;
    let (v6, v6_writer) = IndexWriter::new(Packed::v6, yard)?;
    Ok((
        Eroutes { map, v4, v6 },
        EroutesWriter {
            map: writer,
            v4: v4_writer,
            v6: v6_writer,
            listing: RBTree::new(),
            holds: RBTree::new(),
            next_hold: 0,
            hold_count: 0,
        },
    ))
}

impl EroutesWriter {
    /// Adds an eroute. All or nothing. `EEXIST` if there is one with the same key and mask.
    pub(crate) fn add(&mut self, selector: Selector, spec: Spec) -> Result {
        if self.map.get(&Slot::of(&selector)).is_some() {
            return Err(EEXIST);
        }
        self.put(selector, spec, None).map(|_| ())
    }

    /// Replaces the eroute with the same key and mask in one step, or adds it if there is none.
    ///
    /// Returns the packets that waited for this; the caller sends them once it holds no lock.
    pub(crate) fn replace(&mut self, selector: Selector, spec: Spec) -> Result<Pair> {
        let old = self.put(selector, spec, None)?;
        Ok(self.retire(old))
    }

    fn put(
        &mut self,
        selector: Selector,
        spec: Spec,
        record: Option<u64>,
    ) -> Result<Option<Arc<Eroute>>> {
        let hold = match spec.said.shunt() {
            Some(Shunt::Hold) => Some(Hold::new(Pair::default())?),
            _ => None,
        };
        let eroute = Arc::new(
            Eroute {
                selector,
                spec,
                hold,
                record,
                count: AtomicU64::new(0),
            },
            GFP_KERNEL,
        )?;
        let entry = MapWriter::prepare(eroute.clone())?;
        let node = RBTreeNode::new(selector, eroute, GFP_KERNEL)?;
        self.enter(&selector)?;
        let old = self.map.put(entry);
        if let Some(old) = &old {
            // The same key and mask may have been written with other host bits.
            self.listing.remove(&old.selector);
            self.leave(old.selector.mask());
        }
        self.listing.insert(node);
        Ok(old)
    }

    /// Takes what waited in an eroute that is no longer in the table.
    fn retire(&mut self, old: Option<Arc<Eroute>>) -> Pair {
        let Some(old) = old else {
            return Pair::default();
        };
        if let Some(record) = old.record {
            if self.holds.remove(&record).is_some() {
                self.hold_count -= 1;
            }
        }
        old.hold.as_ref().map_or(Pair::default(), Hold::close)
    }

    /// Deletes the eroute with exactly this key and mask. Returns the packets that waited; they are lost.
    ///
    /// `ENOENT`: the key is there under other masks only; `EFAULT`: it is not there at all.
    pub(crate) fn delete(&mut self, selector: &Selector) -> Result<Pair> {
        let Some(old) = self.map.remove(&Slot::of(selector)) else {
            return Err(if self.has_key(selector.key()) {
                ENOENT
            } else {
                EFAULT
            });
        };
        self.listing.remove(&old.selector);
        self.leave(old.selector.mask());
        Ok(self.retire(Some(old)))
    }

    /// The eroute with this key and mask.
    pub(crate) fn get(&self, selector: &Selector) -> Option<Arc<Eroute>> {
        self.map.get(&Slot::of(selector))
    }

    /// Makes a hold in the place that a trap wants, remembering what sprang it. All or nothing.
    pub(crate) fn make_hold(&mut self, selector: Selector, sprung: HoldRecord) -> Result {
        let spec = Spec {
            said: Said::from_shunt(Shunt::Hold),
            ..sprung.trap.spec.clone()
        };
        let number = self.next_hold;
        let record = RBTreeNode::new(number, sprung, GFP_KERNEL)?;
        let old = self.put(selector, spec, Some(number))?;
        self.next_hold = number.wrapping_add(1);
        self.holds.insert(record);
        self.hold_count += 1;
        // A trap that becomes a hold itself has no packets.
        self.retire(old);
        Ok(())
    }

    /// How many holds were made by traps.
    pub(crate) fn holds(&self) -> usize {
        self.hold_count
    }

    /// The oldest hold that a trap made, after record `last`.
    pub(crate) fn next_hold(&mut self, last: Option<u64>) -> Option<(u64, &mut HoldRecord)> {
        let from = last.map_or(0, |n| n.wrapping_add(1));
        let cursor = self.holds.cursor_lower_bound(&from)?;
        let number = *cursor.current().0;
        self.holds.get_mut(&number).map(|record| (number, record))
    }

    /// Ends a hold that a trap made: it goes, or becomes the trap that it was. Returns the packets that it loses.
    pub(crate) fn end_hold(&mut self, number: u64) -> Pair {
        let Some(record) = self.holds.get(&number) else {
            return Pair::default();
        };
        let (selector, trap) = (record.selector, record.trap.clone());
        if selector.same(&trap.selector) {
            if let Ok(pair) = self.replace(trap.selector, trap.spec.clone()) {
                return pair;
            }
        }
        self.delete(&selector).unwrap_or_default()
    }

    fn has_key(&self, key: &Key) -> bool {
        // The most specific mask sorts first under a key.
        let ones = Key {
            family: key.family,
            src: u128::MAX,
            dst: u128::MAX,
            proto: u8::MAX,
            sport: u16::MAX,
            dport: u16::MAX,
        };
        Selector::new(*key, ones)
            .and_then(|first| {
                self.listing
                    .cursor_lower_bound(&first)
                    .map(|c| c.current().0.key() == key)
            })
            .unwrap_or(false)
    }

    /// Deletes all eroutes. Returns how many packets waited; they are lost.
    pub(crate) fn clear(&mut self) -> usize {
        // Packets find nothing from here on, whatever is still being taken apart.
        self.v4.clear();
        self.v6.clear();
        let mut lost = 0;
        while let Some(selector) = self.next(None) {
            if let Some(old) = self.listing.remove(&selector) {
                self.map.remove(&old.key());
                lost += self.retire(Some(old)).len();
            }
        }
        lost
    }

    fn enter(&mut self, selector: &Selector) -> Result {
        let family = selector.mask().family;
        let all = self.listing.keys().filter(|s| s.mask().family == family);
        match family {
            Family::V4 => self.v4.enter(selector, all),
            Family::V6 => self.v6.enter(selector, all),
        }
    }

    fn leave(&mut self, mask: &Key) {
        match mask.family {
            Family::V4 => self.v4.leave(mask),
            Family::V6 => self.v6.leave(mask),
        }
    }

    /// The selector after `last` in the listing, or the first.
    pub(crate) fn next(&self, last: Option<&Selector>) -> Option<Selector> {
        after(&self.listing, last)
    }

    /// The eroute of exactly this selector, host bits included.
    pub(crate) fn at(&self, selector: &Selector) -> Option<Arc<Eroute>> {
        self.listing.get(selector).cloned()
    }
}
