//! The trait of commands.

use super::{Idempotent, MessageError};

/// A request to change something; exactly one handler executes it. Derive it.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// #[derive(Command)]
/// #[command(output = Uuid)]
/// struct CreateEmployee {
///     full_name: String,
/// }
///
/// assert_eq!(CreateEmployee::NAME, "create.employee");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    label = "not a command",
    note = "add `#[derive(Command)]` to `{Self}`; a query has a `#[query_handler({Self})]`, and is executed by the `QueryBus`",
    note = "an event has an `#[events_handler]`, and is published"
)]
pub trait Command: Send + 'static {
    /// The stable name, such as `create.employee`.
    const NAME: &'static str;
    /// The permissions that its caller needs, all of them: `#[command(requires = "..")]`. Empty if it needs none,
    /// and `None` if the command does not declare it. [`Authorize`](crate::middleware::Authorize) asks a policy for them.
    const REQUIRES: Option<&'static [&'static str]> = None;
    /// How the command is executed once for each idempotency key of its context: `#[command(idempotent)]`. `None` if a key
    /// makes no difference. See [`Context::with_idempotency_key`](crate::Context::with_idempotency_key).
    const IDEMPOTENT: Option<Idempotent<Self>> = None;
    /// What the handler returns.
    type Output: Send + 'static;
    /// The handler's error.
    type Error: MessageError;
}
