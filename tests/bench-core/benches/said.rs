// SPDX-License-Identifier: GPL-2.0-only

//! SAs by name, as every received packet looks for one.

use bench_core::{measured, saids, Map, Name, Rng};
use criterion::{criterion_group, criterion_main, BenchmarkId, Criterion};
use std::hint::black_box;
use std::time::Duration;

fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("said");
    for n in [1_000, 10_000, 100_000, 1_000_000] {
        let names = saids(n);
        let (table, bytes) =
            measured(|| names.iter().copied().zip(0..).collect::<Map<Name, u32>>());
        println!("said/{n}: {} bytes per entry", bytes / n);
        let mut rng = Rng(6);
        let wanted: Vec<Name> = (0..1 << 16).map(|_| rng.pick(&names)).collect();
        let mut at = 0;
        group.bench_function(BenchmarkId::new("lookup", n), |b| {
            b.iter(|| {
                at = (at + 1) % wanted.len();
                table.get(black_box(&wanted[at])).copied()
            });
        });
        let mut at = 0;
        group.bench_function(BenchmarkId::new("lookup_of_none", n), |b| {
            b.iter(|| {
                at = (at + 1) % wanted.len();
                let mut name = wanted[at];
                name.0.spi &= 0xff;
                table.get(black_box(&name)).copied()
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
    targets = lookup
}
criterion_main!(benches);
