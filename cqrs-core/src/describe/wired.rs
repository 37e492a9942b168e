//! What an application keeps for its description, and how one is made of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::{
    BatchDescription, BreakerDescription, Description, HandlerDescription, InjectedField,
    MessageDescription, ModuleDescription, OptionsDescription, Place, ProvidedValue,
    RetryDescription, ServiceDescription,
};
use crate::app::Modules;
use crate::message::MessageKind;
use crate::registry::{
    HandlerRegistration, Handles, InjectableRegistration, MessageDetails, MessageRegistration,
    Source,
};
use crate::services::Dependency;
use crate::services::TypeRef;

/// What was wired, as it was registered: cheap to keep, and described only when somebody asks.
#[derive(Default)]
pub(crate) struct Wired {
    /// Those of the selected modules.
    pub(crate) messages: Vec<MessageRegistration>,
    /// Sorted by name.
    pub(crate) handlers: Vec<HandlerRegistration>,
    pub(crate) services: Vec<WiredService>,
    pub(crate) provided: Vec<WiredValue>,
    pub(crate) plugins: Vec<String>,
    /// Outermost first.
    pub(crate) middleware: Vec<TypeRef>,
    pub(crate) named: Modules,
}

/// A service that was built.
pub(crate) struct WiredService {
    pub(crate) registration: InjectableRegistration,
    pub(crate) offered_as: Vec<TypeRef>,
}

/// A value that was provided.
pub(crate) struct WiredValue {
    pub(crate) service: TypeRef,
    pub(crate) name: Option<Cow<'static, str>>,
}

impl Wired {
    /// Of the messages that implement `Validate`.
    pub(crate) fn validators(
        &self,
    ) -> rustc_hash::FxHashMap<std::any::TypeId, crate::message::Validator> {
        let messages = self.messages.iter();
        messages.filter_map(|it| Some(((it.message)().id(), (it.validator)()?))).collect()
    }

    pub(crate) fn describe(&self) -> Description {
        let mut messages: Vec<_> =
            self.all_messages().iter().map(|message| self.message(message)).collect();
        messages.sort_by(|a, b| (&a.name, &a.type_name).cmp(&(&b.name, &b.type_name)));
        let handlers: Vec<_> = self.handlers.iter().map(handler).collect();
        let mut services: Vec<_> = self.services.iter().map(service).collect();
        services.sort_by(|a, b| {
            (&a.type_name, &a.declared.module).cmp(&(&b.type_name, &b.declared.module))
        });
        let mut provided: Vec<_> = self.provided.iter().map(provided_value).collect();
        provided.sort_by(|a, b| (&a.type_name, &a.name).cmp(&(&b.type_name, &b.name)));
        let modules = self.modules(&messages, &handlers, &services);
        let plugins = self.plugins.clone();
        let middleware = self.middleware.iter().map(TypeRef::name).collect();
        Description { messages, handlers, services, provided, plugins, middleware, modules }
    }

    /// Those of the selected modules, and those from elsewhere that a handler handles.
    fn all_messages(&self) -> Vec<MessageRegistration> {
        let mut all = self.messages.clone();
        let mut seen: FxHashSet<_> = all.iter().map(|message| (message.message)().id()).collect();
        for handled in self.handlers.iter().flat_map(handled) {
            let id = (handled.message)().id();
            if seen.insert(id) {
                let mut derived = inventory::iter::<MessageRegistration>();
                all.push(*derived.find(|it| (it.message)().id() == id).unwrap_or(handled));
            }
        }
        all
    }

    fn message(&self, message: &MessageRegistration) -> MessageDescription {
        let type_ref = (message.message)();
        let is_handled =
            |by: &&HandlerRegistration| handled(by).any(|handled| (handled.message)() == type_ref);
        let handlers = self.handlers.iter().filter(is_handled);
        let description = MessageDescription {
            kind: message.kind,
            name: message.name.to_owned(),
            type_name: type_ref.name(),
            declared: (message.source != Source::UNKNOWN).then(|| place(message.source)),
            version: None,
            entity: None,
            action: None,
            output: None,
            error: None,
            handlers: handlers.map(|handler| handler.name.to_string()).collect(),
        };
        match message.details {
            MessageDetails::Event { version, entity, action } => MessageDescription {
                version: Some(version),
                entity: entity.map(str::to_owned),
                action: action.map(str::to_owned),
                ..description
            },
            MessageDetails::Execution { output, error } => MessageDescription {
                output: Some(output().name()),
                error: Some(error().name()),
                ..description
            },
        }
    }

