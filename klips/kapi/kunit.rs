// SPDX-License-Identifier: GPL-2.0-only

//! Tests of what only a running kernel can show, by KUnit: they run when the module is inserted into a kernel that has it.
//!
//! What needs no kernel is tested on the host, and what packets and requests show by `tests/netns`.

use super::{
    crypto::Secret,
    rcu::{Graveyard, Loan, Memo, Rcu},
    rcu_map::{new_map, Keyed, MapWriter},
};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use kernel::{prelude::*, sync::Arc};

/// Something whose end is counted.
struct Mortal {
    key: u32,
    generation: u32,
    ended: Arc<AtomicUsize>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Relaxed);
    }
}

impl Keyed for Mortal {
    type Key = u32;
    type Tag = u32;

    fn key(&self) -> u32 {
        self.key
    }

    /// Bad on purpose: sixteen keys share a chain.
    fn hash(key: &u32) -> u64 {
        u64::from(*key / 16)
    }

    fn tag(key: &u32, _hash: u64) -> u32 {
        *key
    }
}

/// Makes mortals and tells how many have ended.
struct Maker(Arc<AtomicUsize>);

impl Maker {
    fn new() -> Result<Self> {
        Ok(Self(Arc::new(AtomicUsize::new(0), GFP_KERNEL)?))
    }

    fn make(&self, key: u32, generation: u32) -> Mortal {
        Mortal {
            key,
            generation,
            ended: self.0.clone(),
        }
    }

    fn ended(&self) -> usize {
        self.0.load(Relaxed)
    }

    fn put(&self, writer: &mut MapWriter<Mortal>, key: u32, generation: u32) -> Result<bool> {
        let value = Arc::new(self.make(key, generation), GFP_KERNEL)?;
        let entry = MapWriter::prepare(value)?;
        Ok(writer.put(entry).is_some())
    }
}

fn yard() -> Result<Arc<Graveyard>> {
    Ok(Arc::new(Graveyard::new()?, GFP_KERNEL)?)
}

#[kunit_tests(klips_rcu)]
mod published {
    use super::*;
    use kernel::sync::rcu;

    #[test]
    fn what_is_replaced_ends_after_the_last_reader() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let cell = Rcu::new(maker.make(1, 1))?;
        let before = yard.epoch();
        {
            let guard = rcu::read_lock();
            assert!(cell.read(&guard).is_some_and(|it| it.generation == 1));
        }
        cell.publish(Some(Rcu::prepare(maker.make(1, 2))?), &yard);
        assert!(yard.epoch() > before);
        yard.flush();
        assert_eq!(maker.ended(), 1);
        let guard = rcu::read_lock();
        assert!(cell.read(&guard).is_some_and(|it| it.generation == 2));
        drop(guard);
        cell.publish(None, &yard);
        assert!(!cell.is_some());
        drop(yard);
        assert_eq!(maker.ended(), 2);
        Ok(())
    }

    #[test]
    fn a_reader_keeps_what_it_has_read() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let cell = Rcu::new(maker.make(1, 1))?;
        let next = Rcu::prepare(maker.make(1, 2))?;
        let guard = rcu::read_lock();
        let old = cell.read(&guard);
        cell.publish(Some(next), &yard);
        assert!(old.is_some_and(|it| it.generation == 1));
        assert_eq!(maker.ended(), 0);
        drop(guard);
        yard.flush();
        assert_eq!(maker.ended(), 1);
        Ok(())
    }

    #[test]
    fn a_memo_begins_no_epoch() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let memo = Memo::empty();
        let before = yard.epoch();
        memo.put(maker.make(1, 1), &yard);
        memo.put(maker.make(1, 2), &yard);
        {
            let guard = rcu::read_lock();
            assert!(memo.read(&guard).is_some_and(|it| it.generation == 2));
        }
        memo.forget(&yard);
        memo.forget(&yard);
        assert_eq!(yard.epoch(), before);
        yard.flush();
        assert_eq!(maker.ended(), 2);
        Ok(())
    }

    #[test]
    fn a_loan_that_is_the_last_reference_ends_in_the_yard() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let owner = Arc::new(maker.make(1, 1), GFP_KERNEL)?;
        let (first, second) = (Loan::new(&owner)?, Loan::new(&owner)?);
        first.give_back(&yard);
        drop(owner);
        assert!(second.get().is_some_and(|it| it.key == 1));
        assert_eq!(maker.ended(), 0);
        second.give_back(&yard);
        yard.flush();
        assert_eq!(maker.ended(), 1);
        Ok(())
    }
}

#[kunit_tests(klips_map)]
mod map {
    use super::*;
    use kernel::sync::rcu;

    const MANY: u32 = 5000;

