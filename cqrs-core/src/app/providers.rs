//! Where services come from, and the order in which they are built.

use std::any::TypeId;

use rustc_hash::{FxHashMap, FxHashSet};

use super::builder::Provided;
use super::plugin::AnyPlugin;
use super::problem::inside_arc;
use super::wiring::Selection;
use super::{Consumer, Problem};
use crate::bus::{CommandBus, EventBus, QueryBus};
use crate::describe::{WiredService, WiredValue};
use crate::registry::{HandlerRegistration, InjectableRegistration, PluginService};
use crate::services::TypeRef;
use crate::services::{Dependency, MissingService, ServiceKey, Services};

/// Everything that can be injected, and in the end the order in which to build it.
pub(super) struct Providers {
    provided: FxHashMap<ServiceKey, Provided>,
    injectables: Vec<InjectableRegistration>,
    /// Which injectable offers what.
    offers: FxHashMap<ServiceKey, Vec<usize>>,
    /// What any field is of.
    asked_for: FxHashSet<TypeId>,
    states: Vec<State>,
    order: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Untouched,
    /// Its dependencies are being looked at.
    Open,
    Planned,
}

impl Providers {
    pub(super) fn new(selection: &Selection, provided: Vec<Provided>) -> Self {
        let mut injectables: Vec<_> = inventory::iter::<InjectableRegistration>()
            .filter(|injectable| selection.includes(injectable.source.module))
            .copied()
            .collect();
        injectables.sort_by_key(|injectable| ((injectable.service)().path(), injectable.source));
        let mut offers: FxHashMap<ServiceKey, Vec<usize>> = FxHashMap::default();
        for (index, injectable) in injectables.iter().enumerate() {
            for service in offered(injectable) {
                offers.entry(unnamed(service)).or_default().push(index);
            }
        }
        Self {
            // The last one of a type wins.
            provided: provided.into_iter().map(|value| (value.key.clone(), value)).collect(),
            states: vec![State::Untouched; injectables.len()],
            order: Vec::new(),
            asked_for: FxHashSet::default(),
            injectables,
            offers,
        }
    }

