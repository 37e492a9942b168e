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
    /// Another type that is accepted. For a list, it is used first.
    pub(crate) or: Option<TypeRef>,
    pub(crate) how_many: HowMany,
}

/// How many services of a type are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HowMany {
    One,
    /// One, or none.
    Optional,
    /// All, with and without names.
    All,
}

impl Dependency {
    /// A field that takes the service of type `T`.
    pub fn of<T: 'static>(field: &'static str) -> Self {
        Self::new::<T>(field, None)
    }

    /// A field that takes the service of type `T` with this name, as `#[inject(name = "..")]` says.
    pub fn named<T: 'static>(field: &'static str, name: &'static str) -> Self {
        Self::new::<T>(field, Some(name))
    }

    /// A parameter that takes a `&T`, of the service of type `Arc<T>` or `T`.
    pub fn reference<T: 'static>(parameter: &'static str, name: Option<&'static str>) -> Self {
        Self { or: Some(TypeRef::of::<T>()), ..Self::new::<Arc<T>>(parameter, name) }
    }

    /// A field of type `Option<T>`: the service of type `T`, if there is one.
    pub fn optional<T: 'static>(field: &'static str, name: Option<&'static str>) -> Self {
        let or = Some(TypeRef::of::<Option<T>>());
        Self { or, how_many: HowMany::Optional, ..Self::new::<T>(field, name) }
    }

    /// A field of type `Vec<T>`: all services of type `T`.
    pub fn all<T: 'static>(field: &'static str) -> Self {
        let or = Some(TypeRef::of::<Vec<T>>());
        Self { or, how_many: HowMany::All, ..Self::new::<T>(field, None) }
    }

    fn new<T: 'static>(field: &'static str, name: Option<&'static str>) -> Self {
        let key = ServiceKey { service: TypeRef::of::<T>(), name };
        Self { field, key, or: None, how_many: HowMany::One }
    }

    /// The keys of the services that are accepted, the preferred one first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ServiceKey> {
        let or = self.or.map(|service| ServiceKey { service, name: self.key.name });
        std::iter::once(self.key).chain(or)
    }

    /// The type of the field, for reports.
    pub(crate) fn type_name(&self) -> String {
        match (self.how_many, self.or) {
            (HowMany::Optional | HowMany::All, Some(whole)) => whole.name(),
            _ => self.key.service.name(),
        }
    }
}
