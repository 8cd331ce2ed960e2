// SPDX-License-Identifier: GPL-2.0-only

//! Replay windows of every size against a set of everything that was ever seen.

use klips_core::sa::{Replay, Window};
use klips_core_tests::replay::Model;
use klips_core_tests::Rng;

/// The bytes choose the window and the numbers.
pub fn run(input: &[u8]) {
    let mut choices = Rng::of(input);
    let size = match choices.below(4) {
        0 => choices.below(u64::from(Window::NARROW_SIZE) + 1),
        _ => choices.below(u64::from(Window::MAX_SIZE) + 1),
    } as u16;
    let extended = choices.one_in(2);
    // A caller may have more memory than is needed, and it need not be clean.
    let mut ring = vec![!0; Replay::<Vec<u64>>::words(size) + choices.below(3) as usize];
    let mut replay = Replay::new(size, Some(&mut ring[..])).expect("a size that there is");
    if extended {
        replay.extend();
    }
    let mut model = Model::new(size);
    let mut last = match choices.below(4) {
        0 => u64::from(u32::MAX) - choices.below(300),
        1 => choices.bits() >> choices.below(64),
        _ => 1,
    };
    while choices.has_more() {
        last = received(&mut replay, &mut model, number(&mut choices, last, size));
    }
    let head = replay.head();
    for age in 0..u64::from(size).min(64).min(head.last()) {
        let bit = (head.bitmap() >> age) & 1 == 1;
        assert_eq!(bit, model.seen.contains(&(head.last() - age)), "{age}");
    }
}

/// A number near the newest one, mostly.
fn number(choices: &mut Rng, last: u64, size: u16) -> u64 {
    let reach = u64::from(size) + 70;
    match choices.below(8) {
        0 => last.saturating_add(choices.below(3 * reach)),
        1 | 2 => last.saturating_add(choices.below(5)),
        3 | 4 => last.saturating_sub(choices.below(70)),
        5 => choices.bits() >> choices.below(64),
        _ => last.saturating_sub(choices.below(reach)),
    }
}

/// One packet with this number; where the window stands then.
fn received(replay: &mut Replay<&mut [u64]>, model: &mut Model, number: u64) -> u64 {
    let before = replay.head();
    let wanted = model.accepts(number);
    assert_eq!(replay.check(number).is_ok(), wanted, "{number}");
    assert_eq!(replay.head(), before);
    // What the peer meant by the half that is on the wire.
    let meant = replay.whole(number as u32);
    // Behind the last number of all there is none to be meant.
    assert!(meant as u32 == number as u32 || meant == u64::MAX);
    let size = u64::from(before.size());
    let is_near = number > before.last().saturating_sub(size)
        && number - before.last().saturating_sub(size) < 1 << 32;
    if before.is_extended() && size != 0 && is_near {
        assert_eq!(meant, number);
    }
    assert_eq!(replay.advance(number).is_ok(), wanted, "{number}");
    if wanted {
        model.record(number);
    } else {
        assert_eq!(replay.head(), before);
    }
    let head = replay.head();
    assert_eq!(
        (head.last(), head.max_seq_diff()),
        (model.last, model.skipped)
    );
    head.last()
}
