//! The builder of an application.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use rustc_hash::FxHashMap;

use super::Modules;
use super::construct::construct;
use super::plugin::{AnyPlugin, Plugin};
use super::{App, BuildError, Problem, ProblemKind, wiring};
use crate::bus::{Hand, PublishMiddleware, PublishMiddlewares};
use crate::handler::{HandlerOptions, HandlerSettings};
use crate::lane::Chance;
use crate::log::Store;
use crate::middleware::{Middleware, Middlewares};
use crate::observe::Observer;
use crate::registry::{HandlerRegistration, Source};
use crate::services::{Injectable, Service, ServiceKey, ServiceValue, TypeRef};

/// Builds an [`App`]. It finds what is annotated; you add the rest here.
#[must_use = "nothing happens until `build`"]
pub struct AppBuilder {
    pub(super) provided: FxHashMap<ServiceKey, ServiceValue>,
    pub(super) registered: Vec<HandlerRegistration>,
    pub(super) named: Modules,
    pub(super) only: Option<Modules>,
    pub(super) without: Modules,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) queue_capacity: usize,
    pub(super) dead_letter_capacity: usize,
    pub(super) payload_limit: usize,
    pub(super) cascade_limit: u32,
    pub(super) starts_by_itself: bool,
    pub(super) middlewares: Middlewares,
    pub(super) publish_middlewares: PublishMiddlewares,
    pub(super) plugins: Vec<AnyPlugin>,
    pub(super) plugin_timeout: Duration,
    pub(super) defaults: HandlerOptions,
    pub(super) settings: Vec<HandlerSettings>,
    pub(super) problems: Vec<Problem>,
    pub(crate) test: TestOptions,
}

/// What only the test kit sets.
#[derive(Default)]
pub(crate) struct TestOptions {
    pub(crate) only_handlers: Option<Vec<TypeId>>,
    pub(crate) chance: Option<Arc<dyn Chance>>,
    pub(crate) hand: Option<Box<dyn Hand>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) retries_at_once: bool,
}

impl Default for AppBuilder {
    fn default() -> Self {
        Self {
            provided: FxHashMap::default(),
            registered: Vec::new(),
            named: Modules::default(),
            only: None,
            without: Modules::default(),
            store: None,
            queue_capacity: 1024,
            dead_letter_capacity: 10_000,
            payload_limit: Self::DEFAULT_PAYLOAD_LIMIT,
            cascade_limit: 1000,
            starts_by_itself: true,
            middlewares: Middlewares::default(),
            publish_middlewares: PublishMiddlewares::default(),
            plugins: Vec::new(),
            plugin_timeout: Duration::from_secs(30),
            defaults: HandlerOptions::DEFAULT,
            settings: Vec::new(),
            problems: Vec::new(),
            test: TestOptions::default(),
        }
    }
}

impl AppBuilder {
    /// The largest payload of an event, in bytes, unless [`payload_limit`](Self::payload_limit) is set.
    pub const DEFAULT_PAYLOAD_LIMIT: usize = 64 * 1024;

    /// Offers `value` to every field of type `T`. The last one of a type wins, so that a test can
    /// replace what the application provides; it also wins over a derived service.
    pub fn provide<T: Service>(self, value: T) -> Self {
        self.provide_as(None, value)
    }

    /// Offers `value` to every field of type `T` that asks for it with `#[inject(name = "..")]`.
    pub fn provide_named<T: Service>(self, name: &'static str, value: T) -> Self {
        self.provide_as(Some(name), value)
    }

    fn provide_as<T: Service>(mut self, name: Option<&'static str>, value: T) -> Self {
        let key = ServiceKey { service: TypeRef::of::<T>(), name };
        self.provided.insert(key, Arc::new(value));
        self
    }

