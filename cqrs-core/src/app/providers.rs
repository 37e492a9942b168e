//! Where services come from, and the order in which they are built.

use std::borrow::Cow;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Problem;
use super::builder::Provided;
use super::handlers::consumer;
use super::plugin::AnyPlugin;
use super::wired::{WiredService, WiredValue};
use crate::bus::{CommandBus, EventBus, QueryBus};
use crate::message::MessageKind;
use crate::registry::{Catalogue, HandlerRegistration, InjectableRegistration};
use crate::services::{Dependency, MissingService, ServiceKey, Services, TypeRef};

/// Everything that can be injected. After planning, also the order in which to build it.
pub(super) struct Providers<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) provided: FxHashMap<ServiceKey, Provided>,
    /// Which injectables of the catalogue offer each service.
    offers: FxHashMap<ServiceKey, Vec<usize>>,
    states: Vec<State>,
    order: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Untouched,
    /// Its dependencies are being planned.
    Open,
    Planned,
}

impl<'a> Providers<'a> {
    pub(super) fn new(catalogue: &'a Catalogue, provided: Vec<Provided>) -> Self {
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
            offers,
            states: vec![State::Untouched; catalogue.injectables.len()],
            order: Vec::new(),
        }
    }

    /// Plans the services that `handlers` need, or, with `everything`, all services.
    pub(super) fn plan<'h>(
        &mut self,
        handlers: impl Iterator<Item = &'h HandlerRegistration>,
        everything: bool,
        problems: &mut Vec<Problem>,
    ) {
        let mut path = Vec::new();
        for handler in handlers {
            for dependency in (handler.dependencies)() {
                self.plan_dependency(&consumer(handler), &dependency, &mut path, problems);
            }
        }
        if everything {
            for index in 0..self.states.len() {
                self.plan_injectable(index, &mut path, problems);
            }
        }
    }

    fn plan_dependency(
        &mut self,
        consumer: &str,
        dependency: &Dependency,
        path: &mut Vec<usize>,
        problems: &mut Vec<Problem>,
    ) {
        let key = key_of(dependency);
        if self.provided.contains_key(&key) || is_bus(&key) {
            return;
        }
        match self.offers.get(&key).map(Vec::as_slice) {
            Some(&[index]) => self.plan_injectable(index, path, problems),
            Some(several) => {
                let offered_by: Vec<_> = several.iter().map(|&it| self.service(it)).collect();
                let problem = Problem::ambiguous_service(dependency.service, &offered_by);
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            None => {
                let hint = self.hint(dependency);
                problems.push(Problem::missing_service(consumer, dependency, hint));
            }
        }
    }

    fn plan_injectable(
        &mut self,
        index: usize,
        path: &mut Vec<usize>,
        problems: &mut Vec<Problem>,
    ) {
        match self.states[index] {
            State::Planned => return,
            State::Open => {
                let start = path.iter().position(|&on_path| on_path == index).unwrap_or(0);
                let services: Vec<_> = path[start..].iter().map(|&it| self.service(it)).collect();
                problems.push(Problem::cycle(&services));
                return;
            }
            State::Untouched => {}
        }
        self.states[index] = State::Open;
        if !self.is_replaced(index) {
            path.push(index);
            let consumer = self.service(index);
            for dependency in (self.catalogue.injectables[index].dependencies)() {
                self.plan_dependency(&consumer, &dependency, path, problems);
            }
            path.pop();
            self.order.push(index);
        }
        self.states[index] = State::Planned;
    }

    /// Whether provided values, such as the fakes of a test, replace everything that this injectable
    /// offers.
    fn is_replaced(&self, index: usize) -> bool {
        let mut services = offered(self.catalogue.injectables[index]);
        services.all(|service| self.provided.contains_key(&unnamed(service)))
    }

    /// Finds services that were provided without the plugin that they need.
    pub(super) fn check_plugins(&self, added: &[AnyPlugin], problems: &mut Vec<Problem>) {
        let mut provided: Vec<_> = self.provided.values().map(|value| value.service).collect();
        provided.sort_by_key(TypeRef::path);
        for service in provided {
            if let Some(plugin) = self.catalogue.plugin_of(service)
                && added.iter().all(|it| it.name() != plugin)
            {
                problems.push(Problem::provided_without_plugin(service, plugin));
            }
        }
    }

    /// Finds query handlers that reach a bus with which they could change state.
    pub(super) fn check_queries<'h>(
        &self,
        handlers: impl Iterator<Item = &'h HandlerRegistration>,
        problems: &mut Vec<Problem>,
    ) {
        for handler in handlers.filter(|handler| handler.kind() == MessageKind::Query) {
            for dependency in (handler.dependencies)() {
                if let Some(path) = self.path_to_bus(&dependency, &mut FxHashSet::default()) {
                    problems.push(match path.len() {
                        1 => Problem::query_injects_bus(&consumer(handler), &dependency),
                        _ => Problem::query_reaches_bus(&consumer(handler), &path),
                    });
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
        for (key, provided) in std::mem::take(&mut self.provided) {
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

/// Only a hand-written `Injectable` can need a service that its `dependencies` do not name.
pub(super) fn undeclared(consumer: &str, missing: MissingService) -> Problem {
    let MissingService { field, service, name } = missing;
    let dependency = Dependency { field: field.unwrap_or_default(), service, name };
    Problem::missing_service(consumer, &dependency, None)
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
