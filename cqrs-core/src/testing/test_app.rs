//! The application under test.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::recorder::Recorder;
use super::timeline::Timeline;
use super::{DeliveryRecord, TestAppBuilder};
use crate::app::{App, AppBuilder};
use crate::bus::{Begun, BusFuture, ExecuteFuture, HandlerState, PublishError};
use crate::context::Context;
use crate::describe::Emission;
use crate::message::{AnyEvent, Command, Event, Published, Query};
use crate::observe::{ExecutionRecord, Happening};
use crate::operations::{DeliveryFilter, FailedDelivery};
use crate::services::TypeRef;

/// Longer than any retry policy takes. On a paused clock, it passes at once.
const LONGEST_WAIT: Duration = Duration::from_hours(365 * 24);

/// The real application, watched. Derefs to [`App`].
///
/// If a test panics, or ends after a call of [`execute`](Self::execute), [`query`](Self::query) or
/// [`publish`](Self::publish) that failed, its drop prints what happened.
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
        TestAppBuilder { app, recorder: Recorder::default() }
    }

    /// Short for `commands().execute`.
    ///
    /// # Errors
    ///
    /// As [`CommandBus::execute`](crate::CommandBus::execute).
    pub fn execute<'a, C: Command>(
        &'a self,
        ctx: &'a Context,
        command: C,
    ) -> ExecuteFuture<'a, Self, C, C::Output, C::Error> {
        BusFuture::new(self, ctx, command, |app, ctx, command, _| {
            app.call(app.commands().execute(ctx, command))
        })
    }

    /// Short for `queries().execute`.
    ///
    /// # Errors
    ///
    /// As [`QueryBus::execute`](crate::QueryBus::execute).
    pub fn query<'a, Q: Query>(
        &'a self,
        ctx: &'a Context,
        query: Q,
    ) -> ExecuteFuture<'a, Self, Q, Q::Output, Q::Error> {
        BusFuture::new(self, ctx, query, |app, ctx, query, _| {
            app.call(app.queries().execute(ctx, query))
        })
    }

    /// Short for `events().publish`.
    ///
    /// # Errors
    ///
    /// As [`EventBus::publish`](crate::EventBus::publish).
    pub fn publish<'a, E: Event>(
        &'a self,
        ctx: &'a Context,
        event: E,
    ) -> BusFuture<'a, Self, E, Result<Uuid, PublishError>> {
        BusFuture::new(self, ctx, event, |app, ctx, event, _| {
            app.call(app.events().publish(ctx, event))
        })
    }

    /// Remembers whether the call failed.
    fn call<'a, T: Send + 'static, E: Send + 'static>(
        &'a self,
        result: impl Future<Output = Result<T, E>> + Send + 'a,
    ) -> Begun<'a, Result<T, E>> {
        Begun::Waits(Box::pin(async move { self.recorder.called(result.await) }))
    }

    /// What was there before: publishes `event`, waits until everything that follows from it is done, and
    /// [forgets](Self::forget) it.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    ///
    /// # Panics
    ///
    /// As [`settled`](Self::settled) and [`forget`](Self::forget).
    pub async fn given<E: Event>(&self, ctx: &Context, event: E) -> Result<(), PublishError> {
        self.publish(ctx, event).await?;
        self.settled().await;
        self.forget();
        Ok(())
    }

    /// What the test is about: publishes `event`, waits until everything that follows from it is done, and returns the
    /// events that handlers published meanwhile, in order.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    ///
    /// # Panics
    ///
    /// As [`settled`](Self::settled).
    pub async fn when<E: Event>(
        &self,
        ctx: &Context,
        event: E,
    ) -> Result<Vec<AnyEvent>, PublishError> {
        let before = self.all_published().len();
        let id = self.publish(ctx, event).await?;
        self.settled().await;
        let published = self.all_published().into_iter().skip(before);
        Ok(published.filter(|event| event.id() != id).collect())
    }

    /// Returns when nothing is queued, running or waiting for a retry: all cascades are done. Cancel safe.
    ///
    /// On a paused clock (`#[tokio::test(start_paused = true)]`) retries take no time. What waits
    /// [behind a dead letter](crate::handler::DeadLetters::Block) is not waited for.
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

    /// Moves the application's clock ahead. What waits for a time until then is due: events that were scheduled with
    /// [`publish_at`](crate::EventBus::publish_at), retries, rates and circuit breakers. Events that are published
    /// later have the new time, and [`deliver_within`](crate::HandlerOptions::deliver_within) counts it. The clocks of
    /// tokio and of databases stay, and so do the time limits of what runs.
    ///
    /// It works on a real clock, with any store. Wait for what follows with [`settled`](Self::settled).
    ///
    /// # Panics
    ///
    /// If the application has a store, and that fails.
    pub async fn advance(&self, by: Duration) {
        let advanced = self.app.advance(by).await;
        advanced.unwrap_or_else(|error| panic!("scheduled events cannot be published: {error}"));
    }

    /// The deliveries that have failed for good, at most 1,000.
    ///
    /// # Panics
    ///
    /// If the application has a store, and that fails.
    pub async fn dead_letters(&self) -> Vec<FailedDelivery> {
        self.recorder.look_at(|_| true);
        let all = DeliveryFilter::dead().limit(DeliveryFilter::MAX_LIMIT);
        let dead_letters = self.app.operations().failed(&all).await;
        dead_letters.unwrap_or_else(|error| panic!("the dead letters cannot be read: {error}"))
    }

    /// The events of type `E` that were published, in order.
    pub fn published<E: Event>(&self) -> Vec<Published<E>> {
        self.all_published().into_iter().filter_map(AnyEvent::downcast).collect()
    }

    /// The events of every type that were published, in order.
    pub fn all_published(&self) -> Vec<AnyEvent> {
        let moments = self.recorder.moments();
        let events = moments.iter().filter_map(|moment| match &moment.what {
            Happening::Published(event) => Some(event.clone()),
            _ => None,
        });
        events.collect()
    }

    /// The executions of the command or query `M` that came to an end, in order.
    pub fn executed<M: 'static>(&self) -> Vec<ExecutionRecord> {
        let wanted = TypeRef::of::<M>();
        let moments = self.recorder.moments();
        let executions = moments.iter().filter_map(|moment| match &moment.what {
            Happening::Executed(execution) if execution.message == wanted => Some(execution),
            _ => None,
        });
        executions.cloned().collect()
    }

    /// The results of the command `C` that was executed, also by handlers, in order: the output, or what the error
    /// says.
    ///
    /// # Panics
    ///
    /// If the builder was not told to [keep](TestAppBuilder::keep_outputs) the outputs of `C`.
    pub fn outputs<C: Command<Output: Clone>>(&self) -> Vec<Result<C::Output, String>> {
        let (keeps, name) = (self.recorder.keeps_outputs::<C>(), TypeRef::of::<C>());
        assert!(
            keeps,
            "the outputs of `{name}` are not kept: `TestApp::builder().keep_outputs::<{name}>()`"
        );
        let results = self.executed::<C>().into_iter().filter_map(|it| match it.failure {
            Some(failure) => Some(Err(failure)),
            None => it.returned?.downcast_ref().cloned().map(Ok),
        });
        results.collect()
    }

    /// The errors that the handler of the command `C` returned, in order, also to other handlers. What middleware refused,
    /// a panic and a time-out are in [`executed`](Self::executed).
    ///
    /// # Panics
    ///
    /// If the builder was not told to [keep](TestAppBuilder::keep_errors) the errors of `C`.
    pub fn errors<C: Command<Error: Clone>>(&self) -> Vec<C::Error> {
        let (keeps, name) = (self.recorder.keeps_errors::<C>(), TypeRef::of::<C>());
        assert!(
            keeps,
            "the errors of `{name}` are not kept: `TestApp::builder().keep_errors::<{name}>()`"
        );
        let failed = self.executed::<C>().into_iter().filter(|it| !it.is_ok());
        failed.filter_map(|it| it.returned?.downcast_ref().cloned()).collect()
    }

    /// What each handler has published and executed so far, whatever came of it, for
    /// [`Description::with_emissions`](crate::describe::Description::with_emissions).
    pub fn observed_emissions(&self) -> Vec<Emission> {
        self.recorder.emissions().iter().cloned().collect()
    }

    /// Forgets what has happened so far, so that the next questions are about what follows. The dead letters and
    /// the [observed emissions](Self::observed_emissions) stay.
    ///
    /// # Panics
    ///
    /// If a delivery has failed, and the test did not [look at it](TestAppBuilder::allow_failures).
    #[track_caller]
    pub fn forget(&self) {
        self.recorder.assert_expected();
        self.recorder.moments().clear();
    }

    /// Accepts every failed delivery of this test; see [`allow_failures`](TestAppBuilder::allow_failures).
    pub fn expect_failures(&self) {
        self.recorder.expect_failures();
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
        let is_panicking = std::thread::panicking();
        // A test may return the error of its last call, which no one can see here.
        if is_panicking || self.recorder.last_call_failed() {
            // The test runner captures this, and shows it if the test fails.
            eprintln!("{}", self.timeline());
        }
        if !is_panicking {
            self.recorder.assert_expected();
        }
    }
}
