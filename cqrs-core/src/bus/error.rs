//! Why a message was not accepted or not executed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handler::{AttemptError, Rejection};
use crate::log::StoreError;
use crate::message::MessageError;

/// Why an event was not published. No handler has seen it, and none will.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The payload is over the limit.
    #[error(
        "event `{event}` has a payload of {size} bytes, over the limit of {limit}; \
         keep large data in a `cqrs_blobs::BlobStore` and publish its `BlobRef`"
    )]
    TooLarge {
        /// The event's name.
        event: &'static str,
        /// The payload's size as JSON, in bytes.
        size: usize,
        /// The limit; see [`AppBuilder::payload_limit`](crate::AppBuilder::payload_limit).
        limit: usize,
    },
    /// The payload is nested so deeply that a store or transport could not read it back.
    #[error(
        "event `{event}` has a payload that is nested deeper than {limit} levels of objects and lists, \
         and could not be read back; refuse or flatten such input, or keep it in a \
         `cqrs_blobs::BlobStore`"
    )]
    TooDeep {
        /// The event's name.
        event: &'static str,
        /// The limit: [`AnyEvent::MAX_PAYLOAD_DEPTH`](crate::AnyEvent::MAX_PAYLOAD_DEPTH).
        limit: usize,
    },
    /// The payload has no JSON form.
    #[error("event `{event}` cannot be serialised: {error}")]
    Unserializable {
        /// The event's name.
        event: &'static str,
        /// What serde says.
        #[source]
        error: serde_json::Error,
    },
    /// A [`PublishMiddleware`](super::PublishMiddleware) refused it.
    #[error("event `{event}` was refused as {rejection}")]
    Rejected {
        /// The event's name.
        event: &'static str,
        /// Which kind of refusal, and why.
        #[source]
        rejection: Rejection,
    },
    /// `publish_and_wait` was called inside an event handler, where it could wait for itself.
    #[error(
        "event `{event}` was published with `publish_and_wait` inside an event handler, which could wait \
         for itself; use `publish`"
    )]
    WaitInsideHandler {
        /// The event's name.
        event: &'static str,
    },
    /// Handlers publish events that lead to further events without end.
    #[error(
        "event `{event}` was not published: more than {limit} events led to it, each published by a \
         handler of the one before; the last of them: {chain}"
    )]
    CascadeTooLong {
        /// The event's name.
        event: &'static str,
        /// The limit; see [`AppBuilder::cascade_limit`](crate::AppBuilder::cascade_limit).
        limit: u32,
        /// The names of the last events that led to it, the latest at the end.
        chain: String,
    },
    /// The application is still being built: a provider has used its bus.
    #[error(
        "event `{event}` was not published: the application is not built yet; a provider makes its service and no more, \
         so publish it after `build`, such as in `Plugin::start`"
    )]
    NotBuilt {
        /// The event's name.
        event: &'static str,
    },
    /// The application is shut down, or its last `App` was dropped.
    #[error(
        "event `{event}` was not published: the application is shut down, or its `App` was dropped \
         (keep it as long as its buses are used)"
    )]
    ShutDown {
        /// The event's name.
        event: &'static str,
    },
    /// The application's store did not take the event: it was away until the deadline of the context, or for 30
    /// seconds; or it refused.
    #[error("event `{event}` was not accepted: {error}")]
    NotStored {
        /// The event's name.
        event: &'static str,
        /// What the store says.
        #[source]
        error: Arc<StoreError>,
    },
    /// The application has no store, which `publish_at` and a publish in a transaction need.
    #[error(
        "event `{event}` was not published: the application has no store; give it one with \
         `App::builder().store(..)`, or use `publish`"
    )]
    NoStore {
        /// The event's name.
        event: &'static str,
    },
    /// The application was not started, so its new handlers have no subscription yet, and would miss an event that is
    /// published in a transaction.
    #[error(
        "event `{event}` was not published: call `App::start` before you publish in transactions, so that handlers \
         that are new get the event too"
    )]
    NotStarted {
        /// The event's name.
        event: &'static str,
    },
    /// The caller is not inside a Tokio runtime, so no worker can be started.
    #[error("event `{event}` was not published: there is no Tokio runtime here")]
    NoRuntime {
        /// The event's name.
        event: &'static str,
    },
}

impl PublishError {
    /// The event's name.
    pub fn event(&self) -> &'static str {
        match self {
            Self::TooLarge { event, .. }
            | Self::TooDeep { event, .. }
            | Self::Unserializable { event, .. }
            | Self::Rejected { event, .. }
            | Self::WaitInsideHandler { event }
            | Self::CascadeTooLong { event, .. }
            | Self::NotBuilt { event }
            | Self::ShutDown { event }
            | Self::NoStore { event }
            | Self::NotStarted { event }
            | Self::NotStored { event, .. }
            | Self::NoRuntime { event } => event,
        }
    }

    /// The error's kind in spans, metrics and problem documents; the same in all versions.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::Unserializable { .. } => "unserializable",
            Self::Rejected { rejection, .. } => rejection.error_type(),
            Self::WaitInsideHandler { .. } => "wait_inside_handler",
            Self::CascadeTooLong { .. } => "cascade_too_long",
            Self::NotBuilt { .. } => "not_built",
            Self::ShutDown { .. } => "shut_down",
            Self::NotStored { .. } => "not_stored",
            Self::NoStore { .. } => "no_store",
            Self::NotStarted { .. } => "not_started",
            Self::NoRuntime { .. } => "no_runtime",
        }
    }
}

