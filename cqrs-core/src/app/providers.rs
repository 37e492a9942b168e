//! Where services come from, and the order in which they are built.

use std::error::Error;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::handlers::consumer;
use super::problem::list;
use super::wired::WiredService;
use super::{Problem, ProblemKind};
use crate::bus::{CommandBus, EventBus, QueryBus};
use crate::handler::with_causes;
use crate::message::MessageKind;
use crate::middleware::Wanted;
use crate::registry::{
    Catalogue, HandlerRegistration, InjectableRegistration, Make, Offer, Source,
};
use crate::runtime::{Panic, catch};
use crate::services::{Dependency, HowMany, ServiceKey, ServiceValue, Services, TypeRef};

/// Everything that can be injected. After planning, also the order in which to build it.
pub(super) struct Providers {
    pub(super) catalogue: Catalogue,
    pub(super) provided: FxHashMap<ServiceKey, ServiceValue>,
    pub(super) problems: Vec<Problem>,
    /// Who offers what.
    pub(super) offers: FxHashMap<ServiceKey, Vec<&'static InjectableRegistration>>,
    /// Whose dependencies are being planned, each needed by the one before.
    path: Vec<&'static InjectableRegistration>,
    planned: FxHashSet<(TypeRef, Source)>,
    /// The types of which a list is needed.
    listed: FxHashSet<TypeRef>,
    order: Vec<&'static InjectableRegistration>,
}

impl Providers {
    pub(super) fn new(
        catalogue: Catalogue,
        provided: FxHashMap<ServiceKey, ServiceValue>,
        problems: Vec<Problem>,
    ) -> Self {
        let mut offers: FxHashMap<ServiceKey, Vec<_>> = FxHashMap::default();
        for &injectable in &catalogue.injectables {
            for offer in injectable.offers() {
                offers.entry(offer.key()).or_default().push(injectable);
            }
        }
        Self {
            catalogue,
            provided,
            problems,
            offers,
            path: Vec::new(),
            planned: FxHashSet::default(),
            listed: FxHashSet::default(),
            order: Vec::new(),
        }
    }

    /// Plans what `handlers` need, or `everything` there is.
    pub(super) fn plan(&mut self, handlers: &[HandlerRegistration], everything: bool) {
        for handler in handlers {
            self.plan_dependencies(&consumer(handler), (handler.dependencies)());
        }
        if everything {
            for injectable in self.catalogue.injectables.clone() {
                self.plan_injectable(injectable);
            }
        }
    }

