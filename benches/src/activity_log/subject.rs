//! The log beside its floor: recording, reading, exporting.

use std::time::{Duration, Instant};

use cqrs_activity_log::{ActivityLog, Filter, Order, PageRequest, ReadError};
use futures_util::{Stream, TryStreamExt as _};
use uuid::Uuid;

use crate::floor::{Floor, PlainRow};
use crate::{Result, events, memory, report, sample};

/// How many entries are recorded in one transaction.
const BATCH: usize = 500;

/// A log of this size is compared with a full one.
const SMALL: usize = 20_000;

const PAGE: u32 = 50;

const READS: usize = 301;

pub(crate) async fn measure(log: &ActivityLog, floor: &impl Floor, entries: usize) -> Result {
    println!("  {:<46} {:>12} {:>12} {:>8}", "", "floor", "log", "ratio");
    memory::report("at first");
    record(log, floor, SMALL.min(entries)).await?;
    read(log, floor).await?;
    if entries > SMALL {
        record(log, floor, entries - SMALL).await?;
        memory::report("with all entries");
        read(log, floor).await?;
    }
    export(log, floor).await?;
    memory::report("after the export");
    events::measure(log).await
}

/// The same rows in turn, and in the one order as often as in the other.
async fn record(log: &ActivityLog, floor: &impl Floor, entries: usize) -> Result {
    let (mut of_floor, mut of_log) = (Duration::ZERO, Duration::ZERO);
    let mut waiting = Vec::new();
    for round in 0..entries / BATCH {
        let ctx = sample::context(round % sample::TENANTS)?;
        let activities = (0..BATCH).map(|_| sample::activity()).collect();
        let began = Instant::now();
        let recorded = log.record_all(&ctx, activities).await?;
        of_log += began.elapsed();
        let rows: Vec<_> = recorded.iter().map(PlainRow::of).collect();
        waiting.push(rows);
        // Twice the log, then twice the floor: neither always comes after the other.
        if round % 2 == 1 || round + 1 == entries / BATCH {
            for rows in waiting.drain(..) {
                let began = Instant::now();
                floor.insert(&rows).await?;
                of_floor += began.elapsed();
            }
        }
    }
    let rate = |time: Duration| entries as f64 / time.as_secs_f64();
    report(&format!("recording {entries}, {BATCH} at once"), of_floor, of_log);
    println!(
        "  {:<46} {:>12.0} {:>12.0} {:>7.2} of the floor's rate",
        "entries a second",
        rate(of_floor),
        rate(of_log),
        rate(of_log) / rate(of_floor),
    );
    Ok(())
}

/// The newest page, and one from the middle.
async fn read(log: &ActivityLog, floor: &impl Floor) -> Result {
    let ctx = sample::context(3)?;
    let tenant = ctx.tenant().to_string();
    let all = Filter::new();
    let mut middle = PageRequest::newest().limit(200);
    let in_floor = floor.count(&tenant).await?;
    let mut last = Uuid::max();
    for _ in 0..(in_floor / 2 / 200).max(1) {
        let page = log.query(&ctx, &all, &middle).await?;
        last = page.entries.last().map_or(last, |entry| entry.id);
        middle = middle.after(page.next);
    }
    for (what, request, below) in [
        ("the newest 50", PageRequest::newest().limit(PAGE), Uuid::max()),
        ("50 from the middle", middle.limit(PAGE), last),
    ] {
        let (mut of_floor, mut of_log) = (Vec::new(), Vec::new());
        for _ in 0..READS {
            let began = Instant::now();
            let plain = floor.newest(&tenant, below, i64::from(PAGE)).await?;
            of_floor.push(began.elapsed());
            let began = Instant::now();
            let page = log.query(&ctx, &all, &request).await?;
            of_log.push(began.elapsed());
            let ids = plain.iter().map(|row| row.id);
            assert!(ids.eq(page.entries.iter().map(|entry| entry.id)), "both read the same");
        }
        report(&format!("{what} of {in_floor}"), median(of_floor), median(of_log));
    }
    Ok(())
}

/// All entries of a tenant, beside plain selects of as many rows at once.
async fn export(log: &ActivityLog, floor: &impl Floor) -> Result {
    let ctx = sample::context(3)?;
    let tenant = ctx.tenant().to_string();
    let filter = Filter::new();
    let order = Order::NewestFirst;
    let began = Instant::now();
    let (mut count, mut last) = (0, Uuid::max());
    loop {
        let rows = floor.newest(&tenant, last, 500).await?;
        let Some(row) = rows.last() else { break };
        (count, last) = (count + rows.len(), row.id);
    }
    let plain = began.elapsed();
    let began = Instant::now();
    let entries = std::pin::pin!(log.stream(&ctx, &filter, order));
    let read = entries.try_fold(0, |count, _| async move { Ok(count + 1) }).await?;
    assert_eq!(read, count, "both read all");
    exported("read as values", count, plain, began.elapsed());
    let began = Instant::now();
    let bytes = drain(log.export_json_lines(&ctx, &filter, order)).await?;
    exported(&format!("JSON Lines, {} KiB", bytes / 1024), count, plain, began.elapsed());
    let began = Instant::now();
    let bytes = drain(log.export_csv(&ctx, &filter, order)).await?;
    exported(&format!("CSV, {} KiB", bytes / 1024), count, plain, began.elapsed());
    Ok(())
}

async fn drain(
    pieces: impl Stream<Item = std::result::Result<Vec<u8>, ReadError>>,
) -> Result<usize> {
    let lengths = std::pin::pin!(pieces.map_ok(|piece| piece.len()));
    Ok(lengths.try_fold(0, |sum, length| async move { Ok(sum + length) }).await?)
}

fn exported(what: &str, count: usize, floor: Duration, log: Duration) {
    report(&format!("export of {count}: {what}"), floor, log);
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    println!("  {:<46} {:>12.0} {:>12.0}", "entries a second", rate(floor), rate(log));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