    /// Plans what `handlers` need, or `everything` there is.
    pub(super) fn plan<'a>(
        &mut self,
        handlers: impl Iterator<Item = &'a HandlerRegistration>,
        everything: bool,
        problems: &mut Vec<Problem>,
    ) {
        let handlers: Vec<_> = handlers.map(|it| (it, (it.dependencies)())).collect();
        let injectables = self.injectables.iter().flat_map(|it| (it.dependencies)());
        let dependencies = handlers.iter().flat_map(|(_, dependencies)| dependencies.clone());
        self.asked_for = dependencies.chain(injectables).map(|it| it.service.id()).collect();

        let mut path = Vec::new();
        for (handler, dependencies) in handlers {
            let consumer = super::handlers::consumer(handler);
            for dependency in dependencies {
                self.plan_dependency(&consumer, dependency, &mut path, problems);
            }
        }
        if everything {
            for index in 0..self.injectables.len() {
                self.plan_injectable(index, &mut path, problems);
            }
        }
    }

    fn plan_dependency(
        &mut self,
        consumer: &Consumer,
        dependency: Dependency,
        path: &mut Vec<usize>,
        problems: &mut Vec<Problem>,
    ) {
        let key = ServiceKey {
            service: dependency.service.id(),
            name: dependency.name.map(std::borrow::Cow::Borrowed),
        };
        if self.provided.contains_key(&key) || is_bus(&key) {
            return;
        }
        match self.offers.get(&key).map(Vec::as_slice) {
            Some(&[index]) => self.plan_injectable(index, path, problems),
            Some(several) => {
                let offered_by = several.iter().map(|&index| self.consumer(index)).collect();
                let problem = Problem::AmbiguousService { service: dependency.service, offered_by };
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
            None => {
                let hint = self.hint(dependency);
                let consumer = consumer.clone();
                problems.push(Problem::MissingService { consumer, dependency, hint });
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
                let services = path[start..].iter().map(|&index| self.consumer(index)).collect();
                problems.push(Problem::Cycle { services });
                return;
            }
            State::Untouched => {}
        }
        if self.is_replaced(index) {
            self.states[index] = State::Planned;
            return;
        }
        self.states[index] = State::Open;
        path.push(index);
        let consumer = self.consumer(index);
        for dependency in (self.injectables[index].dependencies)() {
            self.plan_dependency(&consumer, dependency, path, problems);
        }
        path.pop();
        self.states[index] = State::Planned;
        self.order.push(index);
    }

    /// Finds what is provided in place of the plugin that it comes with.
    pub(super) fn check_plugins(&self, added: &[AnyPlugin], problems: &mut Vec<Problem>) {
        let mut provided: Vec<_> = self.provided.values().map(|value| value.service).collect();
        provided.sort_by_key(TypeRef::path);
        for service in provided {
            if let Some(&PluginService { plugin, .. }) = PluginService::find(service)
                && added.iter().all(|it| it.name() != plugin)
            {
                problems.push(Problem::ProvidedWithoutPlugin { service, plugin });
            }
        }
    }

    /// Whether values stand in for everything that this injectable offers, as a test's fakes do.
    fn is_replaced(&self, index: usize) -> bool {
        let mut services = offered(&self.injectables[index]);
        services.all(|service| self.provided.contains_key(&unnamed(service)))
    }

    /// Something that is offered and was probably meant.
    fn hint(&self, dependency: Dependency) -> Option<String> {
        let service = dependency.service;
        if let Some(PluginService { plugin, .. }) = PluginService::find(service) {
            return Some(format!("`.plugin(..)`: the plugin `{plugin}` provides it"));
        }
        let mut provided: Vec<_> = self.provided.values().collect();
        provided.sort_by_key(|value| (value.service.path(), value.key.name.clone()));
        for value in provided {
            let name = value.key.name.as_deref();
            if value.service == service {
                return Some(match name {
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
            if inside_arc(&found) == Some(&wanted) {
                return Some(format!("`{found}` is provided: let the field be of that type"));
            }
        }
        if let Some(unused) = self.unused_arc().filter(|_| service.name().starts_with("Arc<dyn ")) {
            return Some(format!(
                "`{unused}` is provided, and nobody asks for it: if it was meant, \
                 `.provide::<{service}>(..)`"
            ));
        }
        let derived = self.injectables.iter().find(|it| (it.service)() == service);
        derived.map(|_| {
            format!("`{service}` is built as a service: let the field be an `Arc<{service}>`")
        })
    }

    /// A provided `Arc` that no field asks for: perhaps it was meant as one of a trait object.
    fn unused_arc(&self) -> Option<TypeRef> {
        let provided = self.provided.values().filter(|value| value.key.name.is_none());
        let unused = provided.map(|value| value.service).filter(|service| {
            inside_arc(&service.name()).is_some() && !self.asked_for.contains(&service.id())
        });
        unused.min_by_key(TypeRef::path)
    }

    fn consumer(&self, index: usize) -> Consumer {
        consumer(&self.injectables[index])
    }

    /// What will be built and what is provided, for reports.
    pub(super) fn wired(&self) -> (Vec<WiredService>, Vec<WiredValue>) {
        let service = |&index: &usize| {
            let registration = self.injectables[index];
            let offered_as = offered(&registration).filter(|service| {
                let key = unnamed(*service);
                let is_unambiguous = self.offers.get(&key).is_some_and(|offers| offers.len() == 1);
                is_unambiguous && !self.provided.contains_key(&key)
            });
            WiredService { registration, offered_as: offered_as.collect() }
        };
        let value =
            |value: &Provided| WiredValue { service: value.service, name: value.key.name.clone() };
        (self.order.iter().map(service).collect(), self.provided.values().map(value).collect())
    }

    /// Builds what was planned, each after what it depends on.
    pub(super) fn construct(
        self,
        events: &EventBus,
        commands: &CommandBus,
        queries: &QueryBus,
    ) -> Result<Services, Box<Problem>> {
        let mut services = Services::default();
        services.insert(unnamed(TypeRef::of::<EventBus>()), Box::new(events.clone()));
        services.insert(unnamed(TypeRef::of::<CommandBus>()), Box::new(commands.clone()));
        services.insert(unnamed(TypeRef::of::<QueryBus>()), Box::new(queries.clone()));
        for (key, provided) in self.provided {
            services.insert(key, provided.value);
        }
        for index in self.order {
            let injectable = &self.injectables[index];
            let own = unnamed((injectable.offered)());
            if !services.contains(&own) {
                let built = (injectable.construct)(&services);
                let built = built.map_err(|missing| undeclared(consumer(injectable), missing))?;
                services.insert(own, built);
            }
            for alias in injectable.aliases {
                let key = unnamed((alias.offered)());
                let is_unambiguous = self.offers.get(&key).is_some_and(|offers| offers.len() == 1);
                if is_unambiguous
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

/// Only a hand-written `Injectable` can need what its `dependencies` did not say.
pub(super) fn undeclared(consumer: Consumer, missing: MissingService) -> Box<Problem> {
    let MissingService { field, service, name } = missing;
    let dependency = Dependency { field: field.unwrap_or_default(), service, name };
    Box::new(Problem::MissingService { consumer, dependency, hint: None })
}

fn offered(injectable: &InjectableRegistration) -> impl Iterator<Item = TypeRef> + use<> {
    let aliases = injectable.aliases.iter().map(|alias| (alias.offered)());
    std::iter::once((injectable.offered)()).chain(aliases)
}

fn unnamed(service: TypeRef) -> ServiceKey {
    ServiceKey { service: service.id(), name: None }
}

fn is_bus(key: &ServiceKey) -> bool {
    [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>(), TypeRef::of::<QueryBus>()]
        .into_iter()
        .any(|bus| *key == unnamed(bus))
}

fn consumer(injectable: &InjectableRegistration) -> Consumer {
    Consumer { consumer: (injectable.service)(), handler: None, source: injectable.source }
}
