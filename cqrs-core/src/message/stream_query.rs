//! The trait of queries whose answer is a stream.

use super::MessageError;

/// A question whose answer is many rows, one after another; exactly one handler answers it. Derive it with
/// `#[query(stream = Row)]`.
///
/// ```
/// use cqrs_core::message::StreamQuery;
/// use cqrs_core::prelude::*;
///
/// #[derive(Query)]
/// #[query(stream = String)]
/// struct ExportEmployees;
///
/// assert_eq!(ExportEmployees::NAME, "export.employees");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query with a stream",
    label = "not a query with a stream",
    note = "add `#[derive(Query)]` with `#[query(stream = Row)]` to `{Self}`; a query with one answer is executed by `QueryBus::execute`"
)]
pub trait StreamQuery: Send + 'static {
    /// The stable name, such as `export.employees`.
    const NAME: &'static str;
    /// As [`Query::REQUIRES`](super::Query::REQUIRES).
    const REQUIRES: Option<&'static [&'static str]> = None;
    /// One part of the answer.
    type Row: Send + 'static;
    /// The handler's error.
    type Error: MessageError;
}
