// SPDX-License-Identifier: GPL-2.0-only

//! A hash table whose readers take no lock and whose one writer replaces entries atomically.
//!
//! [`Map`] is the readers' handle, [`MapWriter`] the only writer's: it is not `Clone` and wants `&mut`, so whoever owns it
//! (behind a mutex) is alone. Readers need an RCU guard and see an entry wholly or not at all.

use super::{
    rcu::{GracePeriod, Graveyard, Node, Rcu},
    zeroed::zeroed,
};
use core::{
    ptr,
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};
use kernel::{
    prelude::*,
    sync::{rcu, rcu::Guard, Arc},
};

/// A value that knows its key.
pub(crate) trait Keyed: Send + Sync {
    /// The key; cheap to compare.
    type Key: Copy + Eq;
    /// What an entry keeps of the key, and looks at before it looks at the value; small.
    type Tag: Copy + Eq + Send + Sync;
    /// The value's key; must never change.
    fn key(&self) -> Self::Key;
    /// A hash whose low bits are well mixed.
    fn hash(key: &Self::Key) -> u64;
    /// The tag of a key with this hash.
    fn tag(key: &Self::Key, hash: u64) -> Self::Tag;
    /// Whether the value, which has the key's tag, has the key.
    #[inline]
    fn has_key(&self, key: &Self::Key) -> bool {
        self.key() == *key
    }
}

struct Entry<V: Keyed> {
    tag: V::Tag,
    /// The next one in its chain, for tables of either side.
    next: [Link<V>; 2],
    value: Arc<V>,
}

type Link<V> = AtomicPtr<Node<Entry<V>>>;

/// The link that points at an entry, and the entry.
type Found<'b, V> = (&'b Link<V>, NonNull<Node<Entry<V>>>);

/// What a key is found by.
struct Wanted<'k, V: Keyed> {
    key: &'k V::Key,
    hash: u64,
    tag: V::Tag,
}

impl<'k, V: Keyed> Wanted<'k, V> {
    #[inline]
    fn new(key: &'k V::Key) -> Self {
        let hash = V::hash(key);
        let tag = V::tag(key, hash);
        Self { key, hash, tag }
    }
}

impl<V: Keyed> Entry<V> {
    #[inline]
    fn is(&self, wanted: &Wanted<'_, V>) -> bool {
        self.tag == wanted.tag && self.value.has_key(wanted.key)
    }

    /// The link that chains of this side go on by.
    #[inline]
    fn next(&self, side: Side) -> &Link<V> {
        let [first, second] = &self.next;
        match side {
            Side::First => first,
            Side::Second => second,
        }
    }
}

/// Which of an entry's links the chains of a table are made of.
///
/// A table that takes another one's place uses the other links: entries stand in both, and readers who are still in the old
/// one walk its chains to the end. There are never more than two with readers.
#[derive(Clone, Copy)]
enum Side {
    First,
    Second,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

struct Buckets<V: Keyed> {
    /// The count is a power of two.
    heads: KVVec<Link<V>>,
    side: Side,
    /// The entries are this table's. Not any more when another one has taken its place.
    owns: AtomicBool,
}

// SAFETY: The pointers are to nodes of `Send + Sync` contents that are shared by the rules of this module.
unsafe impl<V: Keyed> Send for Buckets<V> {}
// SAFETY: As above.
unsafe impl<V: Keyed> Sync for Buckets<V> {}

const MIN_BUCKETS: usize = 64;

impl<V: Keyed> Buckets<V> {
    fn new(count: usize, side: Side) -> Result<Self> {
        Ok(Self {
            heads: zeroed(count)?,
            side,
            owns: AtomicBool::new(true),
        })
    }

    /// The head of the chain for `hash`.
    #[inline]
    fn head(&self, hash: u64) -> Option<&Link<V>> {
        let mask = self.heads.len().wrapping_sub(1);
        self.heads.get(hash as usize & mask)
    }

    /// Puts an entry in front of its chain.
    fn link(&self, node: NonNull<Node<Entry<V>>>, hash: u64) {
        if let Some(head) = self.head(hash) {
            // SAFETY: The caller's node is live, and on this side nobody is at it yet.
            let entry = unsafe { &(*node.as_ptr()).value };
            let first = head.load(Ordering::Relaxed);
            entry.next(self.side).store(first, Ordering::Relaxed);
            head.store(node.as_ptr(), Ordering::Release);
        }
    }

    /// The entry for a key, under the read lock.
    #[inline]
    fn find<'g>(&'g self, wanted: &Wanted<'_, V>, _guard: &'g Guard) -> Option<&'g Arc<V>> {
        let mut link = self.head(wanted.hash)?;
        loop {
            // SAFETY: A node reached under the read lock lives until a grace period after it was unlinked. `Acquire`
            // makes its contents visible.
            let node = unsafe { link.load(Ordering::Acquire).as_ref() }?;
            if node.value.is(wanted) {
                return Some(&node.value.value);
            }
            link = node.value.next(self.side);
        }
    }

    /// The link that points at the entry for a key, and the entry. The writer's alone.
    fn find_link(&self, wanted: &Wanted<'_, V>) -> Option<Found<'_, V>> {
        let mut link = self.head(wanted.hash)?;
        loop {
            let node = NonNull::new(link.load(Ordering::Relaxed))?;
            // SAFETY: Linked nodes are live, and only the writer unlinks.
            let entry = unsafe { &(*node.as_ptr()).value };
            if entry.is(wanted) {
                return Some((link, node));
            }
            link = entry.next(self.side);
        }
    }
}

