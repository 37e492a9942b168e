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
///             violations.add("full_name", "must not be empty");
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
pub struct Violation {
    /// The field.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

/// All violations of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds a violation of `field`, for this `reason`.
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Violation { field: field.into(), reason: reason.into() });
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
