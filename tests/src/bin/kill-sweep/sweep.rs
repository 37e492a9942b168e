//! Starts processes and kills them, several at the same time.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use crate::check::{self, check};
use crate::child::{Plan, Task};
use crate::database::{Address, Kind};
use crate::line::Line;
use crate::points::{EndAt, POINTS};
use crate::process::{self, End};
use crate::report::Report;

/// After so many kills all is checked, and the next ones begin with a new database.
const ROUND: usize = 200;

/// How many processes run at the same time, at most.
const SLOTS: i64 = 2;

/// What is counted here.
const KILLED: &str = "processes killed";
const AT_ANY_TIME: &str = "  at any time";
const STOPPED: &str = "processes that have stopped by themselves";
const PARKED: &str = "deliveries that were parked";
const BLOCKING: &str = "dead letters that blocked their counter until the end";

/// Kills so many processes, and prints what was counted. Returns whether all is right.
pub(crate) async fn run(kind: Kind, kills: usize) -> bool {
    let (mut report, start) = (Report::default(), Instant::now());
    let killed = |report: &Report| usize::try_from(report.count(KILLED)).unwrap_or(usize::MAX);
    while report.is_right() && killed(&report) < kills {
        let left = kills - killed(&report);
        report.merge(round(kind, left.min(ROUND)).await);
        let (killed, accepted) = (killed(&report), report.count(check::ACCEPTED));
        eprintln!("{kind:?}: {killed} of {kills} processes killed, {accepted} events accepted");
    }
    println!("{kind:?}, {} seconds\n{report}", start.elapsed().as_secs());
    report.is_right()
}

async fn round(kind: Kind, kills: usize) -> Report {
    let address = Address::create(kind).await;
    let round = Round {
        address: &address,
        kills: AtomicI64::new(i64::try_from(kills).unwrap_or(i64::MAX)),
        heard: Mutex::default(),
    };
    let mut report = Report::default();
    // So that they are printed in this order.
    for what in [KILLED, AT_ANY_TIME] {
        report.add(what, 0);
    }
    for (point, _) in POINTS {
        report.add(&at(point), 0);
    }
    for what in [STOPPED, PARKED, BLOCKING] {
        report.add(what, 0);
    }
    block_in_place(|| {
        thread::scope(|scope| {
            for slot in 0..SLOTS {
                let round = &round;
                scope.spawn(move || round.kill(slot));
            }
        });
    });
    let pool = address.pool().await;
    block_in_place(|| round.finish());
    let Heard { counts, accepted, failed } = round.heard.into_inner().expect("no thread panicked");
    report.merge(counts);
    report.wrong("failures that a process reported", &failed);
    report.merge(check(&pool, &accepted).await);
    pool.close().await;
    if report.is_right() {
        address.remove().await;
    } else {
        eprintln!("the database is kept: {address:?}");
    }
    report
}

/// The kills of one database.
struct Round<'a> {
    address: &'a Address,
    /// How many are left.
    kills: AtomicI64,
    heard: Mutex<Heard>,
}

/// What the processes have said, and how they ended.
#[derive(Default)]
struct Heard {
    counts: Report,
    accepted: Vec<(i64, i64)>,
    failed: Vec<String>,
}

impl Round<'_> {
    /// Starts one process after the other, and kills each, until there were enough.
    fn kill(&self, slot: i64) {
        // Its events have higher numbers than those of the process before.
        let mut above = 0;
        while self.kills.fetch_sub(1, SeqCst) > 0 {
            above += 1_000_000;
            let life = life();
            let stop_after = (fastrand::u8(..8) == 0).then_some(life);
            let end_at = match stop_after {
                Some(_) => (fastrand::bool()).then(|| end_at("shards are given back")),
                None => (fastrand::u8(..5) < 2).then(|| end_at("")),
            };
            let killed_after = match (&stop_after, &end_at) {
                (None, None) => life,
                // A process that stops by itself is killed before it has done so, or after that.
                (Some(_), None) => life + Duration::from_millis(fastrand::u64(..100)),
                (_, Some(_)) => life + Duration::from_secs(1),
            };
            let task = Task::Publish { slot, above, stop_after };
            let plan = Plan { address: self.address.clone(), task, end_at };
            let End { status, was_killed } = self.run(&plan, Some(killed_after));
            let mut heard = self.heard();
            match status.code() {
                None => {
                    heard.counts.add(KILLED, 1);
                    match plan.end_at {
                        Some(end) if !was_killed => heard.counts.add(&at(&end.point), 1),
                        _ => heard.counts.add(AT_ANY_TIME, 1),
                    }
                }
                Some(0) => {
                    heard.counts.add(STOPPED, 1);
                    self.kills.fetch_add(1, SeqCst);
                }
                Some(code) => heard.failed.push(format!("it ended with {code}")),
            }
            drop(heard);
            if slot > 0 && fastrand::u8(..3) == 0 {
                // The other process has all shards meanwhile.
                thread::sleep(Duration::from_millis(fastrand::u64(..800)));
            }
        }
    }

    /// Handles what is left.
    fn finish(&self) {
        let plan = Plan { address: self.address.clone(), task: Task::Finish, end_at: None };
        let End { status, .. } = self.run(&plan, None);
        if !status.success() {
            self.heard().failed.push(format!("what was left was not handled: {status}"));
        }
    }

    fn run(&self, plan: &Plan, killed_after: Option<Duration>) -> End {
        process::run(plan, killed_after, |line| self.heard().take_in(line))
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no thread panicked")
    }
}

impl Heard {
    fn take_in(&mut self, line: Line) {
        match line {
            Line::Ready => {}
            Line::Accepted { counter, first, count } => {
                self.accepted.extend((first..first + count).map(|number| (counter, number)));
            }
            Line::Parked(count) => self.counts.add(PARKED, count),
            Line::Blocking(count) => self.counts.add(BLOCKING, count),
            Line::Failed(why) => self.failed.push(why),
        }
    }
}

/// How long a process works before it is killed. Some live for long enough to park what fails.
fn life() -> Duration {
    let longest = if fastrand::u8(..15) == 0 { 3_000 } else { 300 };
    Duration::from_millis(fastrand::u64(5..longest))
}

/// How a kill at a point is counted.
fn at(point: &str) -> String {
    format!("  {point}")
}

/// One of the points with this in its name.
fn end_at(name: &str) -> EndAt {
    let points: Vec<_> = POINTS.iter().filter(|(point, _)| point.contains(name)).collect();
    let (point, passes) = points[fastrand::usize(..points.len())];
    EndAt { point: (*point).to_owned(), passes: fastrand::u32(..=*passes) }
}