impl<V: Keyed> Drop for Buckets<V> {
    fn drop(&mut self) {
        if !*self.owns.get_mut() {
            return;
        }
        let side = self.side;
        for link in self.heads.iter_mut() {
            let mut next = *link.get_mut();
            while let Some(node) = NonNull::new(next) {
                // SAFETY: The entries are this table's, and it is dropped only when no reader can reach it.
                let node = unsafe { KBox::from_raw(node.as_ptr()) };
                next = node.value.next(side).load(Ordering::Relaxed);
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
        self.0.read(guard)?.find(&Wanted::new(key), guard)
    }
}

/// The writer's handle. There is one for each map.
pub(crate) struct MapWriter<V: Keyed> {
    shared: Arc<Rcu<Buckets<V>>>,
    len: usize,
    buckets: usize,
    /// Until this is over there may be readers in the table before this one.
    moved: Option<GracePeriod>,
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
    let shared = Arc::new(
        Rcu::new(Buckets::new(MIN_BUCKETS, Side::First)?)?,
        GFP_KERNEL,
    )?;
    let writer = MapWriter {
        shared: shared.clone(),
        len: 0,
        buckets: MIN_BUCKETS,
        moved: None,
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
        buckets.find(&Wanted::new(key), &guard).cloned()
    }

    /// Allocates an entry for `value`.
    pub(crate) fn prepare(value: Arc<V>) -> Result<PreparedEntry<V>> {
        let key = value.key();
        let entry = Entry {
            tag: V::tag(&key, V::hash(&key)),
            next: [const { AtomicPtr::new(ptr::null_mut()) }; 2],
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
                self.resize(self.len);
            }
        }
        old
    }

    fn put_linked(&mut self, entry: PreparedEntry<V>) -> Option<Arc<V>> {
        let guard = rcu::read_lock();
        let buckets = self.shared.read(&guard)?;
        let key = entry.0.value.value.key();
        let wanted = Wanted::new(&key);
        let new = entry.0;
        let Some((link, old)) = buckets.find_link(&wanted) else {
            buckets.link(NonNull::new(KBox::into_raw(new))?, wanted.hash);
            return None;
        };
        // SAFETY: `old` is linked, hence live, while we are the only writer.
        let old_ref = unsafe { old.as_ref() };
        let rest = old_ref.value.next(buckets.side).load(Ordering::Relaxed);
        new.value.next(buckets.side).store(rest, Ordering::Relaxed);
        let value = old_ref.value.value.clone();
        link.store(KBox::into_raw(new), Ordering::Release);
        // SAFETY: Unlinked just now; it came from `KBox::into_raw`.
        unsafe { self.yard.bury(old) };
        Some(value)
    }

    /// Takes the entry under `key` out and returns its value. Cannot fail. Process context.
    pub(crate) fn remove(&mut self, key: &V::Key) -> Option<Arc<V>> {
        let value = {
            let guard = rcu::read_lock();
            let buckets = self.shared.read(&guard)?;
            let (link, old) = buckets.find_link(&Wanted::new(key))?;
            // SAFETY: `old` is linked, hence live, while we are the only writer.
            let old_ref = unsafe { old.as_ref() };
            let value = old_ref.value.value.clone();
            let rest = old_ref.value.next(buckets.side).load(Ordering::Relaxed);
            link.store(rest, Ordering::Release);
            // SAFETY: Unlinked just now; it came from `KBox::into_raw`.
            unsafe { self.yard.bury(old) };
            value
        };
        self.yard.advance();
        self.len = self.len.saturating_sub(1);
        if self.buckets > MIN_BUCKETS && self.len < self.buckets / 8 {
            self.resize(self.len.saturating_mul(2));
        }
        Some(value)
    }

    /// Rebuilds the table with `count` buckets, or a few more. The old one stays for now if it is short of memory, or has
    /// taken the place of another one just before: chains get longer, nothing is lost.
    fn resize(&mut self, count: usize) {
        if self.moved.as_ref().is_some_and(|moved| !moved.is_over()) {
            return;
        }
        let count = count.max(MIN_BUCKETS).next_power_of_two();
        if self.try_resize(count).is_ok() {
            self.buckets = count;
            self.moved = Some(GracePeriod::begin());
        }
    }

    fn try_resize(&mut self, count: usize) -> Result {
        let side = {
            let guard = rcu::read_lock();
            self.shared.read(&guard).ok_or(EINVAL)?.side
        };
        // No read lock is held here: allocating may sleep. The old table stays, as only this writer could replace it.
        let fresh = Rcu::prepare(Buckets::<V>::new(count, side.other())?)?;
        {
            let guard = rcu::read_lock();
            let old = self.shared.read(&guard).ok_or(EINVAL)?;
            for head in old.heads.iter() {
                let mut link = head;
                while let Some(node) = NonNull::new(link.load(Ordering::Relaxed)) {
                    // SAFETY: Linked nodes are live, and only this writer unlinks.
                    let entry = unsafe { &(*node.as_ptr()).value };
                    fresh.link(node, V::hash(&entry.value.key()));
                    link = entry.next(side);
                }
            }
            old.owns.store(false, Ordering::Relaxed);
        }
        self.shared.publish(Some(fresh), &self.yard);
        Ok(())
    }
}
