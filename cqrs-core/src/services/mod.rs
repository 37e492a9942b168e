//! What handlers need and where it comes from.

mod container;
mod injectable;

pub use self::container::{MissingService, Service, Services};
pub use self::injectable::{Dependency, Injectable};

pub(crate) use self::container::{ServiceKey, ServiceValue};
