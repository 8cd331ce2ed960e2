// SPDX-License-Identifier: GPL-2.0-only

//! A hash table whose readers take no lock and whose one writer replaces entries atomically.
//!
//! [`Map`] is the readers' handle, [`MapWriter`] the only writer's: it is not `Clone` and wants `&mut`, so whoever owns it
//! (behind a mutex) is alone. Readers need an RCU guard and see an entry wholly or not at all.

use super::{
    rcu::{Graveyard, Node, Rcu},
    zeroed::zeroed,
};
use core::{
    ptr,
    ptr::NonNull,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{
    prelude::*,
    sync::{rcu, rcu::Guard, Arc},
};

/// A value that knows its key.
pub(crate) trait Keyed: Send + Sync {
    /// The key; small and cheap to compare.
    type Key: Copy + Eq + Send + Sync;
    /// The value's key; must never change.
    fn key(&self) -> Self::Key;
    /// A hash whose low bits are well mixed.
    fn hash(key: &Self::Key) -> u64;
}

struct Entry<V: Keyed> {
    key: V::Key,
    next: AtomicPtr<Node<Entry<V>>>,
    value: Arc<V>,
}

type Link<V> = AtomicPtr<Node<Entry<V>>>;

/// The link that points at an entry, and the entry.
type Found<'b, V> = (&'b Link<V>, NonNull<Node<Entry<V>>>);

struct Buckets<V: Keyed>(KVVec<Link<V>>);

// SAFETY: The pointers are to nodes of `Send + Sync` contents that are shared by the rules of this module.
unsafe impl<V: Keyed> Send for Buckets<V> {}
// SAFETY: As above.
unsafe impl<V: Keyed> Sync for Buckets<V> {}

const MIN_BUCKETS: usize = 64;

impl<V: Keyed> Buckets<V> {
    fn new(count: usize) -> Result<Self> {
        Ok(Self(zeroed(count)?))
    }

    /// The head of the chain for `hash`. The count is a power of two.
    #[inline]
    fn head(&self, hash: u64) -> Option<&Link<V>> {
        let mask = self.0.len().wrapping_sub(1);
        self.0.get(hash as usize & mask)
    }
}

impl<V: Keyed> Drop for Buckets<V> {
    fn drop(&mut self) {
        for link in self.0.iter_mut() {
            let mut next = *link.get_mut();
            while let Some(node) = NonNull::new(next) {
                // SAFETY: Chains own their nodes, and a table is dropped only when no reader can reach it.
                let mut node = unsafe { KBox::from_raw(node.as_ptr()) };
                next = *node.value.next.get_mut();
            }
        }
    }
}

/// The readers' handle.
pub(crate) struct Map<V: Keyed>(Arc<Rcu<Buckets<V>>>);

impl<V: Keyed> Map<V> {
    /// The value under `key`, if there is one. Any context; the reference lasts as long as the read lock.
    #[inline]
    pub(crate) fn get<'g>(&'g self, key: &V::Key, guard: &'g Guard) -> Option<&'g Arc<V>> {
        let buckets = self.0.read(guard)?;
        let mut link = buckets.head(V::hash(key))?;
        loop {
            // SAFETY: A node reached under the read lock lives until a grace period after it was unlinked. `Acquire`
            // makes its contents visible.
            let node = unsafe { link.load(Ordering::Acquire).as_ref() }?;
            if node.value.key == *key {
                return Some(&node.value.value);
            }
            link = &node.value.next;
        }
    }
}

/// The writer's handle. There is one for each map.
pub(crate) struct MapWriter<V: Keyed> {
    shared: Arc<Rcu<Buckets<V>>>,
    len: usize,
    buckets: usize,
    yard: Arc<Graveyard>,
}

/// An entry with its memory allocated, so that inserting it cannot fail.
pub(crate) struct PreparedEntry<V: Keyed>(KBox<Node<Entry<V>>>);

// SAFETY: Contents are `Send + Sync`; the pointer inside is null until the entry is linked.
unsafe impl<V: Keyed> Send for Entry<V> {}
// SAFETY: As above.
unsafe impl<V: Keyed> Sync for Entry<V> {}

/// Makes an empty map. Process context; fails with `ENOMEM`.
pub(crate) fn new_map<V: Keyed>(yard: Arc<Graveyard>) -> Result<(Map<V>, MapWriter<V>)> {
    let shared = Arc::new(Rcu::new(Buckets::new(MIN_BUCKETS)?)?, GFP_KERNEL)?;
    let writer = MapWriter {
        shared: shared.clone(),
        len: 0,
        buckets: MIN_BUCKETS,
        yard,
    };
    Ok((Map(shared), writer))
}

impl<V: Keyed> MapWriter<V> {
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value under `key`. Process context.
    pub(crate) fn get(&self, key: &V::Key) -> Option<Arc<V>> {
        let guard = rcu::read_lock();
        let buckets = self.shared.read(&guard)?;
        let mut link = buckets.head(V::hash(key))?;
        loop {
            // SAFETY: As in `Map::get`.
            let node = unsafe { link.load(Ordering::Acquire).as_ref() }?;
            if node.value.key == *key {
                return Some(node.value.value.clone());
            }
            link = &node.value.next;
        }
    }

