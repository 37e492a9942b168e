//! Publishes events, in every way.

use std::error::Error;
use std::time::Duration;

use cqrs_core::prelude::*;
use cqrs_sql::SqlStore;

use crate::database::Pool;
use crate::line::Line;
use crate::messages::{Advanced, PlaceOrder, Way, context, soon};
use crate::transactional::{postgres, sqlite};

/// How many counters a publisher has.
pub(crate) const COUNTERS: i64 = 2;

/// Publishes one event after the other.
pub(crate) struct Publisher {
    pub(crate) app: App,
    pub(crate) pool: Pool,
    pub(crate) store: SqlStore,
    pub(crate) first_counter: i64,
    /// The last number that was given.
    pub(crate) number: i64,
}

/// How many events were accepted.
type Accepted = Result<i64, Box<dyn Error + Send + Sync>>;

impl Publisher {
    pub(crate) async fn run(mut self) {
        loop {
            let counter = self.first_counter + fastrand::i64(0..COUNTERS);
            let first = self.number + 1;
            let accepted = match fastrand::u8(..10) {
                0..3 => self.alone(counter).await,
                3 => self.later(counter).await,
                4..6 => self.together(counter, fastrand::i64(2..6)).await,
                6..8 => self.in_transaction(counter, Way::WithOrder).await,
                8 => self.in_transaction(counter, Way::RolledBack).await,
                _ => self.by_command(counter).await,
            };
            match accepted {
                Ok(0) => {}
                Ok(count) => Line::Accepted { counter, first, count }.print(),
                Err(error) => Line::Failed(error.to_string()).print(),
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(1..15))).await;
        }
    }

    fn next(&mut self, counter: i64, way: Way) -> Advanced {
        self.number += 1;
        Advanced { counter, number: self.number, way }
    }

    async fn alone(&mut self, counter: i64) -> Accepted {
        let event = self.next(counter, Way::Alone);
        self.app.events().publish(&context(counter), event).await?;
        Ok(1)
    }

    async fn later(&mut self, counter: i64) -> Accepted {
        let event = self.next(counter, Way::Later);
        self.app.events().publish_at(&context(counter), soon(), event).await?;
        Ok(1)
    }

    async fn together(&mut self, counter: i64, size: i64) -> Accepted {
        let way = Way::Together { first: self.number + 1, size };
        let events: Vec<_> = (0..size).map(|_| self.next(counter, way)).collect();
        self.app.events().publish_all(&context(counter), events).await?;
        Ok(size)
    }

    async fn in_transaction(&mut self, counter: i64, way: Way) -> Accepted {
        let event = self.next(counter, way);
        let (store, events) = (&self.store, self.app.events());
        match &self.pool {
            Pool::Sqlite(pool) => sqlite::publish_in(pool, store, events, event).await?,
            Pool::Postgres(pool) => {
                postgres::publish_in(pool, store, events, event).await?;
            }
        }
        Ok(i64::from(way != Way::RolledBack))
    }

    async fn by_command(&mut self, counter: i64) -> Accepted {
        let Advanced { counter, number, .. } = self.next(counter, Way::WithOrder);
        let command = PlaceOrder { counter, number };
        match self.app.commands().execute(&context(counter), command).await {
            Ok(()) => Ok(1),
            // The handler failed at random.
            Err(ExecuteError::Handler(_)) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