    /// Keeps events in a store: what was published is durable, and reaches every handler at least once, also
    /// after a crash. Every handler becomes a subscription of its stable name, except those that are
    /// `transient`. Without a store, events are in memory.
    ///
    /// ```no_run
    /// use cqrs_core::App;
    /// use cqrs_core::log::MemoryStore;
    ///
    /// // For tests; `cqrs-sql` has stores on SQLite and Postgres.
    /// let app = App::builder().store(MemoryStore::new()).build()?;
    /// # Ok::<(), cqrs_core::BuildError>(())
    /// ```
    pub fn store(self, store: impl Store) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// As [`store`](Self::store), with a store that others use too.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Registers a handler that cannot be annotated; see [`Handler`](crate::Handler).
    pub fn register(mut self, handler: impl Into<HandlerRegistration>) -> Self {
        self.registered.push(handler.into());
        self
    }

    /// Adds what a plugin brings, and lets it take part in start and shutdown.
    pub fn plugin(mut self, plugin: impl Plugin) -> Self {
        let plugin: AnyPlugin = Arc::new(plugin);
        if self.plugins.iter().any(|it| it.name() == plugin.name()) {
            self.problems.push(Problem::new(
                ProblemKind::SharedPluginName,
                format!("plugin `{}` is added more than once", plugin.name()),
                "add it once, or let each have a name of its own",
            ));
            return self;
        }
        self.plugins.push(Arc::clone(&plugin));
        plugin.configure(self)
    }

    /// How many events may lead to an event, each published by a handler of the one before: 1,000 unless
    /// set. Beyond that, publishing is refused, since handlers that publish in a circle would never end.
    pub fn cascade_limit(mut self, events: u32) -> Self {
        self.cascade_limit = events;
        self
    }

    /// How long a plugin may take to start, and to shut down: 30 seconds unless set.
    pub fn plugin_timeout(mut self, timeout: Duration) -> Self {
        self.plugin_timeout = timeout;
        self
    }

