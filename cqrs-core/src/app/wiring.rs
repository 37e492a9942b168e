//! From annotations to an application.

use super::builder::AppBuilder;
use super::construct::construct;
use super::handlers::Handlers;
use super::plugin::AnyPlugin;
use super::providers::Providers;
use super::{App, BuildError, Modules, Problem};
use crate::describe::Wired;
use crate::registry::MessageRegistration;

pub(super) fn wire(mut builder: AppBuilder) -> Result<App, BuildError> {
    let test = std::mem::take(&mut builder.test);
    let selection = Selection { only: builder.only.take(), without: builder.without.clone() };
    let mut problems = Vec::new();

    let registered = std::mem::take(&mut builder.registered);
    let handlers = Handlers::select(&selection, registered, test.only_handlers.as_deref());
    handlers.check(&selection, test.only_handlers.is_none(), &mut problems);
    check_modules(&builder.named, &selection, &mut problems);
    check_plugins(&builder.plugins, &mut problems);

    let provided = std::mem::take(&mut builder.provided);
    let mut providers = Providers::new(&selection, provided);
    providers.check_plugins(&builder.plugins, &mut problems);
    let everything = test.only_handlers.is_none();
    providers.plan(handlers.iter(), everything, &mut problems);
    if !problems.is_empty() {
        return Err(BuildError::new(problems));
    }
    let (services, provided) = providers.wired();
    let messages = inventory::iter::<MessageRegistration>();
    let messages = messages.filter(|message| selection.includes(message.source.module));
    let wired = Wired {
        messages: messages.copied().collect(),
        handlers: handlers.into_vec(),
        services,
        provided,
        plugins: builder.plugins.iter().map(|plugin| plugin.name().to_owned()).collect(),
        middleware: builder.middlewares.types().collect(),
        named: std::mem::take(&mut builder.named),
    };
    construct(&builder, test, providers, wired).map_err(|problem| BuildError::new(vec![*problem]))
}

/// Which modules' annotations count.
#[derive(Default)]
pub(super) struct Selection {
    only: Option<Modules>,
    without: Modules,
}

impl Selection {
    /// What is registered by hand is in no module and always counts.
    pub(super) fn includes(&self, module_path: &str) -> bool {
        module_path.is_empty()
            || (self.only.as_ref().is_none_or(|only| only.contain(module_path))
                && !self.without.contain(module_path))
    }
}

fn check_modules(named: &Modules, selection: &Selection, problems: &mut Vec<Problem>) {
    let contributed = || {
        use crate::registry::{HandlerRegistration, InjectableRegistration, MessageRegistration};
        let messages = inventory::iter::<MessageRegistration>().map(|message| message.source);
        let handlers = inventory::iter::<HandlerRegistration>().map(|handler| handler.source);
        let services = inventory::iter::<InjectableRegistration>().map(|service| service.source);
        messages.chain(handlers).chain(services)
    };
    for module in named.iter().chain(selection.without.iter()) {
        if !contributed().any(|source| module.contains(source.module)) {
            problems.push(Problem::EmptyModule { module: module.name().to_owned() });
        }
    }
}

fn check_plugins(plugins: &[AnyPlugin], problems: &mut Vec<Problem>) {
    let mut names: Vec<_> = plugins.iter().map(|plugin| plugin.name()).collect();
    names.sort_unstable();
    let shared = names.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
    let shared: Vec<_> =
        shared.map(|same| Problem::SharedPluginName { name: same[0].to_owned() }).collect();
    if !shared.is_empty() {
        // Nor are its handlers there twice for another reason.
        problems.retain(|problem| !is_one_handler_twice(problem));
    }
    problems.extend(shared);
}

fn is_one_handler_twice(problem: &Problem) -> bool {
    let Problem::SharedHandlerName { handlers, .. } = problem else { return false };
    handlers.iter().all(|handler| *handler == handlers[0])
}
