//! The options of handlers: adds the application's defaults, and replaces options by the settings.

use super::builder::AppBuilder;
use super::handlers::consumer;
use super::{Problem, ProblemKind};
use crate::handler::Order;
use crate::message::MessageKind;
use crate::registry::{Catalogue, HandlerRegistration};

/// How similar a name must be to be suggested, from 0 to 1.
const SIMILAR: f64 = 0.8;

/// Sets the options of `handlers`.
pub(super) fn apply(
    builder: &AppBuilder,
    catalogue: &Catalogue,
    handlers: &mut [HandlerRegistration],
    problems: &mut Vec<Problem>,
) {
    for handler in handlers.iter_mut() {
        let mut own = handler.options;
        handler.options = handler.options.or(builder.defaults);
        for settings in &builder.settings {
            own = settings.apply(&handler.name, own);
            handler.options = settings.apply(&handler.name, handler.options);
            let kind = handler.kind();
            if kind != MessageKind::Event
                && settings.are_for_events(&handler.name, handler.is_retried_command())
            {
                problems.push(Problem::new(
                    ProblemKind::WrongSetting,
                    format!(
                        "the settings of {} have an option that the handler of a {kind} does not have",
                        consumer(handler)
                    ),
                    match kind {
                        MessageKind::Query => "keep `timeout` alone",
                        _ => "keep `timeout` alone, or `retry` if the annotation says after which errors",
                    },
                ));
            }
        }
        // The application's default is for the handlers that have an order.
        if own.blocks() && handler.options.effective().order == Order::None {
            problems.push(Problem::new(
                ProblemKind::WrongSetting,
                format!(
                    "{} has no order, and with the dead letters `block` the later events of an order key wait",
                    consumer(handler)
                ),
                "keep or discard the dead letters, or give the handler an order",
            ));
        }
    }
    // One configuration may serve several applications, so settings of a handler that this one leaves out are allowed.
    let annotated = catalogue.handlers.iter().chain(&catalogue.left_out).copied();
    let known: Vec<_> = handlers.iter().chain(annotated).map(|handler| &*handler.name).collect();
    let unknown = builder.settings.iter().flat_map(|settings| settings.unknown(&known));
    problems.extend(unknown.map(|(name, variables, known)| {
        let distance = |known: &String| strsim::jaro_winkler(known, &name);
        let closest = known.iter().max_by(|a, b| distance(a).total_cmp(&distance(b)));
        Problem::new(
            ProblemKind::WrongSetting,
            match &variables[..] {
                [] => {
                    format!(
                        "the settings are for \"{name}\", but there is no handler named \"{name}\""
                    )
                }
                variables => format!(
                    "the environment has `{}`, but there is no handler named \"{name}\"",
                    variables.join("`, `")
                ),
            },
            match closest.filter(|closest| distance(closest) >= SIMILAR) {
                Some(closest) => format!("did you mean \"{closest}\"?"),
                None => "write the handler's stable name, which `App::describe` shows".to_owned(),
            },
        )
    }));
}
