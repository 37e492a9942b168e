//! A process, seen from the one that kills it.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::Plan;
use crate::line::Line;

/// How long a process may take until it is ready, or to handle all that is left.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a process has ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    /// Whether it was killed from outside.
    pub(crate) was_killed: bool,
}

/// Runs a process, and gives what it prints to `hear`. It is killed so long after it is ready, if it has not ended
/// before.
pub(crate) fn run(plan: &Plan, killed_after: Option<Duration>, mut hear: impl FnMut(Line)) -> End {
    let (variable, value) = plan.variable();
    let mut process = Command::new(env::current_exe().expect("this program has a path"))
        .env(variable, value)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started");
    let output = BufReader::new(process.stdout.take().expect("it is a pipe"));
    let (sender, lines) = mpsc::channel();
    let reading = thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).unwrap_or(Line::Failed(line));
            let _ = sender.send(line);
        }
    });
    let (mut end, mut was_killed) = (Instant::now() + PATIENCE, false);
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Line::Ready) => end = Instant::now() + killed_after.unwrap_or(PATIENCE),
            Ok(line) => hear(line),
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
    End { status, was_killed }
}
