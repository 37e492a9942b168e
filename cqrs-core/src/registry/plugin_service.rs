//! Services that need their plugin.

use std::fmt;

use crate::services::{Service, TypeRef};

/// A service that does nothing without its plugin; [`plugin_service!`](crate::plugin_service) submits it.
#[derive(Clone, Copy)]
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

impl fmt::Debug for PluginService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginService({} of {})", (self.service)(), self.plugin)
    }
}
