//! Employees, and the rules for their fields.

use cqrs_core::prelude::*;

use super::{CreateEmployee, EmailTaken};

/// A person who works for a tenant.
#[derive(Clone)]
pub struct Employee {
    /// Never changes.
    pub id: Uuid,
    /// First and last name.
    pub full_name: String,
    /// Unique within the tenant.
    pub email: String,
    /// Such as `Engineering`.
    pub department: String,
}

/// Why an employee was not created. No text repeats what was entered: it may be personal, or huge.
#[derive(Debug, thiserror::Error)]
pub enum CreateEmployeeError {
    /// A field without a value.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// A field that is too long.
    #[error("`{0}` is longer than {LONGEST_FIELD} characters")]
    TooLong(&'static str),
    /// A field with a line break or another control character, often because a quote in the CSV file was
    /// not closed.
    #[error("`{0}` has a line break or another control character")]
    ControlCharacter(&'static str),
    /// The e-mail address is malformed.
    #[error("`email` is not an e-mail address")]
    InvalidEmail,
    /// Another employee has the e-mail address.
    #[error(transparent)]
    EmailTaken(#[from] EmailTaken),
    /// The event was not accepted.
    #[error(transparent)]
    NotAnnounced(#[from] PublishError),
}

/// In characters.
const LONGEST_FIELD: usize = 200;

impl Employee {
    /// A new employee with a new id.
    ///
    /// # Errors
    ///
    /// [`CreateEmployeeError`] if a field breaks a rule.
    pub fn new(command: CreateEmployee) -> Result<Self, CreateEmployeeError> {
        let CreateEmployee { full_name, email, department } = command;
        check("full_name", &full_name)?;
        check("email", &email)?;
        check("department", &department)?;
        if !is_email(&email) {
            return Err(CreateEmployeeError::InvalidEmail);
        }
        Ok(Self { id: Uuid::now_v7(), full_name, email, department })
    }
}

fn check(field: &'static str, value: &str) -> Result<(), CreateEmployeeError> {
    if value.trim().is_empty() {
        return Err(CreateEmployeeError::Empty(field));
    }
    if value.chars().count() > LONGEST_FIELD {
        return Err(CreateEmployeeError::TooLong(field));
    }
    if value.contains(char::is_control) {
        return Err(CreateEmployeeError::ControlCharacter(field));
    }
    Ok(())
}

/// Checks only the form of an address, because only a delivered e-mail proves that it exists.
fn is_email(text: &str) -> bool {
    let Some((user, domain)) = text.split_once('@') else {
        return false;
    };
    let mut labels = domain.split('.');
    !user.is_empty()
        && domain.contains('.')
        && labels.all(|label| !label.is_empty())
        && !domain.contains('@')
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn an_email_address_has_a_user_and_a_domain() {
        for good in ["ada@acme.example", "a.b+c@d.e.f", "hélène@exämple.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "ada", "@b.c", "a@", "a@b", "a@.c", "a@b.", "a@b..c", "a b@c.d", "a@b@c.d"]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
