//! Where services come from, and the order in which they are built.

use rustc_hash::{FxHashMap, FxHashSet};

use super::handlers::consumer;
use super::problem::list;
use super::wired::WiredService;
use super::{Problem, ProblemKind};
use crate::bus::{CommandBus, EventBus, QueryBus};
use crate::message::MessageKind;
use crate::middleware::Wanted;
use crate::registry::{Catalogue, HandlerRegistration, InjectableRegistration};
use crate::services::{Dependency, ServiceKey, ServiceValue, Services, TypeRef};

/// Everything that can be injected. After planning, also the order in which to build it.
pub(super) struct Providers<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) provided: FxHashMap<ServiceKey, ServiceValue>,
    pub(super) problems: Vec<Problem>,
    /// Who offers what.
    offers: FxHashMap<ServiceKey, Vec<&'static InjectableRegistration>>,
    /// Whose dependencies are being planned, each needed by the one before.
    path: Vec<&'static InjectableRegistration>,
    planned: FxHashSet<TypeRef>,
    order: Vec<&'static InjectableRegistration>,
}

impl<'a> Providers<'a> {
    pub(super) fn new(
        catalogue: &'a Catalogue,
        provided: FxHashMap<ServiceKey, ServiceValue>,
        problems: Vec<Problem>,
    ) -> Self {
        let mut offers: FxHashMap<ServiceKey, Vec<_>> = FxHashMap::default();
        for &injectable in &catalogue.injectables {
            for offer in injectable.offers() {
                offers.entry((offer.service)().into()).or_default().push(injectable);
            }
        }
        Self {
            catalogue,
            provided,
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
            for injectable in &self.catalogue.injectables {
                self.plan_injectable(injectable);
            }
        }
    }

    /// Plans what middleware needs that is built from services.
    pub(super) fn plan_middleware(&mut self, wanted: impl Iterator<Item = Wanted>) {
        for Wanted { middleware, source, itself, dependencies } in wanted {
            let itself = itself();
            let is_service =
                self.provided.contains_key(&itself.key) || self.offers.contains_key(&itself.key);
            let dependencies = if is_service { vec![itself] } else { dependencies() };
            self.plan_dependencies(&format!("middleware `{middleware}` ({source})"), dependencies);
        }
    }

    fn plan_dependencies(&mut self, consumer: &str, dependencies: Vec<Dependency>) {
        for Dependency { field, key } in dependencies {
            if self.provided.contains_key(&key) || is_bus(key) {
                continue;
            }
            let problem = match self.offers.get(&key).map(Vec::as_slice) {
                Some(&[injectable]) => {
                    self.plan_injectable(injectable);
                    continue;
                }
                Some(several) => Problem::new(
                    ProblemKind::AmbiguousService,
                    format!(
                        "{key} is offered more than once:{}",
                        list(several.iter().map(|it| title(it)))
                    ),
                    format!(
                        "say which one with `.provide::<{}>(..)`, or remove the others",
                        key.service
                    ),
                ),
                None => Problem::new(
                    ProblemKind::MissingService,
                    format!("nothing offers {key}, which field `{field}` of {consumer} needs"),
                    self.fix(key),
                ),
            };
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    fn plan_injectable(&mut self, injectable: &'static InjectableRegistration) {
        let service = (injectable.service)();
        if let Some(start) = self.path.iter().position(|it| (it.service)() == service) {
            let services = list(self.path[start..].iter().map(|it| title(it)));
            self.problems.push(Problem::new(
                ProblemKind::Cycle,
                format!(
                    "services need each other in a circle, so none can be built first:{services}"
                ),
                "let one of them react to an event of the other instead",
            ));
            return;
        }
        // Provided values, such as the fakes of a test, may replace everything that it offers.
        let is_replaced =
            injectable.offers().all(|offer| self.provided.contains_key(&(offer.service)().into()));
        if self.planned.insert(service) && !is_replaced {
            self.path.push(injectable);
            self.plan_dependencies(&title(injectable), (injectable.dependencies)());
            self.path.pop();
            self.order.push(injectable);
        }
    }

    /// Finds query handlers that reach a bus with which they could change state.
    pub(super) fn check_queries(&mut self, handlers: &[HandlerRegistration]) {
        for handler in handlers.iter().filter(|handler| handler.kind() == MessageKind::Query) {
            for dependency in (handler.dependencies)() {
                if let Some(path) = self.path_to_bus(dependency, &mut FxHashSet::default()) {
                    let handler = consumer(handler);
                    self.problems.push(Problem::new(
                        ProblemKind::QueryReachesBus,
                        format!(
                            "the query {handler} reaches a bus, but a query changes nothing: {path}"
                        ),
                        "make it a command, or inject a service that does without the bus",
                    ));
                }
            }
        }
    }

    /// The fields and services that lead from `dependency` to a bus.
    fn path_to_bus(
        &self,
        dependency: Dependency,
        seen: &mut FxHashSet<ServiceKey>,
    ) -> Option<String> {
        let Dependency { field, key } = dependency;
        let field = format!("field `{field}: {}`", key.service);
        if [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>()].contains(&key.service) {
            return Some(field);
        }
        let &[injectable] = self.offers.get(&key)?.as_slice() else { return None };
        if self.provided.contains_key(&key) || !seen.insert(key) {
            return None;
        }
        let mut dependencies = (injectable.dependencies)().into_iter();
        let rest = dependencies.find_map(|it| self.path_to_bus(it, seen))?;
        Some(format!("{field} -> {} -> {rest}", title(injectable)))
    }

    /// What will be built, for the description.
    pub(super) fn wired(&self) -> Vec<WiredService> {
        let service = |&registration: &&'static InjectableRegistration| {
            let offered = registration.offers().map(|offer| (offer.service)());
            let offered = offered.filter(|&service| {
                let key = service.into();
                self.is_unambiguous(key) && !self.provided.contains_key(&key)
            });
            WiredService { registration, offered_as: offered.collect() }
        };
        self.order.iter().map(service).collect()
    }

    fn is_unambiguous(&self, key: ServiceKey) -> bool {
        self.offers[&key].len() == 1
    }

    /// Builds the planned services, each after its dependencies.
    pub(super) fn construct(
        mut self,
        events: &EventBus,
        commands: &CommandBus,
        queries: &QueryBus,
    ) -> Services {
        let mut services = Services::default();
        services.0.insert(TypeRef::of::<EventBus>().into(), Box::new(events.clone()));
        services.0.insert(TypeRef::of::<CommandBus>().into(), Box::new(commands.clone()));
        services.0.insert(TypeRef::of::<QueryBus>().into(), Box::new(queries.clone()));
        services.0.extend(self.provided.drain());
        for offer in self.order.iter().flat_map(|injectable| injectable.offers()) {
            let key = (offer.service)().into();
            if self.is_unambiguous(key) && !services.0.contains_key(&key) {
                let service = (offer.make)(&services);
                services.0.insert(key, service);
            }
        }
        services
    }
}

fn is_bus(key: ServiceKey) -> bool {
    [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>(), TypeRef::of::<QueryBus>()]
        .map(ServiceKey::from)
        .contains(&key)
}

/// The service's name in reports.
fn title(injectable: &InjectableRegistration) -> String {
    format!("service `{}` ({})", (injectable.service)(), injectable.source)
}