    fn modules(
        &self,
        messages: &[MessageDescription],
        handlers: &[HandlerDescription],
        services: &[ServiceDescription],
    ) -> Vec<ModuleDescription> {
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        let messages = messages.iter().filter_map(|message| message.declared.as_ref());
        let handlers = handlers.iter().map(|handler| &handler.declared);
        let services = services.iter().map(|service| &service.declared);
        let all = messages.map(|it| (0, it)).chain(handlers.map(|it| (1, it)));
        for (kind, declared) in all.chain(services.map(|it| (2, it))) {
            if let Some(module) = &declared.module {
                counts.entry(module).or_default()[kind] += 1;
            }
        }
        let describe =
            |(path, [messages, handlers, services]): (&str, [usize; 3])| ModuleDescription {
                path: path.to_owned(),
                named: self.named.contain(path),
                messages,
                handlers,
                services,
            };
        counts.into_iter().map(describe).collect()
    }
}

fn handler(handler: &HandlerRegistration) -> HandlerDescription {
    let kind = match handler.handles {
        Handles::Events(_) => MessageKind::Event,
        Handles::Command(_) => MessageKind::Command,
        Handles::Query(_) => MessageKind::Query,
    };
    let is_event = kind == MessageKind::Event;
    let every_event = match &handler.handles {
        Handles::Events(routes) => routes.iter().any(|route| route.event.is_none()),
        _ => false,
    };
    let options = handler.options;
    let retry = RetryDescription {
        attempts: options.retry.attempts(),
        backoff: options.retry.backoff(),
        max: options.retry.max_backoff(),
    };
    HandlerDescription {
        kind,
        name: handler.name.to_string(),
        type_name: (handler.handler)().name(),
        declared: place(handler.source),
        // A set, since a handler that is registered by hand may name an event twice.
        handles: handled(handler)
            .map(|message| message.name.to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        every_event,
        options: OptionsDescription {
            timeout: options.timeout,
            retry: is_event.then_some(retry),
            concurrency: is_event.then_some(options.concurrency.get()),
            rate: options.rate.filter(|_| is_event).map(|rate| rate.to_string()),
            breaker: options.breaker.filter(|_| is_event).map(|policy| BreakerDescription {
                failures: policy.failures(),
                cooldown: policy.cooldown(),
            }),
            batch: handler.batch.map(|policy| BatchDescription {
                max: policy.max(),
                across_tenants: policy.is_across_tenants(),
            }),
        },
        dependencies: dependencies(&(handler.dependencies)()),
    }
}

/// The messages that the handler names.
fn handled(handler: &HandlerRegistration) -> impl Iterator<Item = &MessageRegistration> {
    let (events, execution) = match &handler.handles {
        Handles::Events(routes) => (&routes[..], None),
        Handles::Command(route) | Handles::Query(route) => (&[][..], Some(&route.message)),
    };
    events.iter().filter_map(|route| route.event.as_ref()).chain(execution)
}

fn service(service: &WiredService) -> ServiceDescription {
    let registration = &service.registration;
    ServiceDescription {
        type_name: (registration.service)().name(),
        declared: place(registration.source),
        offered_as: service.offered_as.iter().map(TypeRef::name).collect(),
        dependencies: dependencies(&(registration.dependencies)()),
    }
}

fn provided_value(value: &WiredValue) -> ProvidedValue {
    let name = value.name.as_deref().map(str::to_owned);
    ProvidedValue { type_name: value.service.name(), name }
}

/// In the order of the fields.
fn dependencies(dependencies: &[Dependency]) -> Vec<InjectedField> {
    let injected = dependencies.iter().map(|dependency| InjectedField {
        field: dependency.field.to_owned(),
        type_name: dependency.service.name(),
        name: dependency.name.map(str::to_owned),
    });
    injected.collect()
}

fn place(source: Source) -> Place {
    let module = (!source.module.is_empty()).then(|| source.module.to_owned());
    Place { file: source.file.to_owned(), line: source.line, module }
}
