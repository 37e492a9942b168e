//! Suggestions for a service that is missing.

use super::problem::inside_arc;
use super::providers::Providers;
use crate::services::{Dependency, TypeRef};

impl Providers<'_> {
    /// How to get the missing service from what is offered.
    pub(super) fn hint(&self, dependency: &Dependency) -> Option<String> {
        let service = dependency.service;
        if let Some(plugin) = self.catalogue.plugin_of(service) {
            return Some(format!("`.plugin(..)`: the plugin `{plugin}` provides it"));
        }
        self.almost_provided(service).or_else(|| self.unused_arc(service)).or_else(|| {
            let derived = self.catalogue.injectables.iter().any(|it| (it.service)() == service);
            derived.then(|| {
                format!("`{service}` is built as a service: let the field be an `Arc<{service}>`")
            })
        })
    }

    /// A provided value that differs in its name or in an `Arc`.
    fn almost_provided(&self, service: TypeRef) -> Option<String> {
        let mut provided: Vec<_> = self.provided.values().collect();
        provided.sort_by_key(|value| (value.service.path(), value.key.name.clone()));
        provided.iter().find_map(|value| {
            if value.service == service {
                return Some(match value.key.name.as_deref() {
                    Some(name) => {
                        format!("there is one named \"{name}\": `#[inject(name = \"{name}\")]`")
                    }
                    None => {
                        "there is one without a name: remove the name from the field".to_owned()
                    }
                });
            }
            let (wanted, found) = (service.name(), value.service.name());
            if inside_arc(&wanted) == Some(&found) {
                return Some(format!("`{found}` is provided: provide it as `{wanted}` instead"));
            }
            (inside_arc(&found) == Some(&wanted))
                .then(|| format!("`{found}` is provided: let the field be of that type"))
        })
    }

    /// A provided `Arc` that no field takes. Probably it was meant as the `Arc` of a trait object that is
    /// missing.
    fn unused_arc(&self, service: TypeRef) -> Option<String> {
        if !service.name().starts_with("Arc<dyn ") {
            return None;
        }
        let handlers = self.catalogue.handlers.iter().flat_map(|it| (it.dependencies)());
        let injectables = self.catalogue.injectables.iter().flat_map(|it| (it.dependencies)());
        let fields: Vec<_> = handlers.chain(injectables).map(|it| it.service).collect();
        let provided = self.provided.values().filter(|value| value.key.name.is_none());
        let unused = provided
            .map(|value| value.service)
            .filter(|it| inside_arc(&it.name()).is_some() && !fields.contains(it))
            .min_by_key(TypeRef::path)?;
        Some(format!(
            "`{unused}` is provided, but no field has this type: if it was meant, \
             `.provide::<{service}>(..)`"
        ))
    }
}
