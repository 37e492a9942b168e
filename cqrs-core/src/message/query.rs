//! The trait of queries.

use super::MessageError;

/// A question that changes nothing; exactly one handler answers it. Derive it.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Query)]
/// #[query(output = Option<String>)]
/// struct FindEmployeeName {
///     id: Uuid,
/// }
///
/// assert_eq!(FindEmployeeName::NAME, "find.employee.name");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    label = "not a query",
    note = "add `#[derive(Query)]` to `{Self}`; a command has a `#[command_handler({Self})]`, and is executed by the `CommandBus`",
    note = "a query with `stream = Row` has a handler with `rows: &mut Rows<Row>`, and is asked with `queries().stream(..)`"
)]
pub trait Query: Send + 'static {
    /// The stable name, such as `find.employee`.
    const NAME: &'static str;
    /// The permissions that its caller needs, all of them: `#[query(requires = "..")]`. Empty if it needs none,
    /// and `None` if the query does not declare it. [`Authorize`](crate::middleware::Authorize) asks a policy for them.
    const REQUIRES: Option<&'static [&'static str]> = None;
    /// The answer.
    type Output: Send + 'static;
    /// The handler's error.
    type Error: MessageError;
}
