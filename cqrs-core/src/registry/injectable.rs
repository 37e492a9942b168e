//! The registration of services.

use std::fmt;
use std::sync::Arc;

use super::Source;
use crate::services::{Dependency, Injectable, MissingService, ServiceValue, Services, TypeRef};

/// A service that `#[derive(Injectable)]` submits: offered as `Arc<T>`, and as its aliases.
#[derive(Clone, Copy)]
pub struct InjectableRegistration {
    pub(crate) source: Source,
    /// `T` itself.
    pub(crate) service: fn() -> TypeRef,
    /// `Arc<T>`.
    pub(crate) offered: fn() -> TypeRef,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
    pub(crate) construct: fn(&Services) -> Result<ServiceValue, MissingService>,
    pub(crate) aliases: &'static [Alias],
}

inventory::collect!(InjectableRegistration);

impl InjectableRegistration {
    /// The service `T`, also offered as `aliases`.
    pub const fn of<T: Injectable>(source: Source, aliases: &'static [Alias]) -> Self {
        Self {
            source,
            service: TypeRef::of::<T>,
            offered: TypeRef::of::<Arc<T>>,
            dependencies: T::dependencies,
            construct: |services| Ok(Box::new(Arc::new(T::inject(services)?))),
            aliases,
        }
    }
}

impl fmt::Debug for InjectableRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectableRegistration")
            .field("service", &(self.service)())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A trait object that a service is also offered as.
#[derive(Clone, Copy)]
pub struct Alias {
    /// `Arc<dyn Trait>`.
    pub(crate) offered: fn() -> TypeRef,
    /// Returns the service as a boxed `Arc<dyn Trait>`, after the service itself was built.
    pub(crate) convert: fn(&Services) -> Option<ServiceValue>,
}

impl Alias {
    /// `convert` finds the service, coerces it to `Arc<U>` and boxes that. Generated code contains this
    /// function, because an unsizing coercion cannot be generic.
    pub const fn of<U: ?Sized + 'static>(convert: fn(&Services) -> Option<ServiceValue>) -> Self {
        Self { offered: TypeRef::of::<Arc<U>>, convert }
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias({})", (self.offered)())
    }
}
