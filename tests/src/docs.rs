//! The pages under `docs`, whose code is compiled and run as documentation tests.

#[cfg(doctest)]
#[doc = include_str!("../../docs/activity-log.md")]
struct ActivityLog;

#[cfg(doctest)]
#[doc = include_str!("../../docs/activity-log-reference.md")]
struct ActivityLogReference;

#[cfg(doctest)]
#[doc = include_str!("../../docs/activity-log-web.md")]
struct ActivityLogWeb;

#[cfg(doctest)]
#[doc = include_str!("../../docs/architecture.md")]
struct Architecture;

#[cfg(doctest)]
#[doc = include_str!("../../docs/batches.md")]
struct Batches;

#[cfg(doctest)]
#[doc = include_str!("../../docs/claim-check.md")]
struct ClaimCheck;

#[cfg(doctest)]
#[doc = include_str!("../../docs/coming-from-nestjs.md")]
struct ComingFromNestjs;

#[cfg(doctest)]
#[doc = include_str!("../../docs/databases.md")]
struct Databases;

#[cfg(doctest)]
#[doc = include_str!("../../docs/describe.md")]
struct Describe;

#[cfg(doctest)]
#[doc = include_str!("../../docs/durability.md")]
struct Durability;

#[cfg(doctest)]
#[doc = include_str!("../../docs/durable-speed.md")]
struct DurableSpeed;

#[cfg(doctest)]
#[doc = include_str!("../../docs/events.md")]
struct Events;

#[cfg(doctest)]
#[doc = include_str!("../../docs/handlers.md")]
struct Handlers;

#[cfg(doctest)]
#[doc = include_str!("../../docs/http.md")]
struct Http;

#[cfg(doctest)]
#[doc = include_str!("../../docs/injection.md")]
struct Injection;

#[cfg(doctest)]
#[doc = include_str!("../../docs/middleware.md")]
struct Middleware;

#[cfg(doctest)]
#[doc = include_str!("../../docs/modules.md")]
struct Modules;

#[cfg(all(doctest, feature = "observability"))]
#[doc = include_str!("../../docs/observability.md")]
struct Observability;

#[cfg(doctest)]
#[doc = include_str!("../../docs/operations.md")]
struct Operations;

#[cfg(doctest)]
#[doc = include_str!("../../docs/options.md")]
struct Options;

#[cfg(doctest)]
#[doc = include_str!("../../docs/plugins.md")]
struct Plugins;

#[cfg(doctest)]
#[doc = include_str!("../../docs/pressure.md")]
struct Pressure;

#[cfg(doctest)]
#[doc = include_str!("../../docs/terms.md")]
struct Terms;

#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Testing;

#[cfg(doctest)]
#[doc = include_str!("../../docs/troubleshooting.md")]
struct Troubleshooting;
