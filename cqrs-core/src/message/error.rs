//! The error types of commands and queries.

use std::error::Error;
use std::fmt::{Debug, Display};

/// The error type of a command or query: any [`std::error::Error`], or
/// [`HandlerError`](crate::HandlerError). Implemented automatically.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a command or query",
    label = "does not implement `std::error::Error`",
    note = "derive it (`#[derive(Debug, thiserror::Error)]`), or leave `error = ..` out for `HandlerError`"
)]
pub trait MessageError: Display + Debug + Send + 'static {
    /// The error itself, or the one inside.
    #[doc(hidden)]
    fn as_error(&self) -> &(dyn Error + 'static);

    /// The cause of this error, for reports that print the whole chain.
    #[doc(hidden)]
    fn cause(&self) -> Option<&(dyn Error + 'static)> {
        self.as_error().source()
    }
}

#[diagnostic::do_not_recommend]
impl<E: Error + Send + 'static> MessageError for E {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}
