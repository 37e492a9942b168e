//! Suggestions for a service that is missing.

use super::providers::Providers;
use crate::services::{ServiceKey, TypeRef};

impl Providers {
    /// How to get the service that is missing.
    pub(super) fn fix(&self, missing: ServiceKey) -> String {
        let ServiceKey { service, name } = missing;
        if let Some(plugin) = self.catalogue.plugins.get(&service.id()) {
            return format!("`.plugin(..)`: the plugin `{plugin}` provides it");
        }
        if let Some(hint) = self.almost_provided(service) {
            return hint;
        }
        let offered = self.offered_names(service);
        if !offered.is_empty() {
            let names = offered.iter().map(|it| format!("`#[inject(name = \"{it}\")]`"));
            return format!("there are others by name: {}", names.collect::<Vec<_>>().join(", "));
        }
        if self.catalogue.injectables.iter().any(|it| (it.service)() == service) {
            return format!(
                "`{service}` is built as a service: let the field be an `Arc<{service}>`"
            );
        }
        if let Some(name) = name {
            return format!("`.provide_named::<{service}>(\"{name}\", ..)`");
        }
        let provide = format!("`.provide::<{service}>(..)`");
        match inside_arc(&service.name()) {
            Some(inner) if inner.starts_with("dyn ") => format!(
                "{provide}, or `#[injectable(as = {inner})]` on a service that implements it"
            ),
            Some(inner) => format!("{provide}, or `#[derive(Injectable)]` on `{inner}`"),
            None => format!("{provide}, or the plugin that provides it"),
        }
    }

    /// The names under which services of this type are offered.
    fn offered_names(&self, service: TypeRef) -> Vec<&'static str> {
        let keys = self.offers.keys().filter(|key| key.service == service);
        let mut names: Vec<_> = keys.filter_map(|key| key.name).collect();
        names.sort_unstable();
        names
    }

    /// A provided value that differs in its name or in an `Arc`.
    fn almost_provided(&self, service: TypeRef) -> Option<String> {
        let mut provided: Vec<_> = self.provided.keys().collect();
        provided.sort_by_key(|key| (key.service.path(), key.name));
        provided.into_iter().find_map(|&ServiceKey { service: found, name }| {
            if found == service {
                return Some(match name {
                    Some(it) => {
                        format!("there is one named \"{it}\": `#[inject(name = \"{it}\")]`")
                    }
                    None => {
                        "there is one without a name: remove the name from the field".to_owned()
                    }
                });
            }
            let (wanted, found) = (service.name(), found.name());
            (inside_arc(&wanted) == Some(&found))
                .then(|| format!("`{found}` is provided: provide it as `{wanted}` instead"))
        })
    }
}

/// `T` of `Arc<T>`.
fn inside_arc(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("Arc<")?.strip_suffix('>')
}
