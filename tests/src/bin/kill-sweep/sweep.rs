//! Starts processes and kills them, several at the same time.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

use crate::check::check;
use crate::child::{Plan, Task};
use crate::database::{Address, Kind};
use crate::points::{EndAt, POINTS};
use crate::report::Report;

/// After so many kills all is checked, and the next ones begin with a new database.
const ROUND: usize = 200;

/// How many processes run at the same time, at most.
const SLOTS: i64 = 2;

/// How long a process may take until it is ready, or to handle all that is left.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is counted here.
const KILLED: &str = "processes killed";
const AT_ANY_TIME: &str = "  at any time";
const STOPPED: &str = "processes that have stopped by themselves";
const PARKED: &str = "deliveries that were parked";
const ACCEPTED: &str = "events accepted: the publisher got its answer";

/// Kills so many processes, and prints what was counted. Returns whether all is right.
pub(crate) async fn run(kind: Kind, kills: usize) -> bool {
    let (mut report, start) = (Report::default(), Instant::now());
    let killed = |report: &Report| usize::try_from(report.count(KILLED)).unwrap_or(usize::MAX);
    while report.is_right() && killed(&report) < kills {
        let left = kills - killed(&report);
        report.merge(round(kind, left.min(ROUND)).await);
        let (killed, accepted) = (killed(&report), report.count(ACCEPTED));
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
    for what in [STOPPED, PARKED] {
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
            let point = end_at.as_ref().map(|end| end.point.clone());
            let task = Task::Publish { slot, above, stop_after };
            let plan = Plan { address: self.address.clone(), task, end_at };
            let (status, was_killed) = self.run(&plan, Some(killed_after));
            let mut heard = self.heard.lock().expect("no thread panicked");
            match (status.code(), was_killed) {
                (None, _) => {
                    heard.counts.add(KILLED, 1);
                    let point = point.filter(|_| !was_killed);
                    let how = point.map_or(AT_ANY_TIME.to_owned(), |point| at(&point));
                    heard.counts.add(&how, 1);
                }
                (Some(0), _) => {
                    heard.counts.add(STOPPED, 1);
                    self.kills.fetch_add(1, SeqCst);
                }
                (Some(code), _) => heard.failed.push(format!("it ended with {code}")),
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
        let (status, _) = self.run(&plan, None);
        if !status.success() {
            let mut heard = self.heard.lock().expect("no thread panicked");
            heard.failed.push(format!("what was left was not handled: {status}"));
        }
    }

    /// Runs a process. It is killed so long after it is ready, if it has not ended before. Returns how it ended, and
    /// whether it was killed.
    fn run(&self, plan: &Plan, killed_after: Option<Duration>) -> (ExitStatus, bool) {
        let (variable, value) = plan.variable();
        let mut process = Command::new(env::current_exe().expect("this program has a path"))
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let output = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let (sender, lines) = mpsc::channel();
        let reading = thread::spawn(move || {
            // The last line may be cut off, and is no line then.
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let (mut end, mut was_killed) = (Instant::now() + PATIENCE, false);
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line == "ready" => {
                    end = Instant::now() + killed_after.unwrap_or(PATIENCE);
                }
                Ok(line) => self.heard.lock().expect("no thread panicked").take_in(line),
                Err(mpsc::RecvTimeoutError::Timeout) if !was_killed => {
                    process.kill().expect("it is a child of this process");
                    was_killed = true;
                    end = Instant::now() + PATIENCE;
                }
                Err(_) => break,
            }
        }
        let status = process.wait().expect("it is a child of this process");
        reading.join().expect("it only reads");
        (status, was_killed)
    }
}

impl Heard {
    fn take_in(&mut self, line: String) {
        let numbers = line.split(' ').skip(1).map_while(|number| number.parse().ok());
        match (line.split(' ').next(), &numbers.collect::<Vec<i64>>()[..]) {
            (Some("accepted"), &[counter, number]) => self.accepted.push((counter, number)),
            (Some("parked"), &[count]) => {
                self.counts.add(PARKED, usize::try_from(count).unwrap_or_default());
            }
            _ => self.failed.push(line),
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
