//! A type of errors, for the option `never`.

use std::any::{TypeId, type_name};
use std::error::Error;
use std::fmt;

use super::HandlerError;

/// A type of errors; see [`HandlerOptions::never_retry`](super::HandlerOptions::never_retry).
#[derive(Clone, Copy)]
pub struct ErrorType {
    id: TypeId,
    name: fn() -> &'static str,
    is_inside: fn(&HandlerError) -> bool,
}

impl ErrorType {
    /// The type `E`.
    pub const fn of<E: Error + 'static>() -> Self {
        Self {
            id: TypeId::of::<E>(),
            name: type_name::<E>,
            is_inside: |error| error.downcast_ref::<E>().is_some(),
        }
    }

    /// The type's name, without its path.
    pub fn name(&self) -> &'static str {
        let name = (self.name)();
        name.rsplit("::").next().unwrap_or(name)
    }

    /// Whether `error` has an error of this type inside.
    pub(crate) fn is_inside(&self, error: &HandlerError) -> bool {
        (self.is_inside)(error)
    }
}

impl PartialEq for ErrorType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for ErrorType {}

impl fmt::Debug for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
