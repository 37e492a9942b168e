//! The handlers of an application, and what can be wrong with them.

use std::any::TypeId;

use rustc_hash::FxHashMap;

use super::Problem;
use crate::message::MessageKind;
use crate::registry::{
    Catalogue, EventRoute, HandlerRegistration, Handles, MessageRegistration, Unhandled,
};

/// Sorted by name, because the order in which the linker finds handlers is not stable.
pub(super) struct Handlers(Vec<HandlerRegistration>);

impl Handlers {
    /// `only` selects by handler type, for tests; what is registered by hand is always in.
    pub(super) fn select(
        catalogue: &Catalogue,
        registered: Vec<HandlerRegistration>,
        only: Option<&[TypeId]>,
    ) -> (Self, Unhandled) {
        let is_selected =
            |it: &&HandlerRegistration| only.is_none_or(|only| only.contains(&(it.handler)().id()));
        let (annotated, left_out): (Vec<_>, Vec<_>) =
            catalogue.handlers.iter().copied().partition(is_selected);
        let mut handlers: Vec<_> = annotated.into_iter().cloned().chain(registered).collect();
        handlers.sort_by(|a, b| (&a.name, a.source).cmp(&(&b.name, b.source)));
        let left_out = left_out.iter().chain(&catalogue.left_out).copied();
        (Self(handlers), Unhandled::new(left_out))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &HandlerRegistration> {
        self.0.iter()
    }

    pub(super) fn into_vec(self) -> Vec<HandlerRegistration> {
        self.0
    }

    /// The messages of the selected modules, and those from elsewhere that a handler names; by name.
    ///
    /// `complete`: no handler was left out, so messages that no handler names are included.
    pub(super) fn messages(
        &self,
        catalogue: &Catalogue,
        complete: bool,
    ) -> Vec<MessageRegistration> {
        let selected = catalogue.messages.iter().copied().filter(|_| complete);
        let named = self.0.iter().flat_map(HandlerRegistration::messages);
        // A derived message has its own source location; the one that a route made has none.
        let named = named.map(|it| catalogue.message((it.message)()).unwrap_or(it));
        let mut messages: Vec<_> = selected.chain(named).copied().collect();
        messages.sort_by_key(|it| (it.name, it.source, (it.message)().path()));
        messages.dedup_by_key(|it| (it.message)());
        messages
    }

    /// `is_plugin_shared`: a plugin that is added twice registers its handlers twice. That is reported as a
    /// problem of the plugin, not of its handlers.
    pub(super) fn check(
        &self,
        messages: &[MessageRegistration],
        is_plugin_shared: bool,
        problems: &mut Vec<Problem>,
    ) {
        check_message_names(messages, problems);
        self.check_handler_names(is_plugin_shared, problems);
        self.check_executions(messages, problems);
        self.check_events(problems);
    }

    fn check_handler_names(&self, is_plugin_shared: bool, problems: &mut Vec<Problem>) {
        for same in self.0.chunk_by(|a, b| a.name == b.name).filter(|same| same.len() > 1) {
            let is_one_twice = same.iter().all(|handler| handler.source == same[0].source);
            if !(is_plugin_shared && is_one_twice) {
                let handlers: Vec<_> = same.iter().map(consumer).collect();
                problems.push(Problem::shared_handler_name(&same[0].name, &handlers));
            }
        }
    }

    /// Each command and query has exactly one handler.
    fn check_executions(&self, messages: &[MessageRegistration], problems: &mut Vec<Problem>) {
        let mut handlers: FxHashMap<TypeId, Vec<String>> = FxHashMap::default();
        for handler in &self.0 {
            for message in handler.messages() {
                handlers.entry((message.message)().id()).or_default().push(consumer(handler));
            }
        }
        for message in messages.iter().filter(|message| message.kind != MessageKind::Event) {
            match handlers.get(&(message.message)().id()).map(Vec::as_slice) {
                Some([_]) => {}
                Some(several) => problems.push(Problem::many_handlers(message, several)),
                None => problems.push(Problem::no_handler(message)),
            }
        }
    }

    fn check_events(&self, problems: &mut Vec<Problem>) {
        for handler in &self.0 {
            match &handler.handles {
                Handles::Events(routes) if routes.is_empty() => {
                    problems.push(Problem::handles_nothing(&consumer(handler)));
                }
                Handles::Events(routes) => problems.extend(same_event_twice(handler, routes)),
                Handles::Command(_) | Handles::Query(_) => {}
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
    Some(Problem::same_event_twice(&consumer(handler), event))
}

/// A message's name is its identity, whatever its kind.
fn check_message_names(messages: &[MessageRegistration], problems: &mut Vec<Problem>) {
    let shared = messages.chunk_by(|a, b| a.name == b.name).filter(|same| same.len() > 1);
    problems.extend(shared.map(Problem::shared_message_name));
}

/// The handler's name in reports.
pub(super) fn consumer(handler: &HandlerRegistration) -> String {
    format!("handler `{}` ({})", handler.title(), handler.source)
}
