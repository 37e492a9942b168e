//! Plugins start in order and shut down in the opposite order.

use std::time::Duration;

use tokio::sync::Mutex;

use super::super::{App, Unfinished};
use super::{AnyPlugin, BoxError};
use crate::handler::BoxFuture;
use crate::log::StoreError;
use crate::runtime::{Panic, catch};

/// The plugins of one application.
pub(crate) struct Plugins {
    in_order: Vec<AnyPlugin>,
    timeout: Duration,
    phase: Mutex<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Built,
    Started,
    ShutDown,
}

impl Plugins {
    pub(crate) fn new(plugins: Vec<AnyPlugin>, timeout: Duration) -> Self {
        Self { in_order: plugins, timeout, phase: Mutex::new(Phase::Built) }
    }

    pub(crate) fn need_start(&self) -> bool {
        self.in_order.iter().any(|plugin| plugin.needs_start())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// Starts all, once. Not cancel safe: if the returned future is dropped, some may have started, and the
    /// caller must shut down.
    pub(crate) async fn start(&self, app: &App) -> Result<(), StartError> {
        let mut phase = self.phase.lock().await;
        match *phase {
            Phase::Built => {}
            Phase::Started => return Ok(()),
            Phase::ShutDown => return Err(StartError::ShutDown),
        }
        for (number, plugin) in self.in_order.iter().enumerate() {
            let started = self.in_time(|| plugin.boxed_start(app)).await;
            if let Err(error) = started {
                *phase = Phase::ShutDown;
                self.shut_down_each(&self.in_order[..number]).await;
                return Err(StartError::Plugin { plugin: plugin.name().to_owned(), error });
            }
        }
        *phase = Phase::Started;
        Ok(())
    }

    /// Shuts all down, once, and returns those that failed.
    pub(crate) async fn shut_down(&self) -> Vec<Unfinished> {
        let mut phase = self.phase.lock().await;
        if std::mem::replace(&mut *phase, Phase::ShutDown) == Phase::ShutDown {
            return Vec::new();
        }
        self.shut_down_each(&self.in_order).await
    }

    async fn shut_down_each(&self, plugins: &[AnyPlugin]) -> Vec<Unfinished> {
        let mut failures = Vec::new();
        for plugin in plugins.iter().rev() {
            if let Err(error) = self.in_time(|| plugin.boxed_shutdown()).await {
                tracing::error!(plugin = plugin.name(), %error, "a plugin failed to shut down");
                let (plugin, reason) = (plugin.name().to_owned(), error.to_string());
                failures.push(Unfinished::Plugin { plugin, reason });
            }
        }
        failures
    }

    async fn in_time<'a>(
        &self,
        step: impl FnOnce() -> BoxFuture<'a, Result<(), BoxError>>,
    ) -> Result<(), BoxError> {
        match tokio::time::timeout(self.timeout, catch(step)).await {
            Ok(Ok(result)) => result,
            Ok(Err(Panic(message))) => Err(format!("panicked: {message}").into()),
            Err(_) => Err(format!("took longer than {:?}", self.timeout).into()),
        }
    }
}

/// An application could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A plugin failed to start. Those that had started before were shut down.
    #[error("plugin `{plugin}` did not start: {error}")]
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// Why.
        error: BoxError,
    },
    /// The application's store is not available, or refused.
    #[error("the handlers cannot start: {0}")]
    Store(#[source] StoreError),
    /// No Tokio runtime is there to run event handlers on.
    #[error("there is no Tokio runtime here to run the event handlers on; call this inside one")]
    NoRuntime,
    /// The application is shut down.
    #[error("the application is shut down, and cannot be started again")]
    ShutDown,
}
