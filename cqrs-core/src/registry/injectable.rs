//! The registration of services.

use std::error::Error;
use std::sync::Arc;

use super::Source;
use crate::handler::BoxFuture;
use crate::services::{
    Dependency, Injectable, Provider, Service, ServiceKey, ServiceValue, Services, TypeRef,
};

/// A service that `#[derive(Injectable)]` submits, offered as `Arc<T>` and as its aliases; or one that a
/// `#[provider]` makes, offered as it is.
#[derive(Debug, Clone, Copy)]
pub struct InjectableRegistration {
    pub(crate) source: Source,
    /// `T` itself.
    pub(crate) service: fn() -> TypeRef,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
    /// The offer as `Arc<T>`, or as the provider's service.
    own: Offer,
    aliases: &'static [Offer],
    /// The provider's type, if there is one.
    pub(crate) provider: Option<fn() -> TypeRef>,
    pub(crate) is_async: bool,
}

inventory::collect!(InjectableRegistration);

impl InjectableRegistration {
    /// The service `T`, also offered as `aliases`.
    pub const fn of<T: Injectable>(source: Source, aliases: &'static [Offer]) -> Self {
        let own = Offer::of::<T>(|services| Arc::new(Arc::new(T::inject(services))));
        let (service, dependencies) = (TypeRef::of::<T>, T::dependencies);
        Self { source, service, dependencies, own, aliases, provider: None, is_async: false }
    }

    /// The service that the provider `P` makes, under this name if it has one.
    pub const fn provider<P: Provider>(source: Source, name: Option<&'static str>) -> Self {
        let make = Make::Provide(|services| {
            let provider = P::inject(services);
            Box::pin(async move {
                let service = provider.provide().await?;
                Ok(Arc::new(service) as ServiceValue)
            })
        });
        let service: fn() -> TypeRef = TypeRef::of::<P::Service>;
        Self {
            source,
            service,
            dependencies: P::dependencies,
            own: Offer { service, name, make },
            aliases: &[],
            provider: Some(TypeRef::of::<P>),
            is_async: P::IS_ASYNC,
        }
    }

    /// The service itself first: the others are made from it.
    pub(crate) fn offers(&'static self) -> impl Iterator<Item = &'static Offer> {
        std::iter::once(&self.own).chain(self.aliases)
    }
}

/// A type that a service is offered as.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// `Arc<T>` or `Arc<dyn Trait>`, or the type of a provider's service.
    service: fn() -> TypeRef,
    name: Option<&'static str>,
    pub(crate) make: Make,
}

/// How a service is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Make {
    /// Builds the service, or finds it and makes it an `Arc<dyn Trait>`.
    Build(fn(&Services) -> ServiceValue),
    /// Runs a provider.
    Provide(fn(&Services) -> BoxFuture<'static, Provided>),
}

/// The service that a provider made.
pub(crate) type Provided = Result<ServiceValue, Box<dyn Error + Send + Sync>>;

impl Offer {
    /// `make` returns an `Arc<U>` as a service. Generated code contains this function, because an unsizing coercion
    /// cannot be generic.
    pub const fn of<U: ?Sized + 'static>(make: fn(&Services) -> ServiceValue) -> Self {
        Self { service: TypeRef::of::<Arc<U>>, name: None, make: Make::Build(make) }
    }

    /// Offers it under this name.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    pub(crate) fn key(&self) -> ServiceKey {
        ServiceKey { service: (self.service)(), name: self.name }
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