/// Why it is not known whether an event was cancelled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CancelError {
    /// The application has no store, so it has no scheduled events.
    #[error(
        "nothing was cancelled: the application has no store, and so no scheduled events; give it one with \
         `App::builder().store(..)`"
    )]
    NoStore,
    /// The application is shut down, or its last `App` was dropped.
    #[error(
        "nothing was cancelled: the application is shut down, or its `App` was dropped (keep it as long as its buses \
         are used)"
    )]
    ShutDown,
    /// The store failed. If its connection was lost, the event may have been cancelled; cancel it again.
    #[error("it is not known whether the event was cancelled: {0}")]
    Store(#[from] StoreError),
}

impl CancelError {
    /// What problem documents call it, the same in all versions.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::NoStore => "no_store",
            Self::ShutDown => "shut_down",
            Self::Store(_) => "not_cancelled",
        }
    }
}

/// Why a command or query has no result: its handler's own error `E`, or what kept the handler from
/// giving one.
///
/// ```
/// use cqrs_core::ExecuteError;
///
/// fn status(error: &ExecuteError<std::num::ParseIntError>) -> u16 {
///     match error {
///         ExecuteError::Handler(_) => 422,
///         ExecuteError::TimedOut { .. } => 504,
///         ExecuteError::ShutDown { .. } => 503,
///         _ => 500,
///     }
/// }
/// # let _ = status;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecuteError<E> {
    /// The handler refused, with its own error.
    Handler(E),
    /// The handler took longer than its time-out, or than the context's deadline.
    TimedOut {
        /// The message's name.
        message: &'static str,
        /// How long it was given.
        after: Duration,
    },
    /// The handler panicked.
    Panicked {
        /// The message's name.
        message: &'static str,
        /// The panic's text.
        panic: String,
    },
    /// The application is still being built: a provider has used its bus.
    NotBuilt {
        /// The message's name.
        message: &'static str,
    },
    /// The application is shut down, or its last `App` was dropped.
    ShutDown {
        /// The message's name.
        message: &'static str,
    },
    /// A middleware refused it.
    Rejected {
        /// The message's name.
        message: &'static str,
        /// Which kind of refusal, and why.
        rejection: Rejection,
    },
    /// The caller is not inside a Tokio runtime.
    NoRuntime {
        /// The message's name.
        message: &'static str,
    },
    /// It has no handler: its module was left out, or a test runs only other handlers.
    NoHandler {
        /// The message's name.
        message: &'static str,
    },
}

impl<E> ExecuteError<E> {
    /// An execution of this message ended with `error`.
    pub(super) fn of(message: &'static str, error: AttemptError<E>) -> Self {
        match error {
            AttemptError::Failed(error) => Self::Handler(error),
            AttemptError::TimedOut(after) => Self::TimedOut { message, after },
            AttemptError::Panicked(panic) => Self::Panicked { message, panic },
            AttemptError::Rejected(rejection) => Self::Rejected { message, rejection },
            AttemptError::ShutDown => Self::ShutDown { message },
        }
    }

    /// What spans, metrics and problem documents call it, the same in all versions.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Handler(_) => "failed",
            Self::TimedOut { .. } => "timed_out",
            Self::Panicked { .. } => "panicked",
            Self::NotBuilt { .. } => "not_built",
            Self::ShutDown { .. } => "shut_down",
            Self::Rejected { rejection, .. } => rejection.error_type(),
            Self::NoHandler { .. } => "no_handler",
            Self::NoRuntime { .. } => "no_runtime",
        }
    }
}

impl<E: fmt::Display> fmt::Display for ExecuteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::TimedOut { message, after } => write!(f, "`{message}` timed out after {after:?}"),
            Self::Panicked { message, panic } => {
                write!(f, "the handler of `{message}` panicked: {panic}")
            }
            Self::NotBuilt { message } => write!(
                f,
                "`{message}` was not executed: the application is not built yet; a provider makes its service and no \
                 more, so execute it after `build`, such as in `Plugin::start`"
            ),
            Self::ShutDown { message } => write!(
                f,
                "`{message}` was not executed: the application is shut down, or its `App` was dropped \
                 (keep it as long as its buses are used)"
            ),
            Self::NoRuntime { message } => {
                write!(f, "`{message}` was not executed: there is no Tokio runtime here")
            }
            Self::Rejected { message, rejection } => {
                write!(f, "`{message}` was refused as {rejection}")
            }
            Self::NoHandler { message } => {
                write!(
                    f,
                    "`{message}` has no handler in this application: its module was left out, or the \
                     test runs `only` other handlers"
                )
            }
        }
    }
}

impl<E: MessageError> Error for ExecuteError<E> {
    /// What caused the handler's error, which this one stands for.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Handler(error) => error.cause(),
            Self::Rejected { rejection, .. } => Some(rejection),
            _ => None,
        }
    }
}
