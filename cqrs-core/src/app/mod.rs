//! The application: its wiring, start and shutdown.

mod builder;
mod construct;
mod handlers;
mod health;
mod hint;
mod modules;
mod plugin;
mod problem;
mod providers;
mod settings;
mod shutdown;
mod wired;
mod wiring;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::plugin::Plugins;
use uuid::Uuid;

use crate::bus::{
    BusFuture, CommandBus, CommandExecutors, EventBus, EventHub, ExecuteFuture, HandlerControl,
    PublishError, QueryBus, QueryExecutors, UnknownHandler,
};
use crate::context::Context;
use crate::lane::Failure;
use crate::log::StoreError;
use crate::message::{Command, Event, Query};
use crate::operations::Operations;
use crate::runtime::{Lifecycle, Live};
use crate::services::{MissingService, Service, Services, TypeRef};

pub use self::builder::AppBuilder;
pub use self::health::{HandlerHealth, Health, StoreHealth};
pub use self::modules::Modules;
pub use self::plugin::{BoxError, Plugin, StartError};
pub use self::problem::{BuildError, Problem, ProblemKind};
pub use self::shutdown::{ShutdownReport, Unfinished};
pub(crate) use self::wired::{Wired, WiredService};
#[cfg(feature = "cli")]
pub(crate) use self::wiring::plan;

/// How often it is looked whether handlers have handled what is in the log.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running application: its buses, its services and its workers.
///
/// Cloning is cheap and gives the same application. Dropping the last clone stops it at once, and queued
/// deliveries are lost. Call [`shutdown`](Self::shutdown) first.
///
/// ```standalone_crate
/// use cqrs_core::prelude::*;
///
/// #[derive(Command)]
/// #[command(output = String)]
/// struct Greet { name: String }
///
/// #[command_handler(Greet)]
/// struct GreetHandler { greeting: Arc<str> }
///
/// impl CommandHandler<Greet> for GreetHandler {
///     async fn execute(&self, command: Greet, _: &Context) -> Result<String, HandlerError> {
///         Ok(format!("{}, {}!", self.greeting, command.name))
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let app = App::builder().provide::<Arc<str>>("Hello".into()).build()?;
///     let ctx = Context::for_tenant("acme")?;
///     let text = app.execute(&ctx, Greet { name: "Ada".into() }).await?;
///     assert_eq!(text, "Hello, Ada!");
///     let report = app.shutdown(Duration::from_secs(30)).await;
///     println!("{report}");
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct App(Arc<Running>);

struct Running {
    lifecycle: Arc<Lifecycle>,
    services: Services,
    wired: Wired,
    hub: Arc<EventHub>,
    operations: Operations,
    command_executors: Arc<CommandExecutors>,
    query_executors: Arc<QueryExecutors>,
    events: EventBus,
    commands: CommandBus,
    queries: QueryBus,
    plugins: Plugins,
    /// What was not finished at the stop; written once.
    report: Mutex<ShutdownReport>,
}

impl App {
    /// Starts to build an application from everything that is annotated in the linked crates.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// Publishes events.
    pub fn events(&self) -> &EventBus {
        &self.0.events
    }

    /// Executes commands.
    pub fn commands(&self) -> &CommandBus {
        &self.0.commands
    }

    /// Executes queries.
    pub fn queries(&self) -> &QueryBus {
        &self.0.queries
    }

