//! What a middleware needs to be built by the application.

use crate::registry::Source;
use crate::services::{Dependency, TypeRef};

/// A middleware that the application builds.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) middleware: TypeRef,
    /// Where it was added.
    pub(crate) source: Source,
    /// The key of the service that is used as the middleware, if it is offered.
    pub(crate) itself: fn() -> Dependency,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
}
