//! Where services come from, and the order in which they are built.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::builder::Provided;
use super::handlers::consumer;
use super::hint::how_to_provide;
use super::plugin::AnyPlugin;
use super::problem::list;
use super::wired::{WiredService, WiredValue};
use super::{Problem, ProblemKind};
use crate::bus::{CommandBus, EventBus, QueryBus};
use crate::message::MessageKind;
use crate::registry::{Catalogue, HandlerRegistration, InjectableRegistration};
use crate::services::{Dependency, MissingService, ServiceKey, Services, TypeRef, named};

/// Everything that can be injected. After planning, also the order in which to build it.
pub(super) struct Providers<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) provided: FxHashMap<ServiceKey, Provided>,
    pub(super) problems: Vec<Problem>,
    /// Which injectables of the catalogue offer what.
    offers: FxHashMap<ServiceKey, Vec<usize>>,
    /// Whose dependencies are being planned, each needed by the one before.
    path: Vec<usize>,
    planned: FxHashSet<usize>,
    order: Vec<usize>,
}

impl<'a> Providers<'a> {
    pub(super) fn new(
        catalogue: &'a Catalogue,
        provided: Vec<Provided>,
        problems: Vec<Problem>,
    ) -> Self {
        let mut offers: FxHashMap<ServiceKey, Vec<usize>> = FxHashMap::default();
        for (index, injectable) in catalogue.injectables.iter().enumerate() {
            for service in offered(injectable) {
                offers.entry(unnamed(service)).or_default().push(index);
            }
        }
        Self {
            catalogue,
            // The last one of a type wins.
            provided: provided.into_iter().map(|value| (value.key.clone(), value)).collect(),
            problems,
            offers,
            path: Vec::new(),
            planned: FxHashSet::default(),
            order: Vec::new(),
        }
    }

    /// Plans what `handlers` need, or `everything` there is.
    pub(super) fn plan(&mut self, handlers: &[HandlerRegistration], everything: bool) {
        for handler in handlers {
            self.plan_dependencies(&consumer(handler), (handler.dependencies)());
        }
        if everything {
            for index in 0..self.catalogue.injectables.len() {
                self.plan_injectable(index);
            }
        }
    }

    fn plan_dependencies(&mut self, consumer: &str, dependencies: Vec<Dependency>) {
        for dependency in dependencies {
            let key = key_of(&dependency);
            if self.provided.contains_key(&key) || is_bus(&key) {
                continue;
            }
            match self.offers.get(&key).map(Vec::as_slice) {
                Some(&[index]) => self.plan_injectable(index),
                Some(several) => {
                    let service = dependency.service;
                    let offered_by = list(several.iter().map(|&it| self.service(it)));
                    let problem = Problem::new(
                        ProblemKind::AmbiguousService,
                        format!("`{service}` is offered more than once:{offered_by}"),
                        format!(
                            "say which one with `.provide::<{service}>(..)`, or remove the others"
                        ),
                    );
                    if !self.problems.contains(&problem) {
                        self.problems.push(problem);
                    }
                }
                None => {
                    let fix = self.fix(&dependency);
                    self.problems.push(missing_service(consumer, &dependency, fix));
                }
            }
        }
    }

    fn plan_injectable(&mut self, index: usize) {
        if let Some(start) = self.path.iter().position(|&on_path| on_path == index) {
            let services = list(self.path[start..].iter().map(|&it| self.service(it)));
            self.problems.push(Problem::new(
                ProblemKind::Cycle,
                format!(
                    "services need each other in a circle, so none can be built first:{services}"
                ),
                "let one of them react to an event of the other instead",
            ));
            return;
        }
        if self.planned.insert(index) && !self.is_replaced(index) {
            self.path.push(index);
            let dependencies = (self.catalogue.injectables[index].dependencies)();
            self.plan_dependencies(&self.service(index), dependencies);
            self.path.pop();
            self.order.push(index);
        }
    }

    /// Whether provided values, such as the fakes of a test, replace everything that this injectable
    /// offers.
    fn is_replaced(&self, index: usize) -> bool {
        let mut services = offered(self.catalogue.injectables[index]);
        services.all(|service| self.provided.contains_key(&unnamed(service)))
    }

    /// Finds what is provided in place of the plugin that it comes with.
    pub(super) fn check_plugins(&mut self, added: &[AnyPlugin]) {
        let mut provided: Vec<_> = self.provided.values().map(|value| value.service).collect();
        provided.sort_by_key(TypeRef::path);
        for service in provided {
            if let Some(plugin) = self.catalogue.plugin_of(service)
                && added.iter().all(|it| it.name() != plugin)
            {
                self.problems.push(Problem::new(
                    ProblemKind::ProvidedWithoutPlugin,
                    format!(
                        "`{service}` is provided, but does nothing without its plugin `{plugin}`, \
                         which is not added"
                    ),
                    "`.plugin(..)` in place of `.provide(..)`; the plugin provides it too",
                ));
            }
        }
    }

    /// Finds query handlers that reach a bus with which they could change state.
    pub(super) fn check_queries(&mut self, handlers: &[HandlerRegistration]) {
        for handler in handlers.iter().filter(|handler| handler.kind() == MessageKind::Query) {
            for dependency in (handler.dependencies)() {
                if let Some(path) = self.path_to_bus(&dependency, &mut FxHashSet::default()) {
                    self.problems.push(query_reaches_bus(&consumer(handler), &dependency, &path));
                }
            }
        }
    }

