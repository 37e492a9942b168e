//! Makes a description from what was wired.

use std::collections::BTreeSet;

use super::{
    BatchDescription, BreakerDescription, Description, HandlerDescription, InjectedField, Location,
    MessageDescription, ModuleDescription, OptionsDescription, ProvidedValue, RetryDescription,
    ServiceDescription,
};
use crate::app::{Modules, Wired, WiredService};
use crate::message::MessageKind;
use crate::registry::{HandlerRegistration, Handles, MessageDetails, MessageRegistration, Source};
use crate::services::{Dependency, TypeRef};

pub(super) fn describe(wired: &Wired) -> Description {
    let messages: Vec<_> = wired.messages.iter().map(|it| message(it, wired)).collect();
    let handlers: Vec<_> = wired.handlers.iter().map(handler).collect();
    let mut services: Vec<_> = wired.services.iter().map(service).collect();
    services.sort_by_key(|it| (it.type_name.clone(), it.declared.module.clone()));
    let provided = wired.provided.iter().map(|value| ProvidedValue {
        type_name: value.service.name(),
        name: value.name.as_deref().map(str::to_owned),
    });
    let mut provided: Vec<_> = provided.collect();
    provided.sort_by_key(|it| (it.type_name.clone(), it.name.clone()));

    let places = [
        messages.iter().filter_map(|it| it.declared.as_ref()).collect(),
        handlers.iter().map(|it| &it.declared).collect(),
        services.iter().map(|it| &it.declared).collect(),
    ];
    let modules = modules(&places, &wired.named);
    let plugins = wired.plugins.clone();
    let middleware = wired.middleware.iter().map(TypeRef::name).collect();
    Description { messages, handlers, services, provided, plugins, middleware, modules }
}

fn message(message: &MessageRegistration, wired: &Wired) -> MessageDescription {
    let type_ref = (message.message)();
    let mut description = MessageDescription {
        kind: message.kind,
        name: message.name.to_owned(),
        type_name: type_ref.name(),
        declared: (message.source != Source::UNKNOWN).then(|| place(message.source)),
        version: None,
        entity: None,
        action: None,
        output: None,
        error: None,
        handlers: wired.handlers_of(type_ref).map(|handler| handler.name.to_string()).collect(),
    };
    match message.details {
        MessageDetails::Event { version, entity, action, .. } => {
            description.version = Some(version);
            description.entity = entity.map(str::to_owned);
            description.action = action.map(str::to_owned);
        }
        MessageDetails::Execution { output, error } => {
            description.output = Some(output().name());
            description.error = Some(error().name());
        }
    }
    description
}

fn handler(handler: &HandlerRegistration) -> HandlerDescription {
    let every_event = match &handler.handles {
        Handles::Events(routes) => routes.iter().any(|route| route.event.is_none()),
        Handles::Execution(_) => false,
    };
    // A set, because a handler that is registered by hand may name an event twice.
    let names: BTreeSet<_> = handler.messages().map(|message| message.name).collect();
    HandlerDescription {
        kind: handler.kind(),
        name: handler.name.to_string(),
        type_name: (handler.handler)().name(),
        declared: place(handler.source),
        handles: names.into_iter().map(str::to_owned).collect(),
        every_event,
        options: options(handler),
        dependencies: dependencies(&(handler.dependencies)()),
    }
}

fn options(handler: &HandlerRegistration) -> OptionsDescription {
    let options = handler.options;
    let is_event = handler.kind() == MessageKind::Event;
    OptionsDescription {
        timeout: options.timeout,
        retry: is_event.then_some(RetryDescription {
            attempts: options.retry.attempts,
            backoff: options.retry.backoff,
            max: options.retry.max,
        }),
        concurrency: is_event.then_some(options.concurrency),
        rate: options.rate.filter(|_| is_event).map(|rate| rate.to_string()),
        breaker: options.breaker.filter(|_| is_event).map(|policy| BreakerDescription {
            failures: policy.failures,
            cooldown: policy.cooldown,
        }),
        batch: handler.batch.map(|policy| BatchDescription {
            max: policy.max,
            across_tenants: policy.across_tenants,
        }),
    }
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

/// In the order of the fields.
fn dependencies(dependencies: &[Dependency]) -> Vec<InjectedField> {
    let injected = dependencies.iter().map(|dependency| InjectedField {
        field: dependency.field.to_owned(),
        type_name: dependency.service.name(),
        name: dependency.name.map(str::to_owned),
    });
    injected.collect()
}

/// `places` are the source locations of messages, handlers and services.
fn modules(places: &[Vec<&Location>; 3], named: &Modules) -> Vec<ModuleDescription> {
    let module = |place: &&Location| place.module.clone();
    let paths: BTreeSet<String> = places.iter().flatten().filter_map(module).collect();
    let described = paths.into_iter().map(|path| {
        let count = |places: &Vec<&Location>| {
            places.iter().filter(|place| place.module.as_ref() == Some(&path)).count()
        };
        let [messages, handlers, services] = places.each_ref().map(count);
        ModuleDescription { named: named.contain(&path), path, messages, handlers, services }
    });
    described.collect()
}

fn place(source: Source) -> Location {
    let module = (!source.module.is_empty()).then(|| source.module.to_owned());
    Location { file: source.file.to_owned(), line: source.line, module }
}
