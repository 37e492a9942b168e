//! The services of one application.

use std::any::{Any, TypeId};
use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::TypeRef;

/// A type that can be a service: every handler gets a clone of the value. Implemented automatically; in
/// practice an `Arc<T>`, an `Arc<dyn Trait>`, a bus, or a small value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be injected",
    label = "a service is `Clone + Send + Sync + 'static`",
    note = "inject it in an `Arc` whose inside is `Send + Sync`: write `trait YourTrait: Send + Sync`, an `Rc` as `Arc`, a `RefCell` as `Mutex`",
    note = "or build this field yourself with `#[inject(default)]`"
)]
pub trait Service: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Service for T {}

pub(crate) type ServiceValue = Box<dyn Any + Send + Sync>;

/// A service's identity: its type, and its name if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ServiceKey {
    pub(crate) service: TypeId,
    pub(crate) name: Option<Cow<'static, str>>,
}

/// The services of one application, by type and, where several of one type are needed, by name.
#[derive(Debug, Default)]
pub struct Services {
    values: FxHashMap<ServiceKey, ServiceValue>,
}

impl Services {
    /// A clone of the service of type `T`.
    pub fn get<T: Service>(&self) -> Option<T> {
        self.find(None)
    }

    /// The service for `field`; generated code calls this.
    ///
    /// # Errors
    ///
    /// [`MissingService`] if the application has none.
    pub fn inject<T: Service>(&self, field: &'static str) -> Result<T, MissingService> {
        self.find_for(field, None)
    }

    /// The service with this name for `field`; generated code calls this.
    ///
    /// # Errors
    ///
    /// [`MissingService`] if the application has none.
    pub fn inject_named<T: Service>(
        &self,
        field: &'static str,
        name: &'static str,
    ) -> Result<T, MissingService> {
        self.find_for(field, Some(name))
    }

    fn find_for<T: Service>(
        &self,
        field: &'static str,
        name: Option<&'static str>,
    ) -> Result<T, MissingService> {
        let missing = MissingService { field: Some(field), service: TypeRef::of::<T>(), name };
        self.find(name).ok_or(missing)
    }

    pub(crate) fn insert(&mut self, key: ServiceKey, value: ServiceValue) {
        self.values.insert(key, value);
    }

    pub(crate) fn contains(&self, key: &ServiceKey) -> bool {
        self.values.contains_key(key)
    }

    fn find<T: Service>(&self, name: Option<&'static str>) -> Option<T> {
        let key = ServiceKey { service: TypeId::of::<T>(), name: name.map(Cow::Borrowed) };
        self.values.get(&key)?.downcast_ref::<T>().cloned()
    }
}

/// The application has no such service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no service of type `{service}`{}", named(*name))]
#[non_exhaustive]
pub struct MissingService {
    /// The field that needs the service, if it was requested for a field.
    pub field: Option<&'static str>,
    /// Its type.
    pub service: TypeRef,
    /// The service's name, if it was requested by name.
    pub name: Option<&'static str>,
}

/// How a text goes on about a service that may have a name.
pub(crate) fn named(name: Option<&str>) -> String {
    name.map(|name| format!(" named \"{name}\"")).unwrap_or_default()
}
