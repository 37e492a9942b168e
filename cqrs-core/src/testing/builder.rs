//! Putting an application together for a test.

use std::borrow::Cow;
use std::sync::Arc;

use super::TestApp;
use super::recorder::Recorder;
use super::shuffle::{Shuffle, choose_seed};
use crate::app::{AppBuilder, BuildError, Modules};
use crate::bus::{Hand, Route};
use crate::message::AnyEvent;
use crate::registry::HandlerRegistration;
use crate::schedule::Keys;
use crate::services::{Service, TypeRef};

/// Puts a [`TestApp`] together.
#[derive(Debug)]
#[must_use = "nothing happens until `build`"]
pub struct TestAppBuilder {
    pub(super) app: AppBuilder,
    pub(super) seed: Option<u64>,
}

impl TestAppBuilder {
    /// Offers `value` to every field of type `T`, in place of what the application offers: a fake.
    pub fn provide<T: Service>(self, value: T) -> Self {
        self.configure(|app| app.provide(value))
    }

    /// Offers `value` to every field of type `T` that asks for it by this name.
    pub fn provide_named<T: Service>(self, name: impl Into<Cow<'static, str>>, value: T) -> Self {
        self.configure(|app| app.provide_named(name, value))
    }

    /// Registers a handler that is not annotated; see [`Handler`](crate::Handler).
    pub fn register(self, handler: impl Into<HandlerRegistration>) -> Self {
        self.configure(|app| app.register(handler))
    }

    /// Names modules; see [`AppBuilder::modules`].
    pub fn modules(self, modules: Modules) -> Self {
        self.configure(|app| app.modules(modules))
    }

    /// Changes anything else of the application.
    pub fn configure(self, change: impl FnOnce(AppBuilder) -> AppBuilder) -> Self {
        Self { app: change(self.app), ..self }
    }

    /// Runs only the handler `H` and what is registered by hand; called again, also another one. Only
    /// services that they need are built, and only they are checked.
    pub fn only<H: 'static>(mut self) -> Self {
        let only = &mut self.app.test_options().only_handlers;
        only.get_or_insert_default().push(TypeRef::of::<H>().id());
        self
    }

    /// Runs handlers and entities in another order for each seed, and lets tasks overtake each other:
    /// all that the guarantees leave open. `None` takes a random seed.
    ///
    /// The seed is printed when the test fails; set the environment variable `CQRS_TEST_SEED` to it to
    /// run the same order again. On a current-thread runtime with a paused clock, a seed stands for
    /// exactly one order.
    ///
    /// # Panics
    ///
    /// When `CQRS_TEST_SEED` is set and no number.
    pub fn shuffle(mut self, seed: impl Into<Option<u64>>) -> Self {
        let seed = choose_seed(seed.into());
        self.app.test_options().chance = Some(Arc::new(Shuffle::new(seed)));
        self.seed = Some(seed);
        self
    }

    /// Delivers every event to every handler a second time, right after the first is settled: whoever
    /// handles an event twice in effect is not idempotent.
    pub fn deliver_twice(mut self) -> Self {
        self.app.test_options().hand = Some(Box::new(Twice));
        self
    }

    /// Wires the application.
    ///
    /// # Errors
    ///
    /// As [`AppBuilder::build`].
    pub fn build(mut self) -> Result<TestApp, BuildError> {
        let recorder = Arc::new(Recorder::new(self.seed));
        self.app.test_options().observer = Some(recorder.clone());
        Ok(TestApp { app: self.app.build()?, recorder })
    }
}

/// Hands each event on twice.
struct Twice;

impl Hand for Twice {
    /// The second delivery begins when the first is settled, also if the handler has no order.
    fn hand(&self, route: &Route, event: &AnyEvent, keys: Keys, has_permit: bool) {
        let id = event.id().as_u64_pair().1;
        let keys = Keys { order: keys.order.or(Some(id)), ..keys };
        route.push(event.clone(), keys, has_permit);
        route.push(event.clone(), keys, false);
    }
}
