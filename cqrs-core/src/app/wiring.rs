//! Wires annotations into an application.

use std::sync::Arc;
use std::time::Duration;

use super::builder::{AppBuilder, TestOptions};
use super::handlers;
use super::providers::Providers;
use super::wired::Wired;
use super::{BuildError, Problem, ProblemKind, settings};
use crate::registry::{Catalogue, HandlerRegistration};

/// An application whose wiring is proved, and of which nothing is built yet.
pub(crate) struct Plan {
    pub(super) builder: AppBuilder,
    pub(super) test: TestOptions,
    pub(super) providers: Providers,
    pub(crate) wired: Wired,
}

pub(crate) fn plan(mut builder: AppBuilder) -> Result<Plan, BuildError> {
    let test = std::mem::take(&mut builder.test);
    let catalogue = Catalogue::read(|module| {
        builder.only.as_ref().is_none_or(|only| only.contain(module))
            && !builder.without.contain(module)
    });
    let complete = test.only_handlers.is_none();
    let mut problems = std::mem::take(&mut builder.problems);

    let registered = std::mem::take(&mut builder.registered);
    let only = test.only_handlers.as_deref();
    let (mut handlers, unhandled) = handlers::select(&catalogue, registered, only);
    let messages = handlers::messages(&handlers, &catalogue, complete);
    handlers::check(&handlers, &messages, test.observer.is_some(), &mut problems);
    settings::apply(&builder, &catalogue, &mut handlers, &mut problems);
    if test.retries_at_once {
        for HandlerRegistration { options, .. } in &mut handlers {
            *options = options.retry(options.effective().retry.with_max_backoff(Duration::ZERO));
        }
    }
    check_modules(&builder, &catalogue, &mut problems);
    handlers::check_transactions(&handlers, builder.store.as_deref(), &mut problems);

    let provided = std::mem::take(&mut builder.provided);
    for service in provided.keys().map(|key| key.service) {
        if let Some(plugin) = catalogue.plugins.get(&service.id())
            && builder.plugins.iter().all(|added| added.name() != *plugin)
        {
            problems.push(Problem::new(
                ProblemKind::ProvidedWithoutPlugin,
                format!("`{service}` is provided, but does nothing without its plugin `{plugin}`"),
                "`.plugin(..)` in place of `.provide(..)`; the plugin provides it too",
            ));
        }
    }
    let mut providers = Providers::new(catalogue, provided, problems);
    providers.plan(&handlers, complete);
    providers.plan_middleware(builder.middlewares.wanted());
    providers.plan_middleware(builder.publish_middlewares.wanted());
    providers.check_queries(&handlers);
    providers.warn_of_idle();
    let problems = std::mem::take(&mut providers.problems);
    if !problems.is_empty() {
        return Err(BuildError(problems));
    }
    let wired = Wired {
        messages,
        handlers,
        services: providers.wired(),
        provided: providers.provided.keys().copied().collect(),
        plugins: builder.plugins.iter().map(|plugin| plugin.name().to_owned()).collect(),
        middleware: builder.middlewares.types().collect(),
        publish_middleware: builder.publish_middlewares.types().collect(),
        named: std::mem::take(&mut builder.named),
        unhandled: Arc::new(unhandled),
    };
    Ok(Plan { builder, test, providers, wired })
}

/// Finds modules that are named in vain.
fn check_modules(builder: &AppBuilder, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    let named = builder.named.0.iter().chain(&builder.without.0);
    let empty = named.filter(|it| !catalogue.modules.iter().any(|path| it.contains(path)));
    problems.extend(empty.map(|module| {
        Problem::new(
            ProblemKind::EmptyModule,
            format!("nothing is annotated in the module `{}` that was named", module.name),
            "remove it from `modules![..]`; or, if it was imported with `use`, re-exported or \
             renamed, write its own full path",
        )
    }));
}
