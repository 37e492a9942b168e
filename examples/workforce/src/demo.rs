//! Two tenants with something in them, made as any other: by commands.

use cqrs_core::App;

use crate::failure::Failure;

/// Fills an empty database.
pub(crate) async fn fill(_app: &App) -> Result<(), Failure> {
    Ok(())
}
