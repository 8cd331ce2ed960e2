// SPDX-License-Identifier: GPL-2.0-only

//! Eroutes: search, addition and deletion at growing sizes, and the part of it that other crates do too.

use bench_core::{destinations, host_pairs, measured, nested, packets, v4, Eroutes};
use criterion::{criterion_group, criterion_main, BatchSize, BenchmarkId, Criterion};
use ip_network::Ipv4Network;
use ip_network_table::IpNetworkTable;
use ipnet::Ipv4Net;
use klips_core::eroute::{Key, Selector};
use prefix_trie::PrefixMap;
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// So many different packets that a large table does not stay in the cache for them.
const PACKETS: usize = 1 << 16;

/// Calls with one packet after the other, for ever.
fn cycle<'a>(packets: &'a [Key]) -> impl FnMut() -> &'a Key {
    let mut at = 0;
    move || {
        at = (at + 1) % packets.len();
        &packets[at]
    }
}

fn mix(c: &mut Criterion, name: &str, make: fn(usize) -> Vec<Selector>) {
    let mut group = c.benchmark_group(format!("eroute/{name}"));
    for n in SIZES {
        let selectors = make(n);
        let (mut table, bytes) = measured(|| Eroutes::of(&selectors));
        println!(
            "eroute/{name}/{n}: {} shapes, {} bytes per entry",
            table.shapes(),
            bytes / n
        );
        let packets = packets(&selectors, PACKETS);
        let mut next = cycle(&packets);
        group.bench_function(BenchmarkId::new("lookup", n), |b| {
            b.iter(|| table.find(black_box(next())));
        });
        let mut at = 0;
        group.bench_function(BenchmarkId::new("delete_insert", n), |b| {
            b.iter(|| {
                at = (at + 7919) % n;
                let selector = black_box(&selectors[at]);
                table.delete(selector);
                table.insert(selector, 1);
            });
        });
    }
    group.finish();
}

fn eroutes(c: &mut Criterion) {
    mix(c, "host_pairs", host_pairs);
    mix(c, "nested", nested);
}

fn filling(c: &mut Criterion) {
    let mut group = c.benchmark_group("eroute/fill");
    for n in [1_000, 100_000] {
        let selectors = nested(n);
        group.bench_function(BenchmarkId::new("nested", n), |b| {
            b.iter_batched(
                || (),
                |()| Eroutes::of(black_box(&selectors)),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Destination networks alone: ours, and two tables for longest prefixes.
fn prefixes(c: &mut Criterion) {
    let mut group = c.benchmark_group("prefix");
    for n in SIZES {
        let selectors = destinations(n);
        let nets = || {
            (0..).zip(&selectors).map(|(value, s): (u32, _)| {
                (v4(s.key().dst), s.mask().dst.count_ones() as u8, value)
            })
        };
        let packets = packets(&selectors, PACKETS);
        let mut next = cycle(&packets);

        let (ours, bytes) = measured(|| Eroutes::of(&selectors));
        println!("prefix/eroute/{n}: {} bytes per entry", bytes / n);
        group.bench_function(BenchmarkId::new("eroute", n), |b| {
            b.iter(|| ours.find(black_box(next())));
        });

        let (treebitmap, bytes) = measured(|| {
            let mut table = IpNetworkTable::new();
            for (addr, len, value) in nets() {
                table.insert(Ipv4Network::new(addr, len).expect("no host bits"), value);
            }
            table
        });
        println!("prefix/ip_network_table/{n}: {} bytes per entry", bytes / n);
        group.bench_function(BenchmarkId::new("ip_network_table", n), |b| {
            b.iter(|| treebitmap.longest_match_ipv4(v4(black_box(next()).dst)));
        });

        let (trie, bytes) = measured(|| {
            nets()
                .map(|(addr, len, value)| (Ipv4Net::new(addr, len).expect("a length"), value))
                .collect::<PrefixMap<Ipv4Net, u32>>()
        });
        println!("prefix/prefix_trie/{n}: {} bytes per entry", bytes / n);
        group.bench_function(BenchmarkId::new("prefix_trie", n), |b| {
            b.iter(|| {
                let host = Ipv4Net::from(v4(black_box(next()).dst));
                trie.get_lpm(&host).map(|(_, value)| *value)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(800))
        .without_plots();
    targets = eroutes, filling, prefixes
}
criterion_main!(benches);