    /// Plans the services that middleware needs which is built from services.
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
        for dependency in dependencies {
            if dependency.how_many == HowMany::All {
                self.plan_list(dependency);
            } else if !dependency.keys().any(|key| self.provided.contains_key(&key) || is_bus(key))
            {
                self.plan_dependency(consumer, dependency);
            }
        }
    }

    fn plan_dependency(&mut self, consumer: &str, dependency: Dependency) {
        let Dependency { field, key, how_many, .. } = dependency;
        let offered = dependency.keys().find_map(|key| self.offers.get_key_value(&key));
        let problem = match offered.map(|(key, injectables)| (key, injectables.as_slice())) {
            Some((_, &[injectable])) => return self.plan_injectable(injectable),
            Some((key, several)) => Problem::new(
                ProblemKind::AmbiguousService,
                format!(
                    "{key} is offered more than once:{}",
                    list(several.iter().map(|it| title(it)))
                ),
                format!(
                    "say which one with `.provide::<{}>(..)`, remove the others, name them, or take all as \
                     `Vec<{}>`",
                    key.service, key.service
                ),
            ),
            None if how_many == HowMany::Optional => return,
            None => {
                // A parameter `&Arc<T>` needs an `Arc<T>`, and no `Arc` of that.
                let key = dependency.keys().find(is_arc_of_no_arc).unwrap_or(key);
                Problem::new(
                    ProblemKind::MissingService,
                    format!("nothing offers {key}, which `{field}` of {consumer} needs"),
                    self.fix(key),
                )
            }
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Plans all services of a type, with and without names; none, if the list itself is provided.
    fn plan_list(&mut self, list: Dependency) {
        if list.or.is_some_and(|list| self.provided.contains_key(&list.into())) {
            return;
        }
        let service = list.key.service;
        self.listed.insert(service);
        let offers = self.offers.iter().filter(|(key, _)| key.service == service);
        let mut all: Vec<_> = offers.flat_map(|(_, injectables)| injectables.clone()).collect();
        all.sort_by_key(|it| ((it.service)().path(), it.source));
        for injectable in all {
            self.plan_injectable(injectable);
        }
    }

    fn plan_injectable(&mut self, injectable: &'static InjectableRegistration) {
        let service = (injectable.service)();
        let is_same = |it: &InjectableRegistration| {
            it.source == injectable.source && (it.service)() == service
        };
        if let Some(start) = self.path.iter().position(|it| is_same(it)) {
            let circle = &self.path[start..];
            let services = list(circle.iter().map(|it| title(it)));
            // Providers run before any message, so events cannot replace what they need of each other.
            let fix = if circle.iter().any(|it| it.provider.is_some()) {
                "let one of them take a part of the other, or make it inside"
            } else {
                "let one of them react to an event of the other instead"
            };
            self.problems.push(Problem::new(
                ProblemKind::Cycle,
                format!(
                    "services need each other in a circle, so none can be built first:{services}"
                ),
                fix,
            ));
            return;
        }
        // Provided values, such as the fakes of a test, may replace everything that it offers.
        let is_replaced = injectable.offers().all(|offer| self.provided.contains_key(&offer.key()));
        if self.planned.insert((service, injectable.source)) && !is_replaced {
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
        let Dependency { field, key, .. } = dependency;
        let buses = [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>()];
        if let Some(bus) = dependency.keys().find(|key| buses.contains(&key.service)) {
            return Some(format!("`{field}: {}`", bus.service));
        }
        let field = format!("`{field}: {}`", dependency.type_name());
        let of_list = dependency.how_many == HowMany::All;
        let is_offer = |offered: &ServiceKey| {
            dependency.keys().any(|it| it == *offered)
                || (of_list && offered.service == key.service)
        };
        let mut offers: Vec<_> = self.offers.iter().filter(|(key, _)| is_offer(key)).collect();
        offers.sort_by_key(|(key, _)| key.name);
        offers.into_iter().find_map(|(key, injectables)| {
            if self.provided.contains_key(key) || !seen.insert(*key) {
                return None;
            }
            injectables.iter().find_map(|injectable| {
                let mut dependencies = (injectable.dependencies)().into_iter();
                let rest = dependencies.find_map(|it| self.path_to_bus(it, seen))?;
                Some(format!("{field} -> {} -> {rest}", title(injectable)))
            })
        })
    }

    /// What will be built, for the description.
    pub(super) fn wired(&self) -> Vec<WiredService> {
        let service = |&registration: &&'static InjectableRegistration| {
            let offered = registration.offers().map(Offer::key);
            let offered =
                offered.filter(|key| self.is_offered(*key) && !self.provided.contains_key(key));
            let offered_as = offered.map(|key| key.service).collect();
            WiredService { registration, offered_as }
        };
        self.order.iter().map(service).collect()
    }

    /// Whether fields get a service by this key: because it is the only one, or in a list.
    fn is_offered(&self, key: ServiceKey) -> bool {
        self.is_unambiguous(key) || self.listed.contains(&key.service)
    }

    fn is_unambiguous(&self, key: ServiceKey) -> bool {
        self.offers[&key].len() == 1
    }

    /// Warns of providers that never run, because another one makes the same and nothing needs it. What needs it would make
    /// this a problem.
    pub(super) fn warn_of_idle(&self) {
        for injectable in self.order.iter().filter(|it| it.provider.is_some()) {
            if !injectable.offers().any(|offer| self.is_offered(offer.key())) {
                tracing::warn!(
                    "{} never runs: another one makes `{}` too, and nothing needs it; remove one of them, or name them",
                    title(injectable),
                    (injectable.service)()
                );
            }
        }
    }

    /// Finds services that are made by asynchronous providers.
    pub(super) fn check_synchronous(&self) -> Vec<Problem> {
        let providers = self.order.iter().filter(|it| it.is_async);
        let problems = providers.map(|it| {
            Problem::new(
                ProblemKind::AsyncProvider,
                format!("{} is asynchronous, and `build` cannot wait for it", title(it)),
                "write `.build_async().await` instead of `.build()`, or provide the value",
            )
        });
        problems.collect()
    }

    /// Builds the planned services, each after its dependencies. It waits only for providers that are asynchronous.
    pub(super) async fn construct(
        mut self,
        events: &EventBus,
        commands: &CommandBus,
        queries: &QueryBus,
    ) -> Result<Services, Problem> {
        let mut services = Services::default();
        let by_key = &mut services.by_key;
        by_key.insert(TypeRef::of::<EventBus>().into(), Arc::new(events.clone()));
        by_key.insert(TypeRef::of::<CommandBus>().into(), Arc::new(commands.clone()));
        by_key.insert(TypeRef::of::<QueryBus>().into(), Arc::new(queries.clone()));
        by_key.extend(self.provided.drain());
        for (key, service) in &services.by_key {
            if self.listed.contains(&key.service) {
                let list = services.lists.entry(key.service).or_default();
                list.insert((key.name, ""), Arc::clone(service));
            }
        }
        for &injectable in &self.order {
            for offer in injectable.offers() {
                let key = offer.key();
                // A provided value replaces a service that would be built.
                if services.by_key.contains_key(&key) || !self.is_offered(key) {
                    continue;
                }
                let service = match offer.make {
                    Make::Build(build) => build(&services),
                    Make::Provide(provide) => match catch(|| provide(&services)).await {
                        Ok(made) => made.map_err(|error| failed(injectable, &*error))?,
                        Err(Panic(text)) => {
                            let text = format!("{} panicked: {text}", title(injectable));
                            return Err(not_made(injectable, text));
                        }
                    },
                };
                if self.listed.contains(&key.service) {
                    let list = services.lists.entry(key.service).or_default();
                    let path = (injectable.provider.unwrap_or(injectable.service))().path();
                    list.insert((key.name, path), Arc::clone(&service));
                }
                if self.is_unambiguous(key) {
                    services.by_key.insert(key, service);
                }
            }
        }
        Ok(services)
    }
}

/// A provider has failed.
fn failed(provider: &InjectableRegistration, error: &(dyn Error + 'static)) -> Problem {
    not_made(provider, format!("{} failed: {}", title(provider), with_causes(error)))
}

fn not_made(provider: &InjectableRegistration, text: String) -> Problem {
    let fix = format!(
        "see the error; a test can `.provide::<{}>(..)` a value instead",
        (provider.service)()
    );
    Problem::new(ProblemKind::ProviderFailed, text, fix)
}

fn is_bus(key: ServiceKey) -> bool {
    [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>(), TypeRef::of::<QueryBus>()]
        .map(ServiceKey::from)
        .contains(&key)
}

fn is_arc_of_no_arc(key: &ServiceKey) -> bool {
    let name = key.service.name();
    name.starts_with("Arc<") && !name.starts_with("Arc<Arc<")
}

/// The service's name in reports.
fn title(injectable: &InjectableRegistration) -> String {
    match injectable.provider {
        Some(provider) => format!("provider `{}` ({})", provider(), injectable.source),
        None => format!("service `{}` ({})", (injectable.service)(), injectable.source),
    }
}
