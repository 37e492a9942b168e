//! The handlers of an application, and what can be wrong with them.

use std::any::TypeId;

use rustc_hash::{FxHashMap, FxHashSet};

use super::problem::list;
use super::{Problem, ProblemKind};
use crate::log::{Store, Units};
use crate::message::MessageKind;
use crate::registry::{
    Catalogue, EventRoute, HandlerRegistration, MessageRegistration, Source, Unhandled,
};

/// The handlers that run, by name, so that nothing depends on the order in which the linker found them.
///
/// `only` selects by handler type, for tests; what is registered by hand is always in.
pub(super) fn select(
    catalogue: &Catalogue,
    registered: Vec<HandlerRegistration>,
    only: Option<&[TypeId]>,
) -> (Vec<HandlerRegistration>, Unhandled) {
    let is_selected =
        |it: &&HandlerRegistration| only.is_none_or(|only| only.contains(&(it.handler)().id()));
    let (annotated, left_out): (Vec<_>, Vec<_>) =
        catalogue.handlers.iter().copied().partition(is_selected);
    let mut handlers: Vec<_> = annotated.into_iter().cloned().chain(registered).collect();
    handlers.sort_by(|a, b| (&a.name, a.source).cmp(&(&b.name, b.source)));
    for handler in &mut handlers {
        resolve_aliases(handler, catalogue);
    }
    let left_out = left_out.iter().chain(&catalogue.left_out).copied();
    (handlers, Unhandled::new(left_out))
}

/// Replaces the route of a trait's events by a route for each event that has the trait as an alias.
fn resolve_aliases(handler: &mut HandlerRegistration, catalogue: &Catalogue) {
    if handler.routes.iter().all(|route| route.alias.is_none()) {
        return;
    }
    let resolved = handler.routes.iter().flat_map(|route| {
        let events = route.alias.and_then(|alias| catalogue.aliases.get(&alias().id()));
        let events: Vec<_> = events
            .into_iter()
            .flatten()
            .filter_map(|alias| {
                let event = catalogue.by_type.get(&(alias.event)().id())?;
                Some(route.of_event(**event, alias))
            })
            .collect();
        // A route without events stays, so that the wiring reports it.
        if events.is_empty() { vec![*route] } else { events }
    });
    handler.routes = resolved.collect::<Vec<_>>().into();
}

/// The messages of the selected modules, and those from elsewhere that a handler names; by name.
///
/// `complete`: no handler was left out, so messages that no handler names are included.
pub(super) fn messages(
    handlers: &[HandlerRegistration],
    catalogue: &Catalogue,
    complete: bool,
) -> Vec<MessageRegistration> {
    let selected = catalogue.messages.iter().copied().filter(|_| complete);
    let named = handlers.iter().flat_map(HandlerRegistration::messages);
    // A derived message has its own source location; the one that a route made has none.
    let named = named.map(|it| catalogue.by_type.get(&(it.message)().id()).copied().unwrap_or(it));
    let mut messages: Vec<_> = selected.chain(named).copied().collect();
    messages.sort_by_key(|it| (it.name, it.source, (it.message)().path()));
    messages.dedup_by_key(|it| (it.message)());
    messages
}

pub(super) fn check(
    handlers: &[HandlerRegistration],
    messages: &[MessageRegistration],
    is_test: bool,
    problems: &mut Vec<Problem>,
) {
    check_message_names(messages, problems);
    check_handler_names(handlers, problems);
    check_executions(handlers, messages, is_test, problems);
    check_idempotent(handlers, problems);
    check_events(handlers, problems);
}

fn check_handler_names(handlers: &[HandlerRegistration], problems: &mut Vec<Problem>) {
    for same in handlers.chunk_by(|a, b| a.name == b.name).filter(|same| same.len() > 1) {
        problems.push(Problem::new(
            ProblemKind::SharedHandlerName,
            format!(
                "several handlers are named \"{}\":{}",
                same[0].name,
                list(same.iter().map(consumer))
            ),
            "name them apart, as in `#[events_handler(.., name = \"..\")]`",
        ));
    }
}

/// Each command and query has exactly one handler.
fn check_executions(
    handlers: &[HandlerRegistration],
    messages: &[MessageRegistration],
    is_test: bool,
    problems: &mut Vec<Problem>,
) {
    let mut by_message: FxHashMap<TypeId, Vec<String>> = FxHashMap::default();
    for handler in handlers {
        for message in handler.messages() {
            by_message.entry((message.message)().id()).or_default().push(consumer(handler));
        }
    }
    let of_other_modules = if is_test {
        "; in a test of one module, leave out what other modules handle: \
         `TestApp::from_builder(App::builder().only(modules![crate]))`"
    } else {
        ""
    };
    for message in messages.iter().filter(|message| message.kind != MessageKind::Event) {
        let (kind, name, source) = (message.kind, (message.message)(), message.source);
        match by_message.get(&name.id()).map(Vec::as_slice) {
            Some([_]) => {}
            Some(several) => problems.push(Problem::new(
                ProblemKind::ManyHandlers,
                format!("{kind} `{name}` has more than one handler:{}", list(several)),
                "keep one; an event can have several",
            )),
            None => problems.push(Problem::new(
                ProblemKind::NoHandler,
                format!("{kind} `{name}` ({source}) has no handler"),
                format!(
                    "annotate one with `#[{kind}_handler({name})]`; if there is one in another \
                     crate, name that crate in `modules![..]`{of_other_modules}"
                ),
            )),
        }
    }
}

