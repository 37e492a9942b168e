//! Wires annotations into an application.

use std::sync::Arc;

use super::builder::AppBuilder;
use super::construct::construct;
use super::handlers::Handlers;
use super::plugin::AnyPlugin;
use super::providers::Providers;
use super::wired::Wired;
use super::{App, BuildError, Modules, Problem};
use crate::registry::Catalogue;

pub(super) fn wire(mut builder: AppBuilder) -> Result<App, BuildError> {
    let test = std::mem::take(&mut builder.test);
    let selection = Selection { only: builder.only.take(), without: builder.without.clone() };
    let catalogue = Catalogue::read(|module| selection.includes(module));
    let complete = test.only_handlers.is_none();
    let mut problems = Vec::new();

    let registered = std::mem::take(&mut builder.registered);
    let only = test.only_handlers.as_deref();
    let (handlers, unhandled) = Handlers::select(&catalogue, registered, only);
    let messages = handlers.messages(&catalogue, complete);
    let is_plugin_shared = check_plugins(&builder.plugins, &mut problems);
    handlers.check(&messages, is_plugin_shared, &mut problems);
    check_modules(&builder.named, &selection, &catalogue, &mut problems);

    let provided = std::mem::take(&mut builder.provided);
    let mut providers = Providers::new(&catalogue, provided);
    providers.check_plugins(&builder.plugins, &mut problems);
    providers.plan(handlers.iter(), complete, &mut problems);
    providers.check_queries(handlers.iter(), &mut problems);
    if !problems.is_empty() {
        return Err(BuildError::new(problems));
    }
    let (services, provided) = providers.wired();
    let wired = Wired {
        messages,
        handlers: handlers.into_vec(),
        services,
        provided,
        plugins: builder.plugins.iter().map(|plugin| plugin.name().to_owned()).collect(),
        middleware: builder.middlewares.types().collect(),
        named: std::mem::take(&mut builder.named),
        unhandled: Arc::new(unhandled),
        validators: catalogue.validators(),
    };
    construct(&builder, test, providers, wired).map_err(|problem| BuildError::new(vec![problem]))
}

/// Which modules are selected.
struct Selection {
    only: Option<Modules>,
    without: Modules,
}

impl Selection {
    fn includes(&self, module_path: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contain(module_path))
            && !self.without.contain(module_path)
    }
}

fn check_modules(
    named: &Modules,
    selection: &Selection,
    catalogue: &Catalogue,
    problems: &mut Vec<Problem>,
) {
    let named = named.iter().chain(selection.without.iter());
    let empty = named.filter(|it| !catalogue.has_module(|path| it.contains(path)));
    problems.extend(empty.map(|module| Problem::empty_module(module.name())));
}

/// Returns whether a plugin is added more than once.
fn check_plugins(plugins: &[AnyPlugin], problems: &mut Vec<Problem>) -> bool {
    let mut names: Vec<_> = plugins.iter().map(|plugin| plugin.name()).collect();
    names.sort_unstable();
    let shared = names.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
    problems.extend(shared.map(|same| Problem::shared_plugin_name(same[0])));
    !problems.is_empty()
}
