//! The handlers of an application, and what can be wrong with them.

use std::any::TypeId;
use std::collections::BTreeMap;

use super::wiring::Selection;
use super::{Consumer, Problem};
use crate::bus::{CommandBus, EventBus};
use crate::message::MessageKind;
use crate::registry::{
    EventRoute, ExecutionRoute, HandlerRegistration, Handles, MessageRegistration,
};
use crate::services::TypeRef;

/// Sorted by name, so that nothing depends on the order in which the linker found them.
pub(super) struct Handlers(Vec<HandlerRegistration>);

impl Handlers {
    /// `only` selects by handler type, for tests; what is registered by hand is always in.
    pub(super) fn select(
        selection: &Selection,
        registered: Vec<HandlerRegistration>,
        only: Option<&[TypeId]>,
    ) -> Self {
        let annotated = inventory::iter::<HandlerRegistration>()
            .filter(|handler| selection.includes(handler.source.module))
            .filter(|handler| only.is_none_or(|only| only.contains(&(handler.handler)().id())))
            .cloned();
        let mut handlers: Vec<_> = annotated.chain(registered).collect();
        handlers.sort_by(|a, b| (&a.name, a.source).cmp(&(&b.name, b.source)));
        Self(handlers)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &HandlerRegistration> {
        self.0.iter()
    }

    pub(super) fn into_vec(self) -> Vec<HandlerRegistration> {
        self.0
    }

    /// `complete` says whether all handlers are there, so that it matters what all messages are.
    pub(super) fn check(&self, selection: &Selection, complete: bool, problems: &mut Vec<Problem>) {
        let mut messages: Vec<_> = inventory::iter::<MessageRegistration>()
            .filter(|message| selection.includes(message.source.module))
            .collect();
        messages.sort_by_key(|message| (message.name, message.source));

        if !complete {
            messages.clear();
        }
        check_message_names(&messages, problems);
        self.check_handler_names(problems);
        self.check_executions(&messages, problems);
        self.check_each(problems);
    }

    fn check_handler_names(&self, problems: &mut Vec<Problem>) {
        for same in self.0.chunk_by(|a, b| a.name == b.name) {
            if same.len() > 1 {
                let handlers = same.iter().map(consumer).collect();
                problems
                    .push(Problem::SharedHandlerName { name: same[0].name.to_string(), handlers });
            }
        }
    }

    /// Each command and query has exactly one handler.
    fn check_executions(&self, messages: &[&MessageRegistration], problems: &mut Vec<Problem>) {
        let mut handlers: BTreeMap<&str, (MessageKind, TypeRef, Vec<Consumer>)> = BTreeMap::new();
        for handler in &self.0 {
            if let Some((kind, route)) = execution(handler) {
                let entry = handlers.entry(route.message.name);
                let message = (route.message.message)();
                entry.or_insert((kind, message, Vec::new())).2.push(consumer(handler));
            }
        }
        for message in messages.iter().filter(|message| message.kind != MessageKind::Event) {
            if !handlers.contains_key(message.name) {
                let (kind, source) = (message.kind, message.source);
                problems.push(Problem::NoHandler { kind, message: (message.message)(), source });
            }
        }
        for (kind, message, handlers) in handlers.into_values() {
            if handlers.len() > 1 {
                problems.push(Problem::ManyHandlers { kind, message, handlers });
            }
        }
    }

    fn check_each(&self, problems: &mut Vec<Problem>) {
        let buses = [TypeRef::of::<EventBus>(), TypeRef::of::<CommandBus>()];
        for handler in &self.0 {
            match &handler.handles {
                Handles::Events(routes) if routes.is_empty() => {
                    problems.push(Problem::HandlesNothing { handler: consumer(handler) });
                }
                Handles::Events(routes) => problems.extend(same_event_twice(handler, routes)),
                Handles::Query(_) => {
                    let dependencies = (handler.dependencies)().into_iter();
                    problems.extend(dependencies.filter(|it| buses.contains(&it.service)).map(
                        |dependency| Problem::QueryInjectsBus {
                            handler: consumer(handler),
                            dependency,
                        },
                    ));
                }
                Handles::Command(_) => {}
            }
        }
    }
}

fn same_event_twice(handler: &HandlerRegistration, routes: &[EventRoute]) -> Option<Problem> {
    let events: Vec<_> =
        routes.iter().map(|route| route.event.map(|event| (event.message)())).collect();
    let handles_every = events.contains(&None);
    let repeated = (1..events.len()).find(|&index| events[..index].contains(&events[index]));
    let event = match repeated {
        _ if handles_every && events.len() > 1 => None,
        Some(index) => events[index],
        None => return None,
    };
    Some(Problem::SameEventTwice { handler: consumer(handler), event })
}

/// A message's name is its identity, whatever its kind.
fn check_message_names(messages: &[&MessageRegistration], problems: &mut Vec<Problem>) {
    for same in messages.chunk_by(|a, b| a.name == b.name) {
        if same.len() > 1 {
            let messages = same.iter().map(|it| (it.kind, (it.message)(), it.source)).collect();
            problems.push(Problem::SharedMessageName { name: same[0].name, messages });
        }
    }
}

fn execution(handler: &HandlerRegistration) -> Option<(MessageKind, &ExecutionRoute)> {
    match &handler.handles {
        Handles::Events(_) => None,
        Handles::Command(route) => Some((MessageKind::Command, route)),
        Handles::Query(route) => Some((MessageKind::Query, route)),
    }
}

pub(super) fn consumer(handler: &HandlerRegistration) -> Consumer {
    Consumer {
        consumer: (handler.handler)(),
        handler: Some(handler.name.to_string()),
        source: handler.source,
    }
}
