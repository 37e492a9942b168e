//! The registration of services.

use std::sync::Arc;

use super::Source;
use crate::services::{Dependency, Injectable, Service, ServiceValue, Services, TypeRef};

/// A service that `#[derive(Injectable)]` submits: offered as `Arc<T>`, and as its aliases.
#[derive(Debug, Clone, Copy)]
pub struct InjectableRegistration {
    pub(crate) source: Source,
    /// `T` itself.
    pub(crate) service: fn() -> TypeRef,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
    /// As `Arc<T>`.
    own: Offer,
    aliases: &'static [Offer],
}

inventory::collect!(InjectableRegistration);

impl InjectableRegistration {
    /// The service `T`, also offered as `aliases`.
    pub const fn of<T: Injectable>(source: Source, aliases: &'static [Offer]) -> Self {
        let own = Offer::of::<T>(|services| Arc::new(Arc::new(T::inject(services))));
        Self { source, service: TypeRef::of::<T>, dependencies: T::dependencies, own, aliases }
    }

    /// The service itself first: the others are made from it.
    pub(crate) fn offers(&'static self) -> impl Iterator<Item = &'static Offer> {
        std::iter::once(&self.own).chain(self.aliases)
    }
}

/// A type that a service is offered as.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// `Arc<T>` or `Arc<dyn Trait>`.
    pub(crate) service: fn() -> TypeRef,
    /// Builds the service, or finds it and makes it an `Arc<dyn Trait>`.
    pub(crate) make: fn(&Services) -> ServiceValue,
}

impl Offer {
    /// `make` returns an `Arc<U>` as a service. Generated code contains this function, because an unsizing coercion
    /// cannot be generic.
    pub const fn of<U: ?Sized + 'static>(make: fn(&Services) -> ServiceValue) -> Self {
        Self { service: TypeRef::of::<Arc<U>>, make }
    }
}

/// A service that does nothing without its plugin; [`plugin_service!`](crate::plugin_service) submits it.
#[derive(Debug, Clone, Copy)]
pub struct PluginService {
    pub(crate) service: fn() -> TypeRef,
    /// The plugin's name.
    pub(crate) plugin: &'static str,
}

inventory::collect!(PluginService);

impl PluginService {
    /// The service `T`, which the plugin of this name provides.
    pub const fn of<T: Service>(plugin: &'static str) -> Self {
        Self { service: TypeRef::of::<T>, plugin }
    }
}