    #[test]
    fn replacing_shows_the_new_value_and_ends_the_old_one() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let (map, mut writer) = new_map(yard.clone())?;
        assert!(!maker.put(&mut writer, 7, 1)?);
        assert!(!maker.put(&mut writer, 8, 1)?);
        assert!(maker.put(&mut writer, 7, 2)?);
        assert_eq!(writer.len(), 2);
        {
            let guard = rcu::read_lock();
            assert!(map.get(&7, &guard).is_some_and(|it| it.generation == 2));
            assert!(map.get(&8, &guard).is_some_and(|it| it.generation == 1));
            assert!(map.get(&9, &guard).is_none());
        }
        yard.flush();
        assert_eq!(maker.ended(), 1);
        assert!(writer.remove(&9).is_none());
        assert!(writer.remove(&8).is_some_and(|it| it.key == 8));
        yard.flush();
        assert_eq!(maker.ended(), 2);
        Ok(())
    }

    #[test]
    fn all_is_found_while_the_table_grows_and_shrinks() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let (map, mut writer) = new_map(yard.clone())?;
        let found = |to: u32| {
            let guard = rcu::read_lock();
            (0..MANY)
                .filter(|key| map.get(key, &guard).is_some())
                .count()
                == to as usize
        };
        for key in 0..MANY {
            maker.put(&mut writer, key, 1)?;
            // A table that is replaced waits for its readers before the next one is.
            if key % 512 == 0 {
                yard.flush();
                assert!(found(key + 1));
            }
        }
        assert!(found(MANY));
        for key in 0..MANY {
            assert!(writer.remove(&key).is_some());
            if key % 512 == 0 {
                yard.flush();
                assert!(found(MANY - key - 1));
            }
        }
        assert_eq!(writer.len(), 0);
        yard.flush();
        assert_eq!(maker.ended(), MANY as usize);
        Ok(())
    }

    #[test]
    fn a_table_that_goes_takes_its_values_along() -> Result {
        let (yard, maker) = (yard()?, Maker::new()?);
        let (map, mut writer) = new_map(yard.clone())?;
        for key in 0..100 {
            maker.put(&mut writer, key, 1)?;
        }
        drop(writer);
        drop(map);
        yard.flush();
        assert_eq!(maker.ended(), 100);
        Ok(())
    }
}

#[kunit_tests(klips_kapi)]
mod parts {
    use super::super::{
        crypto::{wipe, Mac},
        lock::{BhGuard, BhLock},
        percpu::Counters,
        raw,
        work::{Run, Worker},
    };
    use super::*;

    #[test]
    fn a_secret_takes_no_more_than_its_room() -> Result {
        let mut secret = Secret::with_capacity(8)?;
        secret.push(&[1; 8])?;
        // The allocator may have given more room than was asked for, but not a thousand bytes.
        assert!(secret.push(&[2; 1024]).is_err());
        assert_eq!(secret.expose(), &[1; 8]);
        Ok(())
    }

    #[test]
    fn wiping_leaves_zeros() {
        let mut bytes = [0xa5; 67];
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 67]);
    }

    #[test]
    fn what_differs_in_one_bit_is_not_the_same() {
        let a = [7; 16];
        for at in 0..16 {
            let mut b = a;
            b[at] ^= 0x80;
            assert!(!Mac::same(&a, &b));
        }
        assert!(Mac::same(&a, &[7; 16]));
        assert!(!Mac::same(&a, &[7; 15]));
    }

    #[test]
    fn a_lock_disables_bottom_halves_and_enables_them_again() -> Result {
        let lock = KBox::pin_init(BhLock::new(1), GFP_KERNEL)?;
        // SAFETY: No requirement.
        let disabled = || unsafe { raw::klips_bh_is_disabled() };
        assert!(!disabled());
        assert_eq!(
            lock.with(|it| (core::mem::replace(it, 2), disabled())),
            (1, true)
        );
        assert!(!disabled());
        let outer = BhGuard::new();
        assert_eq!(lock.with(|it| *it), 2);
        assert!(disabled());
        drop(outer);
        assert!(!disabled());
        Ok(())
    }

    #[test]
    fn counters_add_up_and_stay_within() -> Result {
        let counters = Counters::<3>::new()?;
        counters.add(0, 5);
        counters.add(2, u64::MAX);
        counters.add(2, 2);
        counters.add(3, 1);
        let sums = [0, 1, 2, 3].map(|at| counters.sum(at));
        assert_eq!(sums, [5, 0, 1, 0]);
        Ok(())
    }

    struct Runs(AtomicUsize);

    impl Run for Runs {
        fn run(&self) -> Option<u32> {
            self.0.fetch_add(1, Relaxed);
            None
        }
    }

    #[test]
    fn a_worker_has_run_when_it_was_waited_for() -> Result {
        let worker = Worker::new(Runs(AtomicUsize::new(0)))?;
        worker.flush();
        assert_eq!(worker.data().0.load(Relaxed), 0);
        worker.schedule();
        worker.flush();
        assert_eq!(worker.data().0.load(Relaxed), 1);
        Ok(())
    }
}
