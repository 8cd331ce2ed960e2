// SPDX-License-Identifier: GPL-2.0-only

//! What a lookup costs in a table of a million entries, by what it costs in one of a thousand: the least of many rounds,
//! which is what the machine can do when nothing else disturbs it. Beside it, how many places of the table a lookup reads,
//! which is the same on every machine.

use bench_core::{host_pairs, nested, packets, Eroutes};
use klips_core::eroute::lines::lines_for;
use klips_core::eroute::Packed;
use klips_core::eroute::{Key, Selector};
use std::hint::black_box;
use std::time::Instant;

/// Different packets: so many that a large table does not stay in the cache for them.
const PACKETS: usize = 1 << 16;
/// Packets that are timed together: so few that most of the times the machine does nothing else meanwhile.
const AT_ONCE: usize = 1 << 12;
const ROUNDS: usize = 100;

/// Nanoseconds that `find` takes for a packet. All packets come round before one comes again.
fn cost<R>(find: impl Fn(&Key) -> R, packets: &[Key]) -> f64 {
    let mut least = vec![f64::MAX; packets.len() / AT_ONCE];
    for _ in 0..ROUNDS {
        for (least, packets) in least.iter_mut().zip(packets.chunks(AT_ONCE)) {
            let start = Instant::now();
            for packet in packets {
                black_box(find(black_box(packet)));
            }
            *least = least.min(start.elapsed().as_nanos() as f64);
        }
    }
    least.iter().sum::<f64>() / packets.len() as f64
}

/// Nanoseconds of the least that a lookup among `n` eroutes does.
fn floor(n: usize, packets: &[Key]) -> f64 {
    let lines = vec![[1_u64; 8]; lines_for::<2, 3>(n)];
    let read = |packet: &Key| {
        let hash = Packed::v4(packet).map_or(0, |packed| packed.hash());
        let at = (hash >> 32).wrapping_mul(lines.len() as u64) >> 32;
        lines[at as usize][0]
    };
    cost(read, packets)
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
            let floor = floor(n, &packets);
            let cost = cost(|packet| table.find(packet), &packets);
            let first = *first.get_or_insert(cost);
            println!(
                "ratio/{name}/{n}: {shapes} shapes, {reads:.1} reads, {cost:.1} ns (floor {floor:.1}), {:.1} times as long as with 1000",
                cost / first
            );
        }
    }
}
