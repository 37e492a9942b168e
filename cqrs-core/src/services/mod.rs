//! Injection: the services that handlers need.

mod container;
mod injectable;
#[doc(hidden)]
pub mod injected;
mod provider;
mod type_ref;

pub use self::container::{MissingService, Service, Services};
pub use self::injectable::{Dependency, Injectable};
pub use self::provider::Provider;
pub use self::type_ref::TypeRef;

pub(crate) use self::container::{ServiceKey, ServiceValue};
pub(crate) use self::injectable::HowMany;
