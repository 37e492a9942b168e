//! Looking at input: every wrong field is reported, not only the first.

use lettre::Address;
use serde::Serialize;
use utoipa::ToSchema;

use crate::failure::Failure;

/// The longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3).
const MAX_EMAIL: usize = 254;
/// The shortest password, in characters (NIST SP 800-63B asks for at least 8).
pub const MIN_PASSWORD: usize = 8;
/// The longest password, in bytes; a longer one would only cost time.
pub const MAX_PASSWORD: usize = 256;

/// What is wrong with one field. It does not repeat what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    #[schema(value_type = String)]
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl FieldError {
    pub(crate) fn list(errors: &[Self]) -> String {
        let errors = errors.iter().map(|it| format!("`{}` {}", it.field, it.reason));
        errors.collect::<Vec<_>>().join("; ")
    }
}

/// Collects what is wrong with the fields of one input.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// One line of text, 1 to `max` characters, without white space around it.
    pub fn line(&mut self, field: &'static str, value: &str, max: usize) -> String {
        let value = value.trim();
        let length = value.chars().take(max + 1).count();
        if length == 0 {
            self.add(field, "is empty");
        } else if length > max {
            self.add(field, format!("is longer than {max} characters"));
        } else if value.chars().any(char::is_control) {
            self.add(field, "has a line break or another control character");
        }
        value.to_owned()
    }

    /// As [`line`](Self::line), where nothing but white space counts as nothing.
    pub fn line_opt(
        &mut self,
        field: &'static str,
        value: Option<&str>,
        max: usize,
    ) -> Option<String> {
        let value = value.filter(|value| !value.trim().is_empty())?;
        Some(self.line(field, value, max))
    }

    /// An e-mail address, in lower case.
    pub fn email(&mut self, field: &'static str, value: &str) -> String {
        let value = value.trim();
        if value.len() > MAX_EMAIL {
            self.add(field, format!("is longer than {MAX_EMAIL} bytes"));
        } else if value.parse::<Address>().is_err() || !value.is_ascii() {
            self.add(field, "is not an e-mail address such as `ada@example.com`");
        }
        value.to_ascii_lowercase()
    }

    /// A new password.
    pub fn password(&mut self, field: &'static str, value: &str) {
        if value.chars().take(MIN_PASSWORD).count() < MIN_PASSWORD {
            self.add(field, format!("is shorter than {MIN_PASSWORD} characters"));
        } else if value.len() > MAX_PASSWORD {
            self.add(field, format!("is longer than {MAX_PASSWORD} bytes"));
        }
    }

    /// Reports something else.
    pub fn add(&mut self, field: &'static str, reason: impl Into<String>) {
        self.0.push(FieldError { field, reason: reason.into() });
    }

    /// Nothing is wrong.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with everything that is.
    pub fn finish(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::Invalid(self.0)) }
    }
}