    /// Publishes an event: short for [`events().publish`](EventBus::publish).
    ///
    /// # Errors
    ///
    /// As [`EventBus::publish`].
    pub fn publish<'a, E: Event>(
        &'a self,
        ctx: &'a Context,
        event: E,
    ) -> BusFuture<'a, EventBus, E, Result<Uuid, PublishError>> {
        self.events().publish(ctx, event)
    }

    /// Executes a command: short for [`commands().execute`](CommandBus::execute).
    ///
    /// # Errors
    ///
    /// As [`CommandBus::execute`].
    pub fn execute<'a, C: Command>(
        &'a self,
        ctx: &'a Context,
        command: C,
    ) -> ExecuteFuture<'a, CommandBus, C, C::Output, C::Error> {
        self.commands().execute(ctx, command)
    }

    /// Asks a query: short for [`queries().execute`](QueryBus::execute).
    ///
    /// # Errors
    ///
    /// As [`QueryBus::execute`].
    pub fn query<'a, Q: Query>(
        &'a self,
        ctx: &'a Context,
        query: Q,
    ) -> ExecuteFuture<'a, QueryBus, Q, Q::Output, Q::Error> {
        self.queries().execute(ctx, query)
    }

    /// A clone of the service of type `T`, such as `Arc<EmployeeService>`, for HTTP routes and the like.
    ///
    /// # Errors
    ///
    /// [`MissingService`] if the application has no service of this type.
    pub fn service<T: Service>(&self) -> Result<T, MissingService> {
        self.0.services.get().ok_or(MissingService { service: TypeRef::of::<T>() })
    }

    /// What operators look at and change: dead letters, subscriptions, nodes.
    pub fn operations(&self) -> &Operations {
        &self.0.operations
    }

    /// Failed attempts from now on, as they happen; the stream ends with the application.
    pub fn failures(&self) -> Live<Failure> {
        self.0.hub.dispatcher.shared.failures.subscribe(Some)
    }

    /// The event handlers, sorted by name: each shows its state and can be paused.
    pub fn handlers(&self) -> Vec<HandlerControl> {
        self.0.hub.dispatcher.controls().collect()
    }

    /// The event handler with this stable name.
    ///
    /// # Errors
    ///
    /// [`UnknownHandler`] suggests names that look alike. Handlers of commands and queries are not
    /// queued and have nothing to pause.
    pub fn handler(&self, name: &str) -> Result<HandlerControl, UnknownHandler> {
        self.0.hub.dispatcher.control(name)
    }

    /// Starts the plugins in order, and lets the event handlers run, beginning with what has been
    /// published already.
    ///
    /// Needed by some plugins, and after [`AppBuilder::start_manually`]; otherwise the first publish starts.
    ///
    /// # Errors
    ///
    /// [`StartError`] when a plugin does not start, or the application is shut down.
    pub async fn start(&self) -> Result<(), StartError> {
        self.0.plugins.start(self).await?;
        if let Some(engine) = self.0.hub.dispatcher.engine() {
            engine.start().await.map_err(StartError::Store)?;
        }
        self.0.hub.dispatcher.start().map_err(|_| StartError::NoRuntime)
    }

    /// Sets the gauges of queues and dead letters to what they are now, as the application does every five
    /// seconds while event handlers run. A [`TestApp`](crate::testing::TestApp) does not.
    #[cfg(feature = "metrics")]
    pub fn sample_metrics(&self) {
        self.0.hub.dispatcher.sample();
    }

    /// Returns when a shutdown begins, so that an HTTP server, for example, can stop too. Cancel safe.
    pub async fn shutting_down(&self) {
        self.0.lifecycle.draining.cancelled().await;
    }

    /// Returns when nothing is queued, running or waiting for its next attempt: all cascades of what has
    /// been published are done. It also waits for what is published meanwhile, for the deliveries of paused
    /// handlers, and for those that wait [behind a dead letter](crate::handler::DeadLetters::Block); put a
    /// [`timeout`](tokio::time::timeout) around it if these could keep it waiting.
    ///
    /// Cancel safe. Never returns inside a handler, because the handler itself is in flight.
    pub async fn idle(&self) {
        self.caught_up_and(|| self.0.lifecycle.idle(), false).await;
    }

    /// Returns when all work in flight waits for handlers that do not run, and nothing in the log waits for others.
    pub(crate) async fn settled(&self) {
        self.caught_up_and(|| self.idle_but_waiting(), true).await;
    }

    /// Waits until `idle` returns, and the handlers have handled what is in the log; `but_waiting` leaves out those that
    /// are paused, and what waits behind dead letters.
    async fn caught_up_and<F: Future<Output = ()>>(&self, idle: impl Fn() -> F, but_waiting: bool) {
        loop {
            idle().await;
            let Some(engine) = self.0.hub.dispatcher.engine() else { return };
            let end = engine.end().await;
            if let Err(error) = &end {
                tracing::warn!(%error, "the log cannot be read; trying again");
            }
            // What handlers do after the first look, and what they publish meanwhile, counts too.
            if let Ok(end) = end
                && engine.is_caught_up(end, but_waiting)
                && tokio::time::timeout(Duration::ZERO, idle()).await.is_ok()
                && engine.end().await.is_ok_and(|last| last == end)
            {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Refuses new work from outside, finishes the work in flight with all that it causes, at most for
    /// `timeout`, shuts down the plugins, and reports what it could not finish. A second call, also on a
    /// clone, gives the same report.
    ///
    /// What handlers publish and execute while the application drains is still accepted. At the end of
    /// `timeout`, handlers that still run are cancelled at their next `.await`. Deliveries of a paused
    /// handler, and those that wait behind a dead letter, are reported, not waited for. Do not await it inside a
    /// handler, which it would wait for.
    ///
    /// Cancel safe: if the returned future is dropped, new work is still refused and draining continues.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime, because it needs a timer.
    pub async fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.0.lifecycle.close_intake();
        let engine = self.0.hub.dispatcher.engine();
        if let Some(engine) = engine {
            engine.stop_feeding();
        }
        let _ = tokio::time::timeout(timeout, self.idle_but_waiting()).await;
        self.0.stop();
        if let Some(engine) = engine {
            engine.finish().await;
        }
        let failures = self.0.plugins.shut_down().await;
        self.0.report(|report| {
            report.dead_letters = self.0.hub.dispatcher.letters().kept().letters.len();
            report.unfinished.extend(failures);
            report.clone()
        })
    }

    /// Type and stable name of every handler of events, sorted by name.
    pub(crate) fn event_handlers(&self) -> impl Iterator<Item = (TypeRef, &str)> + Clone {
        self.0.hub.dispatcher.handlers()
    }

    /// Returns when all work in flight waits for handlers that do not run: paused ones, or all handlers
    /// before the start; or behind dead letters. Cancel safe.
    pub(crate) async fn idle_but_waiting(&self) {
        let dispatcher = &self.0.hub.dispatcher;
        self.0.lifecycle.idle_but(|| dispatcher.waiting_in_vain()).await;
    }

    /// Moves the clock ahead, and begins what is due then.
    pub(crate) async fn advance(&self, by: Duration) -> Result<(), StoreError> {
        self.0.lifecycle.clock.advance(by);
        self.0.hub.dispatcher.note_time();
        match self.0.hub.dispatcher.engine() {
            Some(engine) => engine.note_time().await,
            None => Ok(()),
        }
    }

    /// Whether events wait for workers that were never started.
    pub(crate) fn waits_for_start(&self) -> bool {
        let dispatcher = &self.0.hub.dispatcher;
        !dispatcher.is_started() && dispatcher.has_work()
    }
}

impl Running {
    /// Ends everything, once, and records what was not finished.
    fn stop(&self) {
        self.report(|report| {
            if self.lifecycle.is_stopped() {
                return;
            }
            let mut executions = self.command_executors.running();
            executions.extend(self.query_executors.running());
            self.lifecycle.close_gate();
            let undelivered = self.hub.dispatcher.drain();
            let tasks = self.lifecycle.tasks();
            self.lifecycle.stop();
            self.hub.end_streams();
            *report = ShutdownReport::new(executions, undelivered, tasks);
        });
    }

    fn report<T>(&self, with: impl FnOnce(&mut ShutdownReport) -> T) -> T {
        with(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.lifecycle.is_stopped() {
            return;
        }
        self.stop();
        let report = self.report(|report| report.clone());
        if !report.is_clean() || !self.plugins.is_empty() {
            tracing::warn!(%report, "an application was dropped without a shutdown: call `shutdown` first");
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("shut_down", &self.0.lifecycle.is_closed())
            .finish_non_exhaustive()
    }
}
