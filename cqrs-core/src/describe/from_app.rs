//! Makes a description from what was wired.

use std::collections::BTreeSet;

use super::{
    Description, HandlerDescription, InjectedField, Location, MessageDescription,
    ModuleDescription, OptionsDescription, ProvidedValue, ServiceDescription,
};
use crate::app::{Wired, WiredService};
use crate::handler::ErrorType;
use crate::message::MessageKind;
use crate::registry::{HandlerRegistration, MessageRegistration, Source};
use crate::services::{Dependency, TypeRef};

pub(super) fn describe(wired: &Wired) -> Description {
    let messages: Vec<_> = wired.messages.iter().map(|it| message(it, wired)).collect();
    let handlers: Vec<_> = wired.handlers.iter().map(handler).collect();
    let mut services: Vec<_> = wired.services.iter().map(service).collect();
    services.sort_by_key(|it| (it.type_name.clone(), it.declared.module.clone()));
    let provided = wired.provided.iter().map(|key| ProvidedValue {
        type_name: key.service.name(),
        name: key.name.map(str::to_owned),
    });
    let mut provided: Vec<_> = provided.collect();
    provided.sort_by_key(|it| (it.type_name.clone(), it.name.clone()));

    let declared = messages.iter().filter_map(|it| it.declared.as_ref());
    let declared = declared.chain(handlers.iter().map(|it| &it.declared));
    let declared = declared.chain(services.iter().map(|it| &it.declared));
    let paths: BTreeSet<_> = declared.filter_map(|it| it.module.clone()).collect();
    let modules = paths.into_iter().map(|path| {
        let named = wired.named.containing(&path);
        let part_of = named.or_else(|| path.split("::").next()).unwrap_or_default();
        ModuleDescription { named: named.is_some(), part_of: part_of.to_owned(), path }
    });
    Description {
        modules: modules.collect(),
        messages,
        handlers,
        services,
        provided,
        plugins: wired.plugins.clone(),
        middleware: wired.middleware.iter().map(TypeRef::name).collect(),
        publish_middleware: wired.publish_middleware.iter().map(TypeRef::name).collect(),
    }
}

fn message(message: &MessageRegistration, wired: &Wired) -> MessageDescription {
    let type_ref = (message.message)();
    let handlers = wired.handlers.iter();
    let handlers = handlers.filter(|it| it.messages().any(|it| (it.message)() == type_ref));
    let handlers: Vec<_> = handlers.map(|handler| handler.name.to_string()).collect();
    let is_unhandled = handlers.is_empty() && message.kind == MessageKind::Event;
    MessageDescription {
        kind: message.kind,
        name: message.name.to_owned(),
        type_name: type_ref.name(),
        declared: (message.source != Source::UNKNOWN).then(|| location(message.source)),
        version: message.version,
        entity: message.entity.map(str::to_owned),
        action: message.action.map(str::to_owned),
        output: message.output.map(|output| output().name()),
        error: message.error.map(|error| error().name()),
        requires: message.requires.map(|it| it.iter().copied().map(str::to_owned).collect()),
        handlers,
        unhandled: is_unhandled.then(|| wired.unhandled.reason(type_ref.id()).to_owned()),
    }
}

fn handler(handler: &HandlerRegistration) -> HandlerDescription {
    let mut messages: Vec<_> = handler.messages().map(|it| it.name.to_owned()).collect();
    messages.sort_unstable();
    let declares = handler.emits.map(|emits| {
        let mut names: Vec<_> = emits.iter().map(|name| name().to_owned()).collect();
        names.sort_unstable();
        names
    });
    HandlerDescription {
        kind: handler.kind(),
        name: handler.name.to_string(),
        type_name: (handler.handler)().name(),
        declared: location(handler.source),
        handles: messages,
        every_event: handler.routes.iter().any(|route| route.event.is_none()),
        options: options(handler),
        dependencies: dependencies(&(handler.dependencies)()),
        emits: declares.clone().unwrap_or_default(),
        declares,
    }
}

fn options(handler: &HandlerRegistration) -> OptionsDescription {
    let options = handler.options.effective();
    let is_event = handler.kind() == MessageKind::Event;
    OptionsDescription {
        timeout: options.timeout,
        deliver_within: options.deliver_within.filter(|_| is_event),
        retry: (is_event || handler.is_retried_command()).then_some(options.retry),
        never_retried: if is_event { names(options.never) } else { Vec::new() },
        dead_letters: is_event.then_some(options.dead_letters),
        concurrency: is_event.then_some(options.concurrency),
        order: is_event.then_some(options.order),
        rate: options.rate.filter(|_| is_event).map(|rate| rate.to_string()),
        breaker: options.breaker.filter(|_| is_event),
        batch: handler.batch,
        transactional: handler.transaction().is_some(),
        transient: is_event && options.is_transient,
        start: (is_event && !options.is_transient).then_some(options.start),
    }
}

fn names(errors: &[ErrorType]) -> Vec<String> {
    errors.iter().map(|error| error.name().to_owned()).collect()
}

fn service(service: &WiredService) -> ServiceDescription {
    let registration = service.registration;
    ServiceDescription {
        type_name: (registration.service)().name(),
        declared: location(registration.source),
        offered_as: service.offered_as.iter().map(TypeRef::name).collect(),
        dependencies: dependencies(&(registration.dependencies)()),
    }
}

/// In the order of the fields.
fn dependencies(dependencies: &[Dependency]) -> Vec<InjectedField> {
    let injected = dependencies.iter().map(|dependency| InjectedField {
        field: dependency.field.to_owned(),
        type_name: dependency.type_name(),
        name: dependency.key.name.map(str::to_owned),
    });
    injected.collect()
}

fn location(source: Source) -> Location {
    let module = (!source.module.is_empty()).then(|| source.module.to_owned());
    Location { file: source.file.to_owned(), line: source.line, module }
}
