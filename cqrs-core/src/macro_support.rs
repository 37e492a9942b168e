//! What generated code names. Not for use by hand, and without any promise of stability.

pub use inventory;

pub use crate::handler::{HandlerError, HandlerOptions, RetryPolicy};
pub use crate::message::{Command, Event, Query, Redaction};
pub use crate::registry::{
    Alias, EventRoute, HandlerRegistration, InjectableRegistration, MessageRegistration, Source,
};
pub use crate::services::{Dependency, Injectable, MissingService, Services};

/// Where the annotation stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __source {
    () => {
        $crate::macro_support::Source::new(::core::file!(), ::core::line!(), ::core::module_path!())
    };
}
pub use crate::__source as source;
