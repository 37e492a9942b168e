//! Suggestions for a service that is missing.

use super::providers::Providers;
use crate::services::{Dependency, TypeRef};

impl Providers<'_> {
    /// How to get the service that `dependency` misses.
    pub(super) fn fix(&self, dependency: &Dependency) -> String {
        self.hint(dependency.service).unwrap_or_else(|| how_to_provide(dependency))
    }

    /// How to get the service from something that is offered.
    fn hint(&self, service: TypeRef) -> Option<String> {
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

pub(super) fn how_to_provide(dependency: &Dependency) -> String {
    let Dependency { service, name, .. } = dependency;
    if let Some(name) = name {
        return format!("`.provide_named::<{service}>(\"{name}\", ..)`");
    }
    let provide = format!("`.provide::<{service}>(..)`");
    match inside_arc(&service.name()) {
        Some(inner) if inner.starts_with("dyn ") => {
            format!("{provide}, or `#[injectable(as = {inner})]` on a service that implements it")
        }
        Some(inner) => format!("{provide}, or `#[derive(Injectable)]` on `{inner}`"),
        None => provide,
    }
}

/// `T` of `Arc<T>`.
fn inside_arc(type_name: &str) -> Option<&str> {
    type_name.strip_prefix("Arc<")?.strip_suffix('>')
}
