//! The builder of an application for a test.

use std::sync::Arc;

use super::TestApp;
use super::recorder::Recorder;
use super::shuffle::{Shuffle, choose_seed};
use crate::app::{AppBuilder, BuildError};
use crate::bus::{Hand, Route};
use crate::message::{AnyEvent, Command};
use crate::registry::HandlerRegistration;
use crate::schedule::Keys;
use crate::services::{Service, TypeRef};

/// Builds a [`TestApp`].
#[derive(Debug)]
#[must_use = "nothing happens until `build`"]
pub struct TestAppBuilder {
    pub(super) app: AppBuilder,
    pub(super) recorder: Recorder,
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
        self.recorder.seed = Some(seed);
        self
    }

    /// Delivers every event to every handler a second time, right after the first delivery is settled. A
    /// test then shows handlers that are not idempotent.
    pub fn deliver_twice(mut self) -> Self {
        self.app.test.hand = Some(Box::new(Twice));
        self
    }

    /// Lets a failed delivery be tried again at once, whatever its handler's back-off: for tests on a real clock. A
    /// delay that a handler asks for itself, with [`retry_after`](crate::HandlerError::retry_after), still passes.
    pub fn retries_at_once(mut self) -> Self {
        self.app.test.retries_at_once = true;
        self
    }

    /// Accepts deliveries that fail for good, and panics. Without it, they fail a test that does not look at them: with
    /// [`dead_letters`](TestApp::dead_letters), with [`deliveries_to`](TestApp::deliveries_to) their handler,
    /// or with [`expect_failures`](TestApp::expect_failures). The drop of the [`TestApp`] panics then, unless the
    /// test panics already.
    pub fn allow_failures(mut self) -> Self {
        self.recorder.allows_failures = true;
        self
    }

    /// Keeps a copy of each output of the command `C`, for [`outputs`](TestApp::outputs).
    pub fn keep_outputs<C: Command<Output: Clone + Sync>>(mut self) -> Self {
        self.recorder.keep_outputs::<C>();
        self
    }

    /// Keeps a copy of each error that the handler of the command `C` returns, for [`errors`](TestApp::errors).
    pub fn keep_errors<C: Command<Error: Clone + Sync>>(mut self) -> Self {
        self.recorder.keep_errors::<C>();
        self
    }

    /// Wires the application.
    ///
    /// # Errors
    ///
    /// As [`AppBuilder::build`].
    pub fn build(self) -> Result<TestApp, BuildError> {
        let (app, recorder) = self.observed();
        Ok(TestApp { app: app.build()?, recorder })
    }

    /// Wires the application, and runs its asynchronous [providers](macro@crate::provider).
    ///
    /// # Errors
    ///
    /// As [`AppBuilder::build_async`].
    pub async fn build_async(self) -> Result<TestApp, BuildError> {
        let (app, recorder) = self.observed();
        Ok(TestApp { app: app.build_async().await?, recorder })
    }

    fn observed(mut self) -> (AppBuilder, Arc<Recorder>) {
        let recorder = Arc::new(self.recorder);
        self.app.test.observer = Some(recorder.clone());
        (self.app, recorder)
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
