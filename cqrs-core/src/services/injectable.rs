//! Types that are built from services.

use super::{MissingService, Services, TypeRef};

/// A type that is built from services: its fields are injected by type. Derive it.
///
/// A derived service is built once per application, after its dependencies, and offered to all others as
/// `Arc<Self>`. Handlers get this trait from their annotation.
///
/// ```
/// use cqrs_core::prelude::*;
///
/// trait EmployeeRepository: Send + Sync {}
///
/// #[derive(Injectable)]
/// struct EmployeeService {
///     repository: Arc<dyn EmployeeRepository>,
///     events: EventBus,
///     #[inject(name = "greeting")]
///     greeting: String,
///     #[inject(default)]
///     created: std::sync::atomic::AtomicU64,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be built from services",
    label = "is not injectable",
    note = "add `#[derive(Injectable)]` to `{Self}`"
)]
pub trait Injectable: Sized + Send + Sync + 'static {
    /// The services that it needs. The application checks them before it builds anything.
    fn dependencies() -> Vec<Dependency>;

    /// Builds it.
    ///
    /// # Errors
    ///
    /// [`MissingService`] if it needs a service that is missing and that
    /// [`dependencies`](Self::dependencies) does not name.
    fn inject(services: &Services) -> Result<Self, MissingService>;
}

/// A field that is injected: its name, its type, and the service's name if the field has `#[inject(name =
/// "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dependency {
    /// The field.
    pub field: &'static str,
    /// The field's type.
    pub service: TypeRef,
    /// The service's name, for `#[inject(name = "..")]`.
    pub name: Option<&'static str>,
}

impl Dependency {
    /// A field that takes the service of type `T`.
    pub fn of<T: 'static>(field: &'static str) -> Self {
        Self { field, service: TypeRef::of::<T>(), name: None }
    }

    /// A field that takes the service of type `T` with this name.
    pub fn named<T: 'static>(field: &'static str, name: &'static str) -> Self {
        Self { name: Some(name), ..Self::of::<T>(field) }
    }
}
