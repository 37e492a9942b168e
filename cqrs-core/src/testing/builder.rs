//! The builder of an application for a test.

use std::sync::Arc;

use super::TestApp;
use super::recorder::Recorder;
use super::shuffle::{Shuffle, choose_seed};
use crate::app::{AppBuilder, BuildError};
use crate::bus::{Hand, Route};
use crate::message::AnyEvent;
use crate::registry::HandlerRegistration;
use crate::schedule::Keys;
use crate::services::{Service, TypeRef};

/// Builds a [`TestApp`].
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

    /// Registers a handler that is not annotated; see [`Handler`](crate::Handler).
    pub fn register(self, handler: impl Into<HandlerRegistration>) -> Self {
        self.configure(|app| app.register(handler))
    }

    /// Changes other settings of the application.
    pub fn configure(self, change: impl FnOnce(AppBuilder) -> AppBuilder) -> Self {
        Self { app: change(self.app), ..self }
    }

    /// Runs only the handler `H` and what is registered by hand. A further call adds another handler. Only
    /// the services that they need are checked and built.
    pub fn only<H: 'static>(mut self) -> Self {
        let only = &mut self.app.test.only_handlers;
        only.get_or_insert_default().push(TypeRef::of::<H>().id());
        self
    }

    /// Delivers events and runs tasks in a different order for each seed, within what the guarantees allow.
    /// `None` takes a random seed.
    ///
    /// The seed is printed when the test fails; set the environment variable `CQRS_TEST_SEED` to it to run
    /// the same order again, on a current-thread runtime with a paused clock.
    ///
    /// # Panics
    ///
    /// If `CQRS_TEST_SEED` is set to something that is not a number.
    pub fn shuffle(mut self, seed: impl Into<Option<u64>>) -> Self {
        let seed = choose_seed(seed.into());
        self.app.test.chance = Some(Arc::new(Shuffle::new(seed)));
        self.seed = Some(seed);
        self
    }

    /// Delivers every event to every handler a second time, right after the first delivery is settled. A
    /// test then shows handlers that are not idempotent.
    pub fn deliver_twice(mut self) -> Self {
        self.app.test.hand = Some(Box::new(Twice));
        self
    }

    /// Wires the application.
    ///
    /// # Errors
    ///
    /// As [`AppBuilder::build`].
    pub fn build(mut self) -> Result<TestApp, BuildError> {
        let recorder = self.observe();
        Ok(TestApp { app: self.app.build()?, recorder })
    }

    /// Wires the application, and runs its asynchronous [providers](macro@crate::provider).
    ///
    /// # Errors
    ///
    /// As [`AppBuilder::build_async`].
    pub async fn build_async(mut self) -> Result<TestApp, BuildError> {
        let recorder = self.observe();
        Ok(TestApp { app: self.app.build_async().await?, recorder })
    }

    fn observe(&mut self) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::new(self.seed));
        self.app.test.observer = Some(recorder.clone());
        recorder
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
