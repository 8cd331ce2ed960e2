// SPDX-License-Identifier: GPL-2.0-only

//! The replay window against a set of everything that was ever seen.

use klips_core::sa::{Replay, Window};
use klips_core_tests::replay::Model;
use klips_core_tests::Rng;
use std::collections::HashSet;

/// A number near the newest one, mostly.
fn next(rng: &mut Rng, last: u64) -> u64 {
    match rng.below(20) {
        0 => u64::from(rng.bits() as u32),
        1 => last.saturating_add(rng.below(200)),
        2 => last.saturating_sub(rng.below(200)),
        3..=9 => last.saturating_add(rng.below(5)),
        _ => last.saturating_sub(rng.below(66)),
    }
}

fn run(seed: u64, size: u16, start: u64, steps: u32) {
    let mut rng = Rng::new(seed);
    let mut window = Window::new(size).unwrap();
    let mut model = Model::new(size);
    for step in 0..steps {
        let seq = if step == 0 {
            start
        } else {
            next(&mut rng, model.last.max(1))
        };
        let wanted = model.accepts(seq);
        let before = window;
        assert_eq!(
            window.check(seq).is_ok(),
            wanted,
            "seed {seed} size {size} step {step} seq {seq}"
        );
        // Some packets pass the check and then fail their ICV: they must leave no trace.
        if rng.one_in(4) {
            assert_eq!(window, before);
            continue;
        }
        assert_eq!(
            window.advance(seq).is_ok(),
            wanted,
            "seed {seed} size {size} step {step} seq {seq}"
        );
        if wanted {
            model.record(seq);
        } else {
            assert_eq!(window, before, "a refused packet changed the window");
        }
        let shown = if size == 0 { 0 } else { model.last };
        assert_eq!(
            (window.last(), window.max_seq_diff()),
            (shown, model.skipped)
        );
    }
}

#[test]
fn every_size_agrees_with_the_set() {
    for size in 0..=Window::NARROW_SIZE {
        for seed in 0..4 {
            run(seed, size, 1, 1500);
        }
    }
}

#[test]
fn near_the_end_of_the_numbers() {
    for size in [1, 31, 32, 33, 63, 64] {
        for seed in 10..14 {
            run(seed, size, u64::from(u32::MAX) - 300, 2000);
        }
    }
}

#[test]
fn bitmap_is_what_was_seen() {
    for seed in 20..30 {
        let mut rng = Rng::new(seed);
        let mut window = Window::new(64).unwrap();
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            let seq = window.last().max(64).saturating_add(rng.below(3)) - rng.below(60);
            if window.advance(seq).is_ok() {
                seen.insert(seq);
            }
            for age in 0..64_u64 {
                let bit = (window.bitmap() >> age) & 1 == 1;
                let seq = window.last().wrapping_sub(age);
                assert_eq!(bit, seen.contains(&seq), "seed {seed} age {age}");
            }
        }
    }
}

/// A number somewhere in or around a window of `size`.
fn next_wide(rng: &mut Rng, last: u64, size: u16) -> u64 {
    let reach = u64::from(size) + 70;
    match rng.below(40) {
        0 => u64::from(rng.bits() as u32),
        1 => last.saturating_add(rng.below(3 * reach)),
        2..=12 => last.saturating_add(rng.below(5)),
        13..=20 => last.saturating_sub(rng.below(70)),
        _ => last.saturating_sub(rng.below(reach)),
    }
}

fn run_wide(seed: u64, size: u16, start: u64, spare: usize) {
    let mut rng = Rng::new(seed);
    let words = Replay::<Vec<u64>>::words(size);
    // A caller may have more memory than is needed, and it need not be clean.
    let mut ring = vec![!0; words + spare];
    let mut replay = Replay::new(size, Some(&mut ring[..])).unwrap();
    let mut model = Model::new(size);
    for step in 0..3000 {
        let seq = if step == 0 {
            start
        } else {
            next_wide(&mut rng, model.last.max(1), size)
        };
        // Jumps through the whole space would leave nothing to test.
        if seq > model.last.max(start).saturating_add(100_000) {
            continue;
        }
        let wanted = model.accepts(seq);
        let what = format!("seed {seed} size {size} step {step} seq {seq}");
        assert_eq!(replay.check(seq).is_ok(), wanted, "{what}");
        if rng.one_in(8) {
            continue;
        }
        let before = replay.head();
        assert_eq!(replay.advance(seq).is_ok(), wanted, "{what}");
        if wanted {
            model.record(seq);
        } else {
            assert_eq!(replay.head(), before, "{what}");
        }
        let head = replay.head();
        assert_eq!(
            (head.size(), head.last(), head.max_seq_diff()),
            (size, model.last, model.skipped)
        );
        for age in (0..64_u64).filter(|age| *age < head.last()) {
            let bit = (head.bitmap() >> age) & 1 == 1;
            assert_eq!(bit, model.seen.contains(&(head.last() - age)), "{what}");
        }
    }
}

#[test]
fn wide_windows_agree_with_the_set() {
    for size in [
        65, 66, 100, 127, 128, 129, 192, 255, 256, 1000, 1024, 4095, 4096,
    ] {
        for seed in 30..34 {
            run_wide(seed, size, 1, 0);
            run_wide(seed, size, 70_000, seed as usize);
            run_wide(seed, size, u64::from(u32::MAX) - 3000, 0);
        }
    }
}

#[test]
fn every_number_of_a_wide_window_is_taken_once() {
    for size in [65_u16, 200, 4096] {
        let ring = vec![0; Replay::<Vec<u64>>::words(size)];
        let mut replay = Replay::new(size, Some(ring)).unwrap();
        let newest = 3 * u64::from(size) + 17;
        replay.advance(newest).unwrap();
        let oldest = newest - u64::from(size) + 1;
        for seq in oldest..newest {
            assert!(replay.advance(seq).is_ok(), "{size} {seq}");
        }
        for seq in oldest..=newest {
            assert!(replay.advance(seq).is_err(), "{size} {seq}");
        }
        assert!(replay.check(oldest - 1).is_err());
    }
}
