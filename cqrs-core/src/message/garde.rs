//! Validation rules of the `garde` crate.

use super::{Violation, Violations};

/// Checks `message` by its `garde::Validate`: for the body of [`Validate`](super::Validate). Feature
/// `garde`.
///
/// ```
/// use cqrs_core::prelude::*;
/// use cqrs_core::middleware::{Validate, Violations, check_with_garde};
///
/// #[derive(Command, garde::Validate)]
/// struct CreateEmployee {
///     #[garde(length(min = 1, max = 200))]
///     full_name: String,
///     #[garde(email)]
///     email: String,
/// }
///
/// impl Validate for CreateEmployee {
///     fn validate(&self) -> Result<(), Violations> {
///         check_with_garde(self)
///     }
/// }
///
/// let command = CreateEmployee { full_name: String::new(), email: "ada".into() };
/// let violations = command.validate().unwrap_err();
/// let mut fields: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
/// fields.sort();
/// assert_eq!(fields, ["email", "full_name"]);
/// ```
///
/// # Errors
///
/// One violation for each broken rule, with the path of the field.
pub fn check_with_garde<T>(message: &T) -> Result<(), Violations>
where
    T: garde::Validate,
    T::Context: Default,
{
    let report = match message.validate() {
        Ok(()) => return Ok(()),
        Err(report) => report,
    };
    let mut violations = Violations::default();
    for (path, error) in report.iter() {
        violations.add(Violation::new(path.to_string(), error.message()));
    }
    violations.into_result()
}