    /// Runs a middleware around every command, query and delivery; see [`middleware`](crate::middleware).
    /// The first one added is the outermost.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middlewares = self.middlewares.and(middleware);
        self
    }

    /// Adds a middleware that is built from services, in the same way as a handler. Missing services are in the report of
    /// [`build`](Self::build). If a service `Arc<M>` is offered, it is used as the middleware.
    ///
    /// ```
    /// use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
    /// use cqrs_core::prelude::*;
    ///
    /// trait Audit: Send + Sync {
    ///     fn note(&self, call: &str);
    /// }
    ///
    /// #[derive(Injectable)]
    /// struct AuditCalls { audit: Arc<dyn Audit> }
    ///
    /// impl Middleware for AuditCalls {
    ///     async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
    ///         self.audit.note(call.name());
    ///         next.run(call).await
    ///     }
    /// }
    ///
    /// let builder = App::builder().middleware_of::<AuditCalls>();
    /// # let _ = builder;
    /// ```
    #[track_caller]
    pub fn middleware_of<M: Middleware + Injectable>(mut self) -> Self {
        self.middlewares = self.middlewares.and_of::<M>(Source::caller());
        self
    }

    /// Adds a middleware around every publish; see [`PublishMiddleware`]. The first one that is added is the outermost.
    pub fn publish_middleware(mut self, middleware: impl PublishMiddleware) -> Self {
        self.publish_middlewares = self.publish_middlewares.and(middleware);
        self
    }

    /// As [`publish_middleware`](Self::publish_middleware), with a middleware that is built from services as in
    /// [`middleware_of`](Self::middleware_of).
    #[track_caller]
    pub fn publish_middleware_of<M: PublishMiddleware + Injectable>(mut self) -> Self {
        self.publish_middlewares = self.publish_middlewares.and_of::<M>(Source::caller());
        self
    }

    /// Names crates and modules of this application, so that the linker keeps them. `build` proves that
    /// each contributes something. A linked module runs even if it is not named.
    pub fn modules(mut self, modules: Modules) -> Self {
        self.named = self.named.and(modules);
        self
    }

    /// Runs only what is annotated in these modules, and what is registered by hand. Calls add up.
    pub fn only(mut self, modules: Modules) -> Self {
        self.only.get_or_insert_default().0.extend_from_slice(&modules.0);
        self.modules(modules)
    }

    /// Runs only what is registered by hand, and nothing that is annotated: for tests that need an
    /// application of their own. [`only`](Self::only) adds modules to it.
    pub fn bare(mut self) -> Self {
        self.only = Some(Modules::default());
        self
    }

    /// Leaves out what is annotated in these modules.
    pub fn without(mut self, modules: Modules) -> Self {
        self.without = self.without.and(modules);
        self
    }

    /// How many deliveries one handler may have waiting, running and being retried, before publishing
    /// waits: 1,024 unless set; 0 counts as 1. What handlers publish is always admitted.
    ///
    /// Tenants share the capacity. When it is used up, a tenant without a delivery in the queue may still
    /// add one, up to as many again for all tenants, so that no tenant waits for the backlog of another.
    /// Waiting publishers are admitted tenant by tenant, and within a tenant in the order of their calls.
    ///
    /// With a store, it is how many deliveries of each shard a handler has read ahead, and as many of each of up to
    /// eight tenants of the shard whose backlogs are read separately; publishers do not wait for
    /// handlers, except for those that are `transient`.
    pub fn queue_capacity(mut self, deliveries: usize) -> Self {
        self.queue_capacity = deliveries.max(1);
        self
    }

    /// How many dead letters are kept: 10,000 unless set. Beyond that, the oldest is dropped.
    pub fn dead_letter_capacity(mut self, letters: usize) -> Self {
        self.dead_letter_capacity = letters;
        self
    }

    /// The largest payload of an event, in bytes of JSON: 64 KiB unless set.
    pub fn payload_limit(mut self, bytes: usize) -> Self {
        self.payload_limit = bytes;
        self
    }

    /// Sets defaults for options that a handler leaves out in its annotation, or in `.options(..)` if it is registered by
    /// hand. `retry(..)` is one option, and `breaker(..)` is one: parts of them that are left out have the framework's
    /// default. For handlers of commands and queries, only the time-out counts, and `retry` for commands that are retried.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use cqrs_core::{App, HandlerOptions, RetryPolicy};
    ///
    /// let patient = RetryPolicy::DEFAULT.with_attempts(20);
    /// let defaults = HandlerOptions::DEFAULT.retry(patient).timeout(Some(Duration::from_secs(10)));
    /// let app = App::builder().defaults(defaults).build()?;
    /// # Ok::<(), cqrs_core::BuildError>(())
    /// ```
    pub fn defaults(mut self, options: HandlerOptions) -> Self {
        self.defaults = options.or(self.defaults);
        self
    }

    /// Adds options from configuration, which replace those of the code; see [`HandlerSettings`]. If several calls set the
    /// same option, the last one counts.
    pub fn settings(mut self, settings: HandlerSettings) -> Self {
        self.settings.push(settings);
        self
    }

    /// Lets event handlers run only after [`App::start`]. What is published before is kept.
    pub fn start_manually(mut self) -> Self {
        self.starts_by_itself = false;
        self
    }

    /// Wires the application, or reports everything that is wired wrongly. Needs no Tokio runtime and
    /// starts nothing.
    ///
    /// # Errors
    ///
    /// [`BuildError`] lists every problem with handler, field, type, file and line. A service that is made by an
    /// asynchronous [`#[provider]`](macro@crate::provider) needs [`build_async`](Self::build_async).
    pub fn build(self) -> Result<App, BuildError> {
        let plan = wiring::plan(self)?;
        let problems = plan.providers.check_synchronous();
        if !problems.is_empty() {
            return Err(BuildError(problems));
        }
        let built = construct(plan).now_or_never();
        built.unwrap_or_else(|| unreachable!("providers that are not asynchronous do not wait"))
    }

    /// As [`build`](Self::build), but also runs asynchronous [providers](macro@crate::provider), each after those of the
    /// services that it needs. No provider runs before the whole wiring is proved.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), or the error of the first provider that fails. No further provider runs then.
    pub async fn build_async(self) -> Result<App, BuildError> {
        construct(wiring::plan(self)?).await
    }
}

impl fmt::Debug for AppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppBuilder")
            .field("registered", &self.registered)
            .field("modules", &self.named)
            .finish_non_exhaustive()
    }
}
