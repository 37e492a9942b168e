//! A process that publishes and handles events until it is killed.

use std::env;
use std::time::Duration;

use cqrs_core::log::EventLog as _;
use cqrs_core::operations::{DeliveryFilter, OperationError};
use cqrs_core::prelude::*;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::database::{Address, Pool};
use crate::handlers::Failures;
use crate::line::Line;
use crate::points::{self, EndAt, pointed};
use crate::publisher::{COUNTERS, Publisher};

/// The variable with the plan of a process that is killed.
const PLAN: &str = "KILL_SWEEP_PLAN";

/// How long the nodes that are killed keep their shards. So short that a busy machine is often too late to renew it.
const SHORT_LEASE: Duration = Duration::from_millis(250);

/// How long the last node keeps its shards.
const LONG_LEASE: Duration = Duration::from_secs(5);

/// How many events are not due yet.
const SCHEDULED: &str = "SELECT count(*) FROM cqrs_scheduled";

/// How many publishers a process has.
const PUBLISHERS: i64 = 3;

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
    let (are_on, lease) = match task {
        Task::Publish { .. } => (true, SHORT_LEASE),
        Task::Finish => (false, LONG_LEASE),
    };
    let pointed = Arc::new(pointed(store.clone(), lease));
    let other_handlers = match pool {
        Pool::Sqlite(_) => modules![crate::transactional::postgres],
        Pool::Postgres(_) => modules![crate::transactional::sqlite],
    };
    let app = App::builder()
        .shared_store(pointed.clone())
        .provide(pool.clone())
        .provide(Failures { are_on })
        .without(other_handlers)
        .build()
        .expect("the handlers are wired");
    app.start().await.expect("the store is available");
    match task {
        Task::Publish { slot, above, stop_after } => {
            Line::Ready.print();
            // A pool that the handlers do not use: sqlx 0.9 gives a connection back with an open transaction if the
            // future of its `BEGIN` is dropped, as that of a publisher is below.
            let pool = address.pool().await;
            let mut publishers = JoinSet::new();
            for number in 0..PUBLISHERS {
                let publisher = Publisher {
                    app: app.clone(),
                    pool: pool.clone(),
                    store: store.clone(),
                    first_counter: (slot * PUBLISHERS + number) * COUNTERS,
                    number: above,
                };
                publishers.spawn(publisher.run());
            }
            if fastrand::u8(..10) == 0 {
                let app = app.clone();
                // It may fail if the process stops meanwhile.
                tokio::spawn(async move { redeliver(&app).await.ok() });
            }
            let ended = publishers.join_next();
            if let Ok(ended) = timeout(stop_after.unwrap_or(Duration::MAX), ended).await {
                unreachable!("a publisher has ended: {ended:?}");
            }
            // Before the application stops, which would refuse what they publish.
            publishers.shutdown().await;
        }
        Task::Finish => {
            // Processes that were killed may still have their shards.
            while pointed.claimed_shards() < usize::from(pointed.profile().shards) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Line::Blocking(redeliver(&app).await.expect("the store is available")).print();
            // What is moved into the log while others are handled counts too.
            loop {
                let before = pointed.range().await.expect("the store is available");
                app.idle().await;
                let scheduled = pool.rows::<0, 1>(SCHEDULED).await;
                let after = pointed.range().await.expect("the store is available");
                if scheduled == [([], [0])] && after == before {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    let report = app.shutdown(STOP_WITHIN).await;
    if !report.is_clean() {
        Line::Failed(report.to_string()).print();
    }
}

/// Delivers the dead letters again that block their counters, as an operator does.
async fn redeliver(app: &App) -> Result<usize, OperationError> {
    let blocking = DeliveryFilter::dead().handler("block");
    app.operations().redeliver_all(&Context::system(), &blocking).await
}
