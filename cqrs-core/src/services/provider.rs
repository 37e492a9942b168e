//! Functions that make a service.

use std::error::Error;
use std::future::Future;

use super::{Injectable, Service};

/// A function that makes a service, such as a pool of connections. `#[provider]` implements it.
///
/// ```no_run
/// use cqrs_core::prelude::*;
///
/// #[derive(Clone)]
/// struct Config { url: &'static str }
///
/// #[derive(Clone)]
/// struct Database { url: &'static str }
///
/// #[provider]
/// async fn database(config: &Config) -> Result<Database, std::io::Error> {
///     // Connects.
///     Ok(Database { url: config.url })
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let app = App::builder().provide(Config { url: "db://here" }).build_async().await?;
///     assert_eq!(app.service::<Database>()?.url, "db://here");
///     Ok(())
/// }
/// ```
pub trait Provider: Injectable {
    /// The service that it makes.
    type Service: Service;

    /// Whether it needs [`AppBuilder::build_async`](crate::AppBuilder::build_async).
    const IS_ASYNC: bool;

    /// Makes the service, once per application.
    ///
    /// # Errors
    ///
    /// The reason why the service cannot be made. The application is not built then.
    fn provide(
        &self,
    ) -> impl Future<Output = Result<Self::Service, Box<dyn Error + Send + Sync>>> + Send;
}