fn check_events(handlers: &[HandlerRegistration], problems: &mut Vec<Problem>) {
    for handler in handlers.iter().filter(|handler| handler.kind() == MessageKind::Event) {
        let routes = &handler.routes;
        if routes.is_empty() {
            problems.push(Problem::new(
                ProblemKind::HandlesNothing,
                format!("{} is registered for no event", consumer(handler)),
                "add `.on::<SomeEvent>()` or `.on_any()` to its registration",
            ));
        }
        let mut events = FxHashSet::default();
        let mut is_new =
            |route: &EventRoute| events.insert(route.event.map(|event| (event.message)().id()));
        for alias in routes.iter().filter_map(|route| route.alias) {
            let alias = alias();
            problems.push(Problem::new(
                ProblemKind::NoEventOfTrait,
                format!("{} handles `{alias}`, but no event has this alias", consumer(handler)),
                format!(
                    "add `#[event(as = {alias})]` to the events; if there are some in another crate, name that \
                     crate in `modules![..]`"
                ),
            ));
        }
        let is_any = |route: &&EventRoute| route.event.is_none() && route.alias.is_none();
        let is_for_any = routes.iter().any(|route| is_any(&route));
        if !routes.iter().all(&mut is_new) || (is_for_any && routes.len() > 1) {
            problems.push(Problem::new(
                ProblemKind::SameEventTwice,
                format!("{} would get an event twice", consumer(handler)),
                "name each event once, and none beside `*`; an alias is the same event",
            ));
        }
    }
}

/// A message's name is its identity, whatever its kind.
fn check_message_names(messages: &[MessageRegistration], problems: &mut Vec<Problem>) {
    for same in messages.chunk_by(|a, b| a.name == b.name).filter(|same| same.len() > 1) {
        let (listed, fixes): (Vec<_>, Vec<_>) = same.iter().map(name_of_message).unzip();
        problems.push(Problem::new(
            ProblemKind::SharedMessageName,
            format!("several messages are named \"{}\":{}", same[0].name, list(listed)),
            format!("name them apart: {}", fixes.join(", or ")),
        ));
    }
}

/// A message as reports list it, and how to change its name.
fn name_of_message(message: &MessageRegistration) -> (String, String) {
    let (kind, message, source) = (message.kind, (message.message)(), message.source);
    if source != Source::UNKNOWN {
        return (
            format!("{kind} `{message}` ({source})"),
            format!("`#[{kind}(name = \"..\")]` on `{message}`"),
        );
    }
    (
        format!("{kind} `{}` (implemented by hand)", message.path()),
        format!("another `NAME` in `impl {kind:?} for {message}`"),
    )
}

/// What an idempotent command does is committed together with its idempotency key.
fn check_idempotent(handlers: &[HandlerRegistration], problems: &mut Vec<Problem>) {
    for handler in handlers.iter().filter(|handler| handler.transaction().is_none()) {
        for command in handler.messages().filter(|message| message.is_idempotent) {
            let name = (command.message)();
            problems.push(Problem::new(
                ProblemKind::IdempotentWithoutTransaction,
                format!(
                    "command `{name}` is `idempotent`, and {} does not write in a transaction, so it could be executed \
                     twice",
                    consumer(handler)
                ),
                format!(
                    "write `#[command_handler({name}, transactional)]`, or a function with a parameter \
                     `tx: &mut SqliteTransaction` or `PostgresTransaction`; or remove `idempotent` from the command"
                ),
            ));
        }
    }
}

/// The handlers that write in a transaction find it in the store.
pub(super) fn check_transactions(
    handlers: &[HandlerRegistration],
    store: Option<&dyn Store>,
    problems: &mut Vec<Problem>,
) {
    let offered = store.and_then(Store::units).map(Units::transaction);
    let wanted = handlers.iter().filter_map(|handler| Some((handler, handler.transaction()?)));
    for (handler, wanted) in wanted.filter(|(_, wanted)| offered != Some(*wanted)) {
        let but = match (store.map(|store| store.profile().name), offered) {
            (None, _) => "the application has no store".to_owned(),
            (Some(store), None) => format!("the store ({store}) has no transactions"),
            (Some(store), Some(offered)) => {
                format!("the transactions of the store ({store}) are of type `{offered}`")
            }
        };
        problems.push(Problem::new(
            ProblemKind::WrongTransaction,
            format!("{} writes in transactions of type `{wanted}`, but {but}", consumer(handler)),
            "give the application a store that has them with `.store(..)`, or write a handler without \
             `transactional`; a `&mut` parameter of a function is the transaction, so write `&` for a service",
        ));
    }
}

/// The handler in reports: its type, or, for a closure, its stable name.
pub(super) fn consumer(handler: &HandlerRegistration) -> String {
    let HandlerRegistration { name, source, .. } = handler;
    match (handler.handler)() {
        closure if closure.is_closure() => format!("handler `{name}` ({source})"),
        handler => format!("handler `{handler}` ({source})"),
    }
}
