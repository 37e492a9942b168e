//! Whether a message is well formed.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

/// A message that can say whether it is well formed. [`Validation`](crate::middleware::Validation)
/// asks every message that implements it; nothing else is to be registered.
///
/// ```
/// use cqrs_core::middleware::{Validate, Violations};
/// use cqrs_core::prelude::*;
///
/// #[derive(Command)]
/// struct CreateEmployee { full_name: String }
///
/// impl Validate for CreateEmployee {
///     fn validate(&self) -> Result<(), Violations> {
///         let mut violations = Violations::default();
///         if self.full_name.trim().is_empty() {
///             violations.add("full_name", "must not be empty").with_code("empty");
///         }
///         violations.into_result()
///     }
/// }
/// ```
pub trait Validate {
    /// Checks the message alone, without a service or a tenant.
    ///
    /// # Errors
    ///
    /// All violations.
    fn validate(&self) -> Result<(), Violations>;
}

/// One part of a message that is not well formed. Do not repeat what was sent, because this is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The field.
    pub field: String,
    /// The reason for programs, such as `not_an_address`. It stays the same when the text changes.
    pub code: Option<String>,
    /// The reason as a text for people.
    pub reason: String,
}

impl Violation {
    /// Sets the code.
    pub fn with_code(&mut self, code: impl Into<String>) {
        self.code = Some(code.into());
    }
}

/// All violations of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds a violation of `field` with this `reason`. Returns the violation, so that it can get a code:
    ///
    /// ```
    /// # use cqrs_core::middleware::Violations;
    /// let mut violations = Violations::default();
    /// violations.add("email", "is not an address").with_code("not_an_address");
    /// assert_eq!(violations.as_slice()[0].code.as_deref(), Some("not_an_address"));
    /// ```
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) -> &mut Violation {
        let (field, code, reason) = (field.into(), None, reason.into());
        self.0.push_mut(Violation { field, code, reason })
    }

    /// All violations, in the order in which they were added.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    /// All violations, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// `Ok` if there is none.
    ///
    /// # Errors
    ///
    /// These violations.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.0.iter().map(|it| format!("`{}` {}", it.field, it.reason));
        f.write_str(&texts.collect::<Vec<_>>().join("; "))
    }
}

impl std::error::Error for Violations {}

/// `Validate::validate` of a message without its type.
pub(crate) type Validator = fn(&dyn Any) -> Result<(), Violations>;

/// Finds out in generated code whether `M` implements [`Validate`]: only then there is an inherent method.
#[doc(hidden)]
#[derive(Debug)]
pub struct MaybeValidated<M>(PhantomData<M>);

impl<M> MaybeValidated<M> {
    #[doc(hidden)]
    pub const NEW: Self = Self(PhantomData);
}

impl<M: Validate + 'static> MaybeValidated<M> {
    #[doc(hidden)]
    pub fn validator(&self) -> Option<Validator> {
        Some(|message| message.downcast_ref::<M>().map_or(Ok(()), Validate::validate))
    }
}

/// For every message; the inherent method hides it if it exists.
#[doc(hidden)]
pub trait NotValidated {
    #[doc(hidden)]
    fn validator(&self) -> Option<Validator> {
        None
    }
}

impl<M> NotValidated for MaybeValidated<M> {}
