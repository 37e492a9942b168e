//! The router's settings.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cqrs_core::Context;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::permits::Permits;
use super::product::Product;
use crate::log::ActivityLog;

/// How many chains are verified at once, each tenant's once.
const VERIFY_LIMIT: usize = 2;

/// Whether a context may see the log.
type Authorize = Arc<dyn Fn(&Context) -> bool + Send + Sync>;

/// The router's settings: who may see the log, and when live tails end.
///
/// ```
/// use cqrs_activity_log::{ActivityLog, web::Pages};
///
/// fn router(log: ActivityLog, shutdown: impl Future<Output = ()> + Send + 'static) -> axum::Router {
///     Pages::new(log)
///         .authorize(|ctx| ctx.attribute("role") == Some("auditor"))
///         .until(shutdown)
///         .into_router()
/// }
/// ```
#[must_use = "nothing is served until `into_router`"]
#[derive(Clone)]
pub struct Pages {
    pub(super) log: ActivityLog,
    pub(super) authorize: Option<Authorize>,
    pub(super) until: Option<Shared<BoxFuture<'static, ()>>>,
    pub(super) product: Option<Product>,
    pub(super) live: Permits,
    pub(super) live_for: Duration,
    pub(super) verifying: Permits,
}

impl Pages {
    /// How many live tails there can be at once by default.
    pub const DEFAULT_LIVE_LIMIT: usize = 256;
    /// How long one connection of a live tail lasts by default.
    pub const DEFAULT_LIVE_FOR: Duration = Duration::from_mins(1);

    /// For every user of the tenant, with live tails that end with the server.
    pub fn new(log: ActivityLog) -> Self {
        Self {
            log,
            authorize: None,
            until: None,
            product: None,
            live: live_permits(Self::DEFAULT_LIVE_LIMIT),
            live_for: Self::DEFAULT_LIVE_FOR,
            verifying: Permits::new(VERIFY_LIMIT, 1),
        }
    }

    /// Answers with 403 if `may` returns false for the request's context.
    pub fn authorize(mut self, may: impl Fn(&Context) -> bool + Send + Sync + 'static) -> Self {
        self.authorize = Some(Arc::new(may));
        self
    }

    /// Ends live tails when `shutdown` completes. Otherwise a server that waits for its connections
    /// (`with_graceful_shutdown`) waits for live tails too.
    pub fn until(mut self, shutdown: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Some(shutdown.boxed().shared());
        self
    }

    /// A link back to the product that the page is part of, with this name, above the page's header. `href` is a
    /// path, such as `/`, or a URL that begins with `https://` or `http://`.
    ///
    /// # Panics
    ///
    /// If it is neither.
    pub fn home(mut self, href: &str, name: &str) -> Self {
        let product = Product::new(href, name);
        assert!(
            product.is_some(),
            "`{href}` is no way home: give a path such as `/`, or a URL that begins with `https://`"
        );
        self.product = product;
        self
    }

    /// How many live tails there can be at once, [`DEFAULT_LIVE_LIMIT`](Self::DEFAULT_LIVE_LIMIT) by default. One
    /// tenant can have a quarter of them, and at least one. More are answered with 503.
    pub fn live_limit(mut self, limit: usize) -> Self {
        self.live = live_permits(limit);
        self
    }

    /// How long one connection of a live tail lasts, [`DEFAULT_LIVE_FOR`](Self::DEFAULT_LIVE_FOR) by default.
    ///
    /// Access is checked when a connection opens. So a user who signs out or loses the right to see the log still
    /// receives new entries for this long. A browser reconnects by itself after two seconds, is checked again, and
    /// misses no entry.
    pub fn live_for(mut self, duration: Duration) -> Self {
        self.live_for = duration;
        self
    }
}

fn live_permits(limit: usize) -> Permits {
    Permits::new(limit, (limit / 4).max(1))
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("log", &self.log).finish_non_exhaustive()
    }
}
