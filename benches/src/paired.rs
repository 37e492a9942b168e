//! Two things measured in turn.

use std::time::{Duration, Instant};

const ROUNDS: usize = 41;

/// Runs `floor` and `measured`, which do `operations` each, in turn, and prints the medians for one
/// operation, and the median and the quartiles of the rounds' ratios.
pub(crate) fn compare(name: &str, operations: u32, floor: impl FnMut(), measured: impl FnMut()) {
    compare_in(ROUNDS, name, operations, floor, measured);
}

/// As [`compare`], in so many rounds.
pub(crate) fn compare_in(
    rounds: usize,
    name: &str,
    operations: u32,
    mut floor: impl FnMut(),
    mut measured: impl FnMut(),
) {
    let time = |run: &mut dyn FnMut()| {
        let began = Instant::now();
        run();
        began.elapsed() / operations
    };
    time(&mut floor);
    time(&mut measured);
    let rounds: Vec<_> = (0..rounds).map(|_| (time(&mut floor), time(&mut measured))).collect();
    let floors = rounds.iter().map(|round| round.0.as_secs_f64()).collect();
    let measureds = rounds.iter().map(|round| round.1.as_secs_f64()).collect();
    let ratios = rounds.iter().map(|round| round.1.as_secs_f64() / round.0.as_secs_f64());
    let mut ratios: Vec<_> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = |part: usize| ratios[(ratios.len() - 1) * part / 4];
    let nanoseconds = |seconds| Duration::from_secs_f64(seconds).as_nanos();
    let (floor, measured) = (nanoseconds(median(floors)), nanoseconds(median(measureds)));
    println!(
        "{name:<52} {floor:>8} ns {measured:>8} ns {:>6.2}x ({:.2} to {:.2})",
        ratio(2),
        ratio(1),
        ratio(3)
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
