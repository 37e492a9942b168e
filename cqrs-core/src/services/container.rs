//! The services of one application.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

pub(crate) type ServiceValue = Arc<dyn Any + Send + Sync>;

/// A service's identity: its type, and its name if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ServiceKey {
    pub(crate) service: TypeRef,
    pub(crate) name: Option<&'static str>,
}

impl From<TypeRef> for ServiceKey {
    fn from(service: TypeRef) -> Self {
        Self { service, name: None }
    }
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.service)?;
        self.name.map_or(Ok(()), |name| write!(f, " named \"{name}\""))
    }
}

/// The services of one application, by type and, where several of one type are needed, by name.
#[derive(Debug, Default)]
pub struct Services {
    pub(crate) by_key: FxHashMap<ServiceKey, ServiceValue>,
    /// The services of each type of which a field needs all.
    pub(crate) lists: FxHashMap<TypeRef, BTreeMap<ListOrder, ServiceValue>>,
}

/// The position of a service in a list: services without a name first, then by name. Of one name, a provided value comes
/// first, then by the path of the type that implements the service.
pub(crate) type ListOrder = (Option<&'static str>, &'static str);

impl Services {
    /// A clone of the service of type `T`.
    pub fn get<T: Service>(&self) -> Option<T> {
        self.find(TypeRef::of::<T>().into())
    }

    /// The service of type `T`, with this name if it has one; for [`Injectable::inject`](super::Injectable::inject).
    ///
    /// # Panics
    ///
    /// If the application has none, because [`dependencies`](super::Injectable::dependencies) did not name it.
    pub fn inject<T: Service>(&self, name: Option<&'static str>) -> T {
        let key = ServiceKey { service: TypeRef::of::<T>(), name };
        self.find(key).unwrap_or_else(|| missing(key))
    }

    /// The service of type `Arc<T>`, or of type `T` itself, with this name if it has one: for a function that takes a
    /// `&T`.
    ///
    /// # Panics
    ///
    /// As [`inject`](Self::inject).
    pub fn reference<T: Send + Sync + 'static>(&self, name: Option<&'static str>) -> Arc<T> {
        let shared = ServiceKey { service: TypeRef::of::<Arc<T>>(), name };
        let itself = ServiceKey { service: TypeRef::of::<T>(), name };
        let itself = || Arc::clone(self.by_key.get(&itself)?).downcast().ok();
        self.find(shared).or_else(itself).unwrap_or_else(|| missing(shared))
    }

    /// The service of type `T`, with this name if one is given; `None` if there is none. For a field of type `Option<T>`.
    pub fn optional<T: Service>(&self, name: Option<&'static str>) -> Option<T> {
        let itself = ServiceKey { service: TypeRef::of::<T>(), name };
        let optional = ServiceKey { service: TypeRef::of::<Option<T>>(), name };
        self.find(itself).or_else(|| self.find(optional).flatten())
    }

    /// All services of type `T`: for a field of type `Vec<T>`. Those without a name come first, the others are in the
    /// order of their names.
    pub fn all<T: Service>(&self) -> Vec<T> {
        let service = TypeRef::of::<T>();
        self.get::<Vec<T>>().unwrap_or_else(|| {
            let list = self.lists.get(&service).into_iter().flat_map(BTreeMap::values);
            list.filter_map(|value| value.downcast_ref::<T>().cloned()).collect()
        })
    }

    fn find<T: Service>(&self, key: ServiceKey) -> Option<T> {
        self.by_key.get(&key)?.downcast_ref::<T>().cloned()
    }
}

fn missing<T>(key: ServiceKey) -> T {
    panic!("no {key}, and `dependencies` does not name it")
}

/// The application has no such service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no service of type `{service}`")]
#[non_exhaustive]
pub struct MissingService {
    /// Its type.
    pub service: TypeRef,
}
