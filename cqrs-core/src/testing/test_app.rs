//! The application under test.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::recorder::Recorder;
use super::timeline::Timeline;
use super::{DeliveryRecord, TestAppBuilder};
use crate::app::{App, AppBuilder};
use crate::bus::{ExecuteError, HandlerState, PublishError};
use crate::context::Context;
use crate::message::{Command, Event, Published, Query};
use crate::observe::{ExecutionRecord, Happening};
use crate::operations::{DeliveryFilter, FailedDelivery};
use crate::services::TypeRef;

/// Longer than any retry policy takes. On a paused clock, it passes at once.
const LONGEST_WAIT: Duration = Duration::from_hours(365 * 24);

/// The real application, watched. Derefs to [`App`].
///
/// If a failing test drops it, it prints what happened.
#[derive(Debug)]
pub struct TestApp {
    pub(super) app: App,
    pub(super) recorder: Arc<Recorder>,
}

impl TestApp {
    /// The environment variable that sets the seed of every shuffled test.
    pub const SEED_VARIABLE: &'static str = "CQRS_TEST_SEED";

    /// Starts to build an application from everything that is annotated in this test's crates.
    pub fn builder() -> TestAppBuilder {
        Self::from_builder(App::builder())
    }

    /// Starts with the builder of your application.
    pub fn from_builder(app: AppBuilder) -> TestAppBuilder {
        TestAppBuilder { app, seed: None }
    }

    /// Short for `commands().execute`.
    ///
    /// # Errors
    ///
    /// As [`CommandBus::execute`](crate::CommandBus::execute).
    pub async fn execute<C: Command>(
        &self,
        ctx: &Context,
        command: C,
    ) -> Result<C::Output, ExecuteError<C::Error>> {
        self.app.commands().execute(ctx, command).await
    }

    /// Short for `queries().execute`.
    ///
    /// # Errors
    ///
    /// As [`QueryBus::execute`](crate::QueryBus::execute).
    pub async fn query<Q: Query>(
        &self,
        ctx: &Context,
        query: Q,
    ) -> Result<Q::Output, ExecuteError<Q::Error>> {
        self.app.queries().execute(ctx, query).await
    }

    /// Short for `events().publish`.
    ///
    /// # Errors
    ///
    /// As [`EventBus::publish`](crate::EventBus::publish).
    pub async fn publish<E: Event>(&self, ctx: &Context, event: E) -> Result<Uuid, PublishError> {
        self.app.events().publish(ctx, event).await
    }

    /// Returns when nothing is queued, running or waiting for a retry: all cascades are done. Cancel safe.
    ///
    /// On a paused clock (`#[tokio::test(start_paused = true)]`) retries take no time.
    ///
    /// # Panics
    ///
    /// If it would wait forever: on a paused clock, before the start, or for a paused handler.
    pub async fn settled(&self) {
        assert!(
            !self.app.waits_for_start(),
            "the application must be started, by a plugin or `start_manually`: call `start()` first"
        );
        let settled = tokio::time::timeout(LONGEST_WAIT, self.app.settled()).await;
        assert!(settled.is_ok(), "the application does not settle: something waits forever");
        for handler in self.app.handlers() {
            let (status, name) = (handler.status(), handler.name());
            let is_stuck = status.state == HandlerState::Paused && status.oldest_waiting.is_some();
            assert!(!is_stuck, "handler `{name}` is paused: call `resume()` before `settled()`");
        }
    }

    /// The deliveries that have failed for good, at most 1,000.
    ///
    /// # Panics
    ///
    /// If the application has a store, and that fails.
    pub async fn dead_letters(&self) -> Vec<FailedDelivery> {
        let all = DeliveryFilter::dead().limit(DeliveryFilter::MAX_LIMIT);
        let dead_letters = self.app.operations().failed(&all).await;
        dead_letters.unwrap_or_else(|error| panic!("the dead letters cannot be read: {error}"))
    }

    /// The events of type `E` that were published, in order.
    pub fn published<E: Event>(&self) -> Vec<Published<E>> {
        let moments = self.recorder.moments();
        let events = moments.iter().filter_map(|(_, what)| match what {
            Happening::Published(event) => event.clone().downcast(),
            _ => None,
        });
        events.collect()
    }

    /// The executions of the command or query `M` that came to an end, in order.
    pub fn executed<M: 'static>(&self) -> Vec<ExecutionRecord> {
        let wanted = TypeRef::of::<M>();
        let moments = self.recorder.moments();
        let executions = moments.iter().filter_map(|(_, what)| match what {
            Happening::Executed(execution) if execution.message == wanted => Some(execution),
            _ => None,
        });
        executions.cloned().collect()
    }

    /// The deliveries to the handler `H` that were attempted, in the order of their first attempts.
    ///
    /// # Panics
    ///
    /// If `H` handles no event in this application.
    pub fn deliveries_to<H: 'static>(&self) -> Vec<DeliveryRecord> {
        let wanted = TypeRef::of::<H>();
        self.deliveries(&wanted.name(), |handler, _| handler == wanted)
    }

    /// The deliveries to the handler with this stable name, such as a closure's.
    ///
    /// # Panics
    ///
    /// If no event handler has this name.
    pub fn deliveries_to_named(&self, name: &str) -> Vec<DeliveryRecord> {
        self.deliveries(name, |_, handler_name| handler_name == name)
    }

    fn deliveries(
        &self,
        wanted: &str,
        is_it: impl Fn(TypeRef, &str) -> bool,
    ) -> Vec<DeliveryRecord> {
        let mut handlers = self.app.event_handlers();
        let names = handlers.clone().map(|(_, name)| name).collect::<Vec<_>>().join(", ");
        let is_there = handlers.any(|(handler, name)| is_it(handler, name));
        assert!(is_there, "`{wanted}` handles no event in this application; these do: {names}");
        self.recorder.deliveries(|attempt| is_it(attempt.handler, &attempt.handler_name))
    }

    /// What has happened so far, as a failing test prints it. Redacted fields are masked.
    pub fn timeline(&self) -> String {
        Timeline(&self.recorder).to_string()
    }
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test runner captures this, and shows it with the failure.
            eprintln!("{}", self.timeline());
        }
    }
}
