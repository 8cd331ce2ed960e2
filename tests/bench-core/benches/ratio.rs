// SPDX-License-Identifier: GPL-2.0-only

//! What a lookup costs in a table of a million entries, by what it costs in one of a thousand: the least of many rounds,
//! which is what the machine can do when nothing else disturbs it. Beside it, how many places of the table a lookup reads,
//! which is the same on every machine.

use bench_core::{host_pairs, nested, packets, Eroutes};
use klips_core::eroute::{Key, Selector};
use std::hint::black_box;
use std::time::Instant;

/// Different packets: so many that a large table does not stay in the cache for them.
const PACKETS: usize = 1 << 16;
/// Packets that are timed together: so few that most of the times the machine does nothing else meanwhile.
const AT_ONCE: usize = 1 << 12;
const ROUNDS: usize = 100;

/// Nanoseconds of a lookup. All packets come round before one comes again.
fn cost(table: &Eroutes, packets: &[Key]) -> f64 {
    let mut least = vec![f64::MAX; packets.len() / AT_ONCE];
    for _ in 0..ROUNDS {
        for (least, packets) in least.iter_mut().zip(packets.chunks(AT_ONCE)) {
            let start = Instant::now();
            for packet in packets {
                black_box(table.find(black_box(packet)));
            }
            *least = least.min(start.elapsed().as_nanos() as f64);
        }
    }
    least.iter().sum::<f64>() / packets.len() as f64
}

/// A name, and what makes so many eroutes.
type Mix = (&'static str, fn(usize) -> Vec<Selector>);

fn main() {
    let mixes: [Mix; 2] = [("host_pairs", host_pairs), ("nested", nested)];
    for (name, make) in mixes {
        let mut first = None;
        for n in [1_000, 10_000, 100_000, 1_000_000] {
            let selectors = make(n);
            let table = Eroutes::of(&selectors);
            let shapes = table.shapes();
            let packets = packets(&selectors, PACKETS);
            let reads: usize = packets.iter().map(|packet| table.reads(packet)).sum();
            let reads = reads as f64 / packets.len() as f64;
            let cost = cost(&table, &packets);
            let first = *first.get_or_insert(cost);
            println!(
                "ratio/{name}/{n}: {shapes} shapes, {reads:.1} reads, {cost:.1} ns, {:.1} times as long as with 1000",
                cost / first
            );
        }
    }
}
