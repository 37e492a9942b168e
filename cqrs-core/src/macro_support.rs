//! Items that generated code uses. Do not use them by hand: they may change at any time.

use std::any::Any;
use std::fmt::Display;
use std::sync::Arc;

pub use inventory;
pub use serde_json::{Result as JsonResult, Value};

pub use crate::app::BoxError;
pub use crate::bus::JsonCommand;
pub use crate::context::Context;
pub use crate::handler::{
    Batch, BatchEventHandler, BatchPolicy, BreakerPolicy, CommandHandler, DeadLetters, ErrorType,
    EventHandler, HandlerError, HandlerOptions, HandlerResult, Order, QueryHandler, RateLimit,
    RetryPolicy, Rows, Start, StreamQueryHandler, TransactionalBatchEventHandler,
    TransactionalCommandHandler, TransactionalEventHandler,
};
pub use crate::message::{
    AnyEvent, AnyKind, Command, CommandName, Event, EventName, Idempotent, MaybeValidated,
    NotValidated, Query, QueryName, StreamQuery, StreamQueryName, Upcasted, no_upcast,
};
pub use crate::payload::Changes;
pub use crate::payload::Redaction;
pub use crate::registry::{
    Cast, EventAlias, EventRoute, HandlerRegistration, InjectableRegistration, MessageRegistration,
    Offer, PluginService, Source, TransactionalRoute,
};
pub use crate::services::{Dependency, Injectable, Provider, Services, injected};

/// The result of a function that handles an event, with any error that `?` would convert.
///
/// # Errors
///
/// That of the function.
pub fn handled(result: Result<(), impl Into<HandlerError>>) -> HandlerResult {
    result.map_err(Into::into)
}

/// The result of a provider, with any error.
///
/// # Errors
///
/// That of the provider.
pub fn provided<T>(result: Result<T, impl Into<BoxError>>) -> Result<T, BoxError> {
    result.map_err(Into::into)
}

/// A service in the form in which the container keeps it.
pub fn offer<T: Offered>(service: T) -> Arc<dyn Any + Send + Sync> {
    Arc::new(service)
}

/// Compiles if `T` can be given to other threads.
pub fn shareable<T: Offered>() {}

/// A type that a service can be offered as. Implemented automatically.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be offered to other threads",
    label = "the trait is not `Send + Sync`",
    note = "write `trait YourTrait: Send + Sync`, or `as = dyn YourTrait + Send + Sync`"
)]
pub trait Offered: Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Offered for T {}

/// A value that may be absent; a description then shows a text in its place.
pub fn present_or<'a, T: Display>(value: Option<&'a T>, otherwise: &'a &str) -> &'a dyn Display {
    match value {
        Some(value) => value,
        None => otherwise,
    }
}

/// The source location of the annotation.
#[doc(hidden)]
#[macro_export]
macro_rules! __source {
    () => {
        $crate::macro_support::Source::new(::core::file!(), ::core::line!(), ::core::module_path!())
    };
}
pub use crate::__source as source;

/// Whether a message implements `Validate`: for [`MessageRegistration::validated_by`].
#[doc(hidden)]
#[macro_export]
macro_rules! __validator {
    ($message:ty) => {
        || {
            #[allow(unused_imports)]
            use $crate::macro_support::NotValidated as _;
            $crate::macro_support::MaybeValidated::<$message>::NEW.validator()
        }
    };
}
pub use crate::__validator as validator;
