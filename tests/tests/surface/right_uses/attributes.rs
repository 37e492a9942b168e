//! Attributes of the language on handlers and on their fields: `cfg`, `cfg_attr`, `doc` and lints.

#![deny(warnings)]

use std::sync::atomic::AtomicU32;

use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct Created;

#[deprecated]
#[derive(Serialize, Deserialize, Event)]
struct Old;

#[derive(Command)]
struct Create;

trait Clock: Send + Sync {}

#[deprecated]
trait OldClock: Send + Sync {}

/// A handler with a documentation.
#[doc(alias = "everything")]
#[cfg(not(any()))]
#[cfg_attr(all(), events_handler(Created))]
#[warn(dead_code)]
#[expect(dead_code, reason = "fields are never read")]
struct EverythingConditional {
    /// An `AtomicU32` is no service, so it must not be injected.
    #[cfg_attr(all(), inject(default))]
    default: AtomicU32,
    #[cfg_attr(any(), inject(default))]
    clock: Arc<dyn Clock>,
    #[cfg_attr(any(), inject(default))]
    #[cfg_attr(all(), inject(name = "second"))]
    second: Arc<dyn Clock>,
    #[cfg_attr(all(), cfg_attr(all(), inject(default), doc = "Two levels."))]
    nested: AtomicU32,
    #[cfg_attr(all(), cfg(any()))]
    never: NoSuchType,
    #[cfg_attr(any(), cfg(any()))]
    #[cfg_attr(all(), doc = "With a documentation.")]
    always: EventBus,
}

impl EventHandler<Created> for EverythingConditional {
    async fn handle(&self, _: &Created, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[allow(deprecated)]
#[events_handler(Old)]
struct Allows;

#[expect(deprecated, reason = "the event, which generated code names")]
#[events_handler(Old)]
struct Expects;

#[cfg_attr(all(), expect(deprecated))]
#[events_handler(Old)]
struct ExpectsConditionally;

#[allow(deprecated)]
mod implementations {
    use super::*;

    impl EventHandler<Old> for Allows {
        async fn handle(&self, _: &Old, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    impl EventHandler<Old> for Expects {
        async fn handle(&self, _: &Old, _: &Context) -> HandlerResult {
            Ok(())
        }
    }

    impl EventHandler<Old> for ExpectsConditionally {
        async fn handle(&self, _: &Old, _: &Context) -> HandlerResult {
            Ok(())
        }
    }
}

/// A function with a documentation.
#[doc(hidden)]
#[cfg(not(any()))]
#[deny(unused_variables)]
#[warn(clippy::pedantic)]
#[command_handler]
#[expect(deprecated, reason = "the service")]
async fn expects(_: Create, _clock: &dyn OldClock) -> Result<(), HandlerError> {
    Ok(())
}

#[cfg_attr(all(), allow(deprecated))]
#[events_handler]
async fn allows(_: &Old, _clock: Arc<dyn OldClock>) -> HandlerResult {
    Ok(())
}

#[command_handler]
#[cfg(any())]
async fn never(_: NoSuchType) -> Result<(), HandlerError> {
    Ok(())
}

#[cfg(any())]
#[events_handler(NoSuchType)]
struct Never;
