//! A process that publishes and handles events until it is killed.

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use cqrs_core::prelude::*;
use cqrs_sql::SqlStore;

use crate::database::{Address, Pool};
use crate::handlers::{self, Mood};
use crate::messages::{Advanced, PlaceOrder, Way, context};
use crate::points::{self, EndAt, PointedStore};

/// The variable with the plan of a process that is killed.
const PLAN: &str = "KILL_SWEEP_PLAN";

/// How long the nodes that are killed keep their shards. So short that a busy machine is often too late to renew it.
const SHORT_LEASE: Duration = Duration::from_millis(250);

/// How long the last node keeps its shards.
const LONG_LEASE: Duration = Duration::from_secs(5);

/// How many publishers a process has.
const PUBLISHERS: i64 = 3;

/// How many counters a publisher has.
const COUNTERS: i64 = 2;

/// How long a process may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What a process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) address: Address,
    pub(crate) task: Task,
    pub(crate) end_at: Option<EndAt>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Publishes and handles events.
    Publish {
        /// Processes with different numbers here run at the same time, and have counters of their own.
        slot: i64,
        /// All numbers are higher than this one.
        above: i64,
        /// When it shuts down by itself.
        stop_after: Option<Duration>,
    },
    /// Handles what is left, and ends.
    Finish,
}

impl Plan {
    /// The plan, if this process was started by another one to be killed.
    pub(crate) fn of_this_process() -> Option<Self> {
        let plan = env::var(PLAN).ok()?;
        Some(serde_json::from_str(&plan).expect("a plan"))
    }

    /// The variable that gives it to another process.
    pub(crate) fn variable(&self) -> (&'static str, String) {
        (PLAN, serde_json::to_string(self).expect("a plan"))
    }
}

pub(crate) async fn run(Plan { address, task, end_at }: Plan) {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    if let Some(end_at) = end_at {
        points::end_at(end_at);
    }
    let (pool, store) = (address.pool().await, address.store().await);
    let (is_bad, lease) = match task {
        Task::Publish { .. } => (true, SHORT_LEASE),
        Task::Finish => (false, LONG_LEASE),
    };
    let app = app(&pool, PointedStore { store: store.clone(), lease }, Mood { is_bad });
    app.start().await.expect("the store is available");
    match task {
        Task::Publish { slot, above, stop_after } => {
            say("ready\n");
            let publishers = (0..PUBLISHERS).map(|number| {
                let publisher = Publisher {
                    app: app.clone(),
                    pool: pool.clone(),
                    store: store.clone(),
                    first_counter: (slot * PUBLISHERS + number) * COUNTERS,
                    number: above,
                };
                tokio::spawn(publisher.run())
            });
            let publishers: Vec<_> = publishers.collect();
            let Some(stop_after) = stop_after else {
                for publisher in publishers {
                    publisher.await.expect("a publisher does not panic");
                }
                return;
            };
            tokio::time::sleep(stop_after).await;
            for publisher in publishers {
                publisher.abort();
                // Until it has ended, a shutdown refuses what it publishes.
                let _ = publisher.await;
            }
        }
        Task::Finish => {
            // Until then, processes that were killed may still have their shards.
            tokio::time::sleep(SHORT_LEASE + LONG_LEASE / 2).await;
            app.idle().await;
        }
    }
    let report = app.shutdown(STOP_WITHIN).await;
    if !report.is_clean() {
        say(&format!("failed: {report}\n"));
    }
}

fn app(pool: &Pool, store: PointedStore, mood: Mood) -> App {
    let builder = App::builder().store(store);
    let builder = builder.provide(pool.clone()).provide(mood);
    let builder = match pool {
        Pool::Sqlite(_) => builder.without(modules![crate::handlers::postgres]),
        Pool::Postgres(_) => builder.without(modules![crate::handlers::sqlite]),
    };
    builder.build().expect("the handlers are wired")
}

/// Publishes one event after the other, in every way.
struct Publisher {
    app: App,
    pool: Pool,
    store: SqlStore,
    first_counter: i64,
    /// The last number that was given.
    number: i64,
}

type Published = Result<(), Box<dyn Error + Send + Sync>>;

impl Publisher {
    async fn run(mut self) {
        loop {
            let (counter, first) =
                (self.first_counter + fastrand::i64(0..COUNTERS), self.number + 1);
            let size = match fastrand::u8(..10) {
                0..4 => self.alone(counter).await.map(|()| 1),
                4..6 => self.together(counter, fastrand::i64(2..6)).await,
                6..8 => self.in_transaction(counter, Way::WithOrder).await.map(|()| 1),
                8 => self.in_transaction(counter, Way::RolledBack).await.map(|()| 0),
                _ => self.by_command(counter).await.map(i64::from),
            };
            match size {
                Ok(size) => {
                    let lines = (first..first + size)
                        .map(|number| format!("accepted {counter} {number}\n"));
                    say(&lines.collect::<String>());
                }
                Err(error) => say(&format!("failed {error}\n")),
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..15))).await;
        }
    }

    fn next(&mut self, counter: i64, way: Way) -> Advanced {
        self.number += 1;
        Advanced { counter, number: self.number, way }
    }

    async fn alone(&mut self, counter: i64) -> Published {
        let event = self.next(counter, Way::Alone);
        self.app.events().publish(&context(counter), event).await?;
        Ok(())
    }

    async fn together(
        &mut self,
        counter: i64,
        size: i64,
    ) -> Result<i64, Box<dyn Error + Send + Sync>> {
        let way = Way::Together { first: self.number + 1, size };
        let events: Vec<_> = (0..size).map(|_| self.next(counter, way)).collect();
        self.app.events().publish_all(&context(counter), events).await?;
        Ok(size)
    }

    async fn in_transaction(&mut self, counter: i64, way: Way) -> Published {
        let event = self.next(counter, way);
        let (store, events) = (&self.store, self.app.events());
        match &self.pool {
            Pool::Sqlite(pool) => handlers::sqlite::publish_in(pool, store, events, event).await,
            Pool::Postgres(pool) => {
                handlers::postgres::publish_in(pool, store, events, event).await
            }
        }
    }

    /// Returns whether the command succeeded.
    async fn by_command(&mut self, counter: i64) -> Result<bool, Box<dyn Error + Send + Sync>> {
        let Advanced { counter, number, .. } = self.next(counter, Way::WithOrder);
        let command = PlaceOrder { counter, number };
        match self.app.commands().execute(&context(counter), command).await {
            Ok(()) => Ok(true),
            Err(ExecuteError::Handler(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Prints lines with one write, so that a line of another task does not come between.
fn say(lines: &str) {
    let mut stdout = std::io::stdout().lock();
    // The reader may have gone away.
    let _ = stdout.write_all(lines.as_bytes()).and_then(|()| stdout.flush());
}
