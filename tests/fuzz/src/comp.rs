// SPDX-License-Identifier: GPL-2.0-only

//! IPComp: the header, when a payload is tried, and how packets grow on their way through bundles that have it.

use klips_core::addr::Family;
use klips_core::plan::{largest_inner, plan, Step, MAX_OUTER_LEN};
use klips_core::reason::Discard;
use klips_core::wire::comp::{is_worth_trying, worthwhile_len, Adaptive, CompHeader, HEADER_LEN};
use klips_core_tests::Rng;

/// The bytes are a payload, and then choices.
pub fn run(input: &[u8]) {
    header(input);
    let mut choices = Rng::of(input);
    planned(&mut choices);
    adapts(&mut choices);
}

fn header(payload: &[u8]) {
    match CompHeader::parse(payload) {
        Ok((header, rest)) => {
            let mut again = [0xa5; HEADER_LEN];
            header.write(&mut again).expect("room");
            assert_eq!((&again[..], rest), payload.split_at(HEADER_LEN));
        }
        Err(_) => assert!(payload.len() < HEADER_LEN || payload[1] != 0),
    }
    let len = payload.len();
    for proto in [4, 6, 17, 50, 51, 108] {
        if is_worth_trying(proto, len) {
            assert!(len >= 90 && !matches!(proto, 50 | 51 | 108));
            assert!(worthwhile_len(len) + HEADER_LEN < len);
        }
    }
}

/// A bundle of up to four SAs.
fn bundle(choices: &mut Rng) -> Vec<Step> {
    let family = |choices: &mut Rng| choices.pick(&[Family::V4, Family::V6]);
    let step = |choices: &mut Rng| match choices.below(5) {
        0 => Step::Ipip(family(choices)),
        1 => Step::Esp {
            iv_len: choices.pick(&[0, 8, 16]),
            block: choices.pick(&[1, 4, 8, 16]),
            icv_len: choices.pick(&[0, 8, 12, 16, 32]),
        },
        2 => Step::Ah(choices.pick(&[12, 16, 24, 32])),
        3 => Step::Udp(choices.pick(&[0, 8])),
        _ => Step::Comp,
    };
    (0..choices.below(5)).map(|_| step(choices)).collect()
}

/// The room is what the packet grows by, and the largest packet that fits is the largest.
fn planned(choices: &mut Rng) {
    let steps = bundle(choices);
    let family = choices.pick(&[Family::V4, Family::V6]);
    let header_len = match family {
        Family::V4 => 20 + 4 * choices.below(11) as usize,
        Family::V6 => 40 + 8 * choices.below(28) as usize,
    };
    let len = choices.below(70_000) as usize;
    let planned = |len| plan(steps.iter().copied(), len, header_len, family);
    match planned(len) {
        Ok(plan) => {
            assert_eq!(plan.total_len, len + plan.headroom + plan.tailroom);
            assert!(plan.total_len <= MAX_OUTER_LEN && plan.inner_mtu(1500) <= 1500);
        }
        Err(Discard::TxBadInnerHeader) => assert!(len < header_len),
        Err(why) => assert!(why == Discard::TxTooBig && len > MAX_OUTER_LEN - 1000),
    }
    let mtu = choices.below(70_000) as usize;
    let fits = |len| planned(len).is_ok_and(|plan| plan.total_len <= mtu);
    match largest_inner(|| steps.iter().copied(), mtu, header_len, family) {
        0 => assert!(!fits(header_len)),
        len => assert!(fits(len) && !fits(len + 1)),
    }
}

/// Data that shrinks is always tried; data that does not, at least once in nine packets.
fn adapts(choices: &mut Rng) {
    let mut adaptive = Adaptive::default();
    let (mut failures, mut left_out) = (0, 0);
    while choices.has_more() {
        if !adaptive.tries() {
            left_out += 1;
            assert!(failures >= 8 && left_out <= 8);
            continue;
        }
        left_out = 0;
        let shrank = choices.one_in(10);
        adaptive.note(shrank);
        failures = if shrank { 0 } else { failures + 1 };
    }
}