    /// The fields and services that lead from `dependency` to a bus.
    fn path_to_bus(
        &self,
        dependency: &Dependency,
        seen: &mut FxHashSet<usize>,
    ) -> Option<Vec<String>> {
        let Dependency { field, service, .. } = dependency;
        let mut path = vec![format!("field `{field}: {service}`")];
        if [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>()].contains(service) {
            return Some(path);
        }
        let key = key_of(dependency);
        let &[index] = self.offers.get(&key)?.as_slice() else { return None };
        if self.provided.contains_key(&key) || !seen.insert(index) {
            return None;
        }
        let dependencies = (self.catalogue.injectables[index].dependencies)();
        let rest = dependencies.iter().find_map(|it| self.path_to_bus(it, seen))?;
        path.push(self.service(index));
        path.extend(rest);
        Some(path)
    }

    /// The service's name in reports.
    fn service(&self, index: usize) -> String {
        service(self.catalogue.injectables[index])
    }

    /// What will be built and what is provided, for reports.
    pub(super) fn wired(&self) -> (Vec<WiredService>, Vec<WiredValue>) {
        let service = |&index: &usize| {
            let registration = *self.catalogue.injectables[index];
            let offered_as = offered(&registration).filter(|service| {
                let key = unnamed(*service);
                self.is_unambiguous(&key) && !self.provided.contains_key(&key)
            });
            WiredService { registration, offered_as: offered_as.collect() }
        };
        let value =
            |value: &Provided| WiredValue { service: value.service, name: value.key.name.clone() };
        (self.order.iter().map(service).collect(), self.provided.values().map(value).collect())
    }

    fn is_unambiguous(&self, key: &ServiceKey) -> bool {
        self.offers.get(key).is_some_and(|offers| offers.len() == 1)
    }

    /// Builds the planned services, each after its dependencies.
    pub(super) fn construct(
        mut self,
        events: &EventBus,
        commands: &CommandBus,
        queries: &QueryBus,
    ) -> Result<Services, Problem> {
        let mut services = Services::default();
        services.insert(unnamed(TypeRef::of::<EventBus>()), Box::new(events.clone()));
        services.insert(unnamed(TypeRef::of::<CommandBus>()), Box::new(commands.clone()));
        services.insert(unnamed(TypeRef::of::<QueryBus>()), Box::new(queries.clone()));
        for (key, provided) in self.provided.drain() {
            services.insert(key, provided.value);
        }
        for &index in &self.order {
            let injectable = self.catalogue.injectables[index];
            let own = unnamed((injectable.offered)());
            if !services.contains(&own) {
                let built = (injectable.construct)(&services);
                let built = built.map_err(|missing| undeclared(&service(injectable), missing))?;
                services.insert(own, built);
            }
            for alias in injectable.aliases {
                let key = unnamed((alias.offered)());
                if self.is_unambiguous(&key)
                    && !services.contains(&key)
                    && let Some(value) = (alias.convert)(&services)
                {
                    services.insert(key, value);
                }
            }
        }
        Ok(services)
    }
}

/// `path` leads from the handler's field to that of a service which injects the bus.
fn query_reaches_bus(handler: &str, dependency: &Dependency, path: &[String]) -> Problem {
    let Dependency { field, service, .. } = dependency;
    let (text, fix) = if path.len() == 1 {
        (
            format!("injects `{service}` in field `{field}`, but a query changes nothing"),
            "make it a command, or remove the field",
        )
    } else {
        let path = path.join(" -> ");
        (
            format!("reaches a bus through a service, but a query changes nothing: {path}"),
            "make it a command, or inject a service that does without the bus",
        )
    };
    Problem::new(ProblemKind::QueryReachesBus, format!("the query {handler} {text}"), fix)
}

/// Only a hand-written `Injectable` can need what its `dependencies` did not say.
pub(super) fn undeclared(consumer: &str, missing: MissingService) -> Problem {
    let MissingService { field, service, name } = missing;
    let dependency = Dependency { field: field.unwrap_or_default(), service, name };
    missing_service(consumer, &dependency, how_to_provide(&dependency))
}

fn missing_service(consumer: &str, dependency: &Dependency, fix: String) -> Problem {
    let Dependency { field, service, name } = dependency;
    let named = named(*name);
    let text =
        format!("nothing offers `{service}`{named}, which field `{field}` of {consumer} needs");
    Problem::new(ProblemKind::MissingService, text, fix)
}

fn offered(injectable: &InjectableRegistration) -> impl Iterator<Item = TypeRef> + use<> {
    let aliases = injectable.aliases.iter().map(|alias| (alias.offered)());
    std::iter::once((injectable.offered)()).chain(aliases)
}

fn key_of(dependency: &Dependency) -> ServiceKey {
    ServiceKey { service: dependency.service.id(), name: dependency.name.map(Cow::Borrowed) }
}

fn unnamed(service: TypeRef) -> ServiceKey {
    ServiceKey { service: service.id(), name: None }
}

fn is_bus(key: &ServiceKey) -> bool {
    [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>(), TypeRef::of::<QueryBus>()]
        .into_iter()
        .any(|bus| *key == unnamed(bus))
}

fn service(injectable: &InjectableRegistration) -> String {
    format!("service `{}` ({})", (injectable.service)(), injectable.source)
}
