//! Services that can be built, or come with a plugin.

use std::sync::Arc;

use super::Source;
use crate::services::{
    Dependency, Injectable, MissingService, Service, ServiceValue, Services, TypeRef,
};

/// A service that `#[derive(Injectable)]` submits: offered as `Arc<T>`, and as its aliases.
#[derive(Debug, Clone, Copy)]
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

/// A trait object that a service is also offered as.
#[derive(Debug, Clone, Copy)]
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
