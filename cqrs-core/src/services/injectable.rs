//! Types that are built from services.

use std::sync::Arc;

use super::{ServiceKey, Services, TypeRef};

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

    /// Builds it. All its [`dependencies`](Self::dependencies) are there.
    fn inject(services: &Services) -> Self;
}

/// A service that a field, or a parameter of a function, needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The name of the field or parameter.
    pub(crate) field: &'static str,
    pub(crate) key: ServiceKey,
    /// The type that will do as well: `T` in place of `Arc<T>`.
    pub(crate) or: Option<TypeRef>,
}

impl Dependency {
    /// A field that takes the service of type `T`.
    pub fn of<T: 'static>(field: &'static str) -> Self {
        Self { field, key: TypeRef::of::<T>().into(), or: None }
    }

    /// A field that takes the service of type `T` with this name, as `#[inject(name = "..")]` says.
    pub fn named<T: 'static>(field: &'static str, name: &'static str) -> Self {
        Self { field, key: ServiceKey { service: TypeRef::of::<T>(), name: Some(name) }, or: None }
    }

    /// A parameter that takes a `&T`, of the service of type `Arc<T>` or `T`.
    pub fn reference<T: 'static>(parameter: &'static str, name: Option<&'static str>) -> Self {
        let key = ServiceKey { service: TypeRef::of::<Arc<T>>(), name };
        Self { field: parameter, key, or: Some(TypeRef::of::<T>()) }
    }

    /// The keys of the services that will do, the best one first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ServiceKey> {
        let or = self.or.map(|service| ServiceKey { service, name: self.key.name });
        std::iter::once(self.key).chain(or)
    }
}