    /// Allocates an entry for `value`.
    pub(crate) fn prepare(value: Arc<V>) -> Result<PreparedEntry<V>> {
        let entry = Entry {
            key: value.key(),
            next: AtomicPtr::new(ptr::null_mut()),
            value,
        };
        Ok(PreparedEntry(Node::new(entry)?))
    }

    /// Puts `entry` in; an entry under the same key is replaced in one step and returned. Cannot fail.
    pub(crate) fn put(&mut self, entry: PreparedEntry<V>) -> Option<Arc<V>> {
        let old = self.put_linked(entry);
        self.yard.advance();
        if old.is_none() {
            self.len = self.len.saturating_add(1);
            if self.len > self.buckets {
                self.resize(self.buckets.saturating_mul(2));
            }
        }
        old
    }

    fn put_linked(&mut self, entry: PreparedEntry<V>) -> Option<Arc<V>> {
        let guard = rcu::read_lock();
        let buckets = self.shared.read(&guard)?;
        let key = entry.0.value.key;
        let head = buckets.head(V::hash(&key))?;
        let new = entry.0;
        match Self::find_link(head, &key) {
            Some((link, old)) => {
                // SAFETY: `old` is linked, hence live, while we are the only writer.
                let old_ref = unsafe { old.as_ref() };
                new.value.next.store(
                    old_ref.value.next.load(Ordering::Relaxed),
                    Ordering::Relaxed,
                );
                let value = old_ref.value.value.clone();
                link.store(KBox::into_raw(new), Ordering::Release);
                // SAFETY: Unlinked just now; it came from `KBox::into_raw`.
                unsafe { self.yard.bury(old) };
                Some(value)
            }
            None => {
                new.value
                    .next
                    .store(head.load(Ordering::Relaxed), Ordering::Relaxed);
                head.store(KBox::into_raw(new), Ordering::Release);
                None
            }
        }
    }

    /// Takes the entry under `key` out and returns its value. Cannot fail. Process context.
    pub(crate) fn remove(&mut self, key: &V::Key) -> Option<Arc<V>> {
        let value = {
            let guard = rcu::read_lock();
            let buckets = self.shared.read(&guard)?;
            let (link, old) = Self::find_link(buckets.head(V::hash(key))?, key)?;
            // SAFETY: `old` is linked, hence live, while we are the only writer.
            let old_ref = unsafe { old.as_ref() };
            let value = old_ref.value.value.clone();
            link.store(
                old_ref.value.next.load(Ordering::Relaxed),
                Ordering::Release,
            );
            // SAFETY: Unlinked just now; it came from `KBox::into_raw`.
            unsafe { self.yard.bury(old) };
            value
        };
        self.yard.advance();
        self.len = self.len.saturating_sub(1);
        if self.buckets > MIN_BUCKETS && self.len < self.buckets / 8 {
            self.resize(self.buckets / 4);
        }
        Some(value)
    }

    /// The link that points at the entry under `key`, and the entry.
    fn find_link<'b>(head: &'b Link<V>, key: &V::Key) -> Option<Found<'b, V>> {
        let mut link = head;
        loop {
            let node = NonNull::new(link.load(Ordering::Relaxed))?;
            // SAFETY: Linked nodes are live, and only this writer unlinks.
            let entry = unsafe { &(*node.as_ptr()).value };
            if entry.key == *key {
                return Some((link, node));
            }
            link = &entry.next;
        }
    }

    /// Rebuilds the table with `count` buckets. Short of memory, the old one just stays: chains get longer, nothing is lost.
    fn resize(&mut self, count: usize) {
        let count = count.max(MIN_BUCKETS).next_power_of_two();
        if self.try_resize(count).is_ok() {
            self.buckets = count;
        }
    }

    fn try_resize(&mut self, count: usize) -> Result {
        let fresh = Buckets::<V>::new(count)?;
        // No read lock is held here: allocating may sleep. The old table stays, as only this writer could replace it.
        let guard = rcu::read_lock();
        let old: *const Buckets<V> = self.shared.read(&guard).ok_or(EINVAL)?;
        drop(guard);
        // SAFETY: The table is published by us alone and we do not publish another before the end of this function.
        for head in unsafe { &(*old).0 }.iter() {
            let mut link = head;
            // SAFETY: Linked nodes are live, and only this writer unlinks.
            while let Some(node) = unsafe { link.load(Ordering::Relaxed).as_ref() } {
                let copy = Self::prepare(node.value.value.clone())?.0;
                if let Some(head) = fresh.head(V::hash(&node.value.key)) {
                    copy.value
                        .next
                        .store(head.load(Ordering::Relaxed), Ordering::Relaxed);
                    head.store(KBox::into_raw(copy), Ordering::Relaxed);
                }
                link = &node.value.next;
            }
        }
        self.shared.publish(Some(Rcu::prepare(fresh)?), &self.yard);
        Ok(())
    }
}
