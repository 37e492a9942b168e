//! What a middleware that the application builds is built from.

use crate::registry::Source;
use crate::services::{Dependency, TypeRef};

/// A middleware that the application builds.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) middleware: TypeRef,
    /// Where it was added.
    pub(crate) source: Source,
    /// The service that it may be itself.
    pub(crate) itself: fn() -> Dependency,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
}
