//! Plugins: how other crates add themselves to an application.

mod lifetime;

use std::error::Error;
use std::future::{Future, ready};
use std::sync::Arc;

use crate::app::{App, AppBuilder};
use crate::handler::BoxFuture;

pub(crate) use self::lifetime::Plugins;
pub use self::lifetime::StartError;

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What another crate adds to an application in one line: services, handlers, middleware, and what it does
/// when the application starts and stops.
///
/// Plugins start in the order in which they were added, and shut down in the opposite order, after the
/// application has drained. Each start and each shutdown may take [`AppBuilder::plugin_timeout`].
///
/// ```
/// use cqrs_core::prelude::*;
/// use cqrs_core::middleware::Log;
/// use cqrs_core::{AppBuilder, Plugin};
///
/// struct Metrics { registry: Arc<std::sync::Mutex<Vec<String>>> }
///
/// impl Plugin for Metrics {
///     fn name(&self) -> &str {
///         "metrics"
///     }
///
///     fn configure(&self, app: AppBuilder) -> AppBuilder {
///         app.provide(self.registry.clone()).middleware(Log)
///     }
/// }
///
/// let builder = App::builder().plugin(Metrics { registry: Arc::default() });
/// # let _ = builder;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no plugin",
    note = "a plugin that is opened first has to be there already: `.plugin(ActivityLog::sqlite(..).await?)`"
)]
pub trait Plugin: Send + Sync + 'static {
    /// Its name in errors and reports; unique in an application.
    fn name(&self) -> &str;

    /// Adds to the application. A service that the application provides later replaces one that the plugin
    /// provides.
    fn configure(&self, app: AppBuilder) -> AppBuilder {
        app
    }

    /// Whether [`start`](Self::start) must end before the first event is handled. Then event handlers do
    /// not run before [`App::start`]; what is published before is kept.
    fn needs_start(&self) -> bool {
        false
    }

    /// Part of [`App::start`]. An error, a panic or too much time fails the start, and shuts down what
    /// has been started.
    fn start(&self, app: &App) -> impl Future<Output = Result<(), BoxError>> + Send
    where
        Self: Sized,
    {
        let _ = app;
        ready(Ok(()))
    }

    /// Part of [`App::shutdown`], whether or not it was started. An error, a panic or too much time is
    /// reported; the other plugins shut down all the same. Not called when an application is dropped.
    fn shutdown(&self) -> impl Future<Output = Result<(), BoxError>> + Send
    where
        Self: Sized,
    {
        ready(Ok(()))
    }
}

/// A [`Plugin`] whose type is not known.
pub(crate) trait ErasedPlugin: Plugin {
    fn boxed_start<'a>(&'a self, app: &'a App) -> BoxFuture<'a, Result<(), BoxError>>;
    fn boxed_shutdown(&self) -> BoxFuture<'_, Result<(), BoxError>>;
}

impl<P: Plugin> ErasedPlugin for P {
    fn boxed_start<'a>(&'a self, app: &'a App) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(self.start(app))
    }

    fn boxed_shutdown(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.shutdown())
    }
}

/// A plugin that can be shared.
pub(crate) type AnyPlugin = Arc<dyn ErasedPlugin>;

/// Declares that a service does nothing without its plugin, which provides it. If the service is missing, `build`
/// names the plugin; if it is provided without the plugin, `build` refuses.
///
/// ```no_run
/// use cqrs_core::{App, AppBuilder, Plugin};
///
/// #[derive(Clone)]
/// struct Search;
///
/// impl Plugin for Search {
///     fn name(&self) -> &str { "search" }
///     fn configure(&self, app: AppBuilder) -> AppBuilder { app.provide(self.clone()) }
/// }
///
/// cqrs_core::plugin_service!(Search, "search");
///
/// assert!(App::builder().provide(Search).build().is_err());
/// assert!(App::builder().plugin(Search).build().is_ok());
/// ```
#[macro_export]
macro_rules! plugin_service {
    ($service:ty, $plugin:literal) => {
        $crate::macro_support::inventory::submit! {
            $crate::macro_support::PluginService::of::<$service>($plugin)
        }
    };
}
