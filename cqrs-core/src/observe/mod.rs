//! What operators see: spans, metrics and traces, of every publish, execute and delivery attempt.
//!
//! Spans are for `tracing`, always; metrics and OpenTelemetry are features. A span says which kind of error
//! it was, never what the error says, since a handler may have put a redacted value into its text.

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "without_metrics.rs"]
mod metrics;
mod observer;
#[cfg(feature = "otel")]
mod otel;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use self::metrics::{Began, Stopwatch};
use crate::context::Context;
use crate::handler::Item;
use crate::message::{AnyEvent, MessageKind};

pub use self::observer::ExecutionRecord;

#[cfg(feature = "metrics")]
pub(crate) use self::metrics::{
    describe, set_breaker, set_checkpoint_age, set_queue, set_subscription,
};
pub(crate) use self::metrics::{lease_lost, leases_taken, settled_failure};
pub(crate) use self::observer::{AttemptRecord, Happening, Observer, emitted};

/// One operation, from its begin to its end: its span, its metrics, its trace.
///
/// Those of a message begin with its own context, which continues the trace from the operation's span.
pub(crate) struct Observed {
    span: Span,
    /// `None` once it has ended.
    operation: Option<Operation>,
}

enum Operation {
    Publish { event: &'static str },
    Execute { kind: MessageKind, message: &'static str, stopwatch: Stopwatch },
    Deliver(Stopwatch),
    Append { events: usize, began: Began },
}

impl Observed {
    /// An event on its way into the application.
    pub(crate) fn publish(event: &'static str, context: &mut Context) -> Self {
        let span = spans::publish(event, context);
        #[cfg(feature = "otel")]
        otel::produce(&span, context);
        Self { span, operation: Some(Operation::Publish { event }) }
    }

    /// A command or query at its handler.
    pub(crate) fn execute(
        kind: MessageKind,
        message: &'static str,
        handler: &Arc<str>,
        context: &mut Context,
    ) -> Self {
        let span = spans::execute(kind, message, Some(handler), context);
        #[cfg(feature = "otel")]
        otel::produce(&span, context);
        let stopwatch = Stopwatch::start(handler);
        Self { span, operation: Some(Operation::Execute { kind, message, stopwatch }) }
    }

    /// An attempt to deliver an event. Its context has the trace from where the event was published, which
    /// this attempt is linked to and continues.
    pub(crate) fn deliver(event: &AnyEvent, handler: &Arc<str>, context: &mut Context) -> Self {
        let span = spans::deliver(event, handler, context);
        #[cfg(feature = "otel")]
        otel::consume(&span, context);
        Self { span, operation: Some(Operation::Deliver(Stopwatch::start(handler))) }
    }

    /// An attempt to deliver a batch of events, linked to where each was published.
    pub(crate) fn deliver_batch(items: &[Item], handler: &Arc<str>, context: &mut Context) -> Self {
        let mut names = items.iter().map(|item| item.event.name());
        let first = names.next().unwrap_or_default();
        let event = if names.all(|name| name == first) { first } else { "*" };
        let span = spans::deliver_batch(event, items.len(), handler, context);
        #[cfg(feature = "otel")]
        {
            for item in items.iter().filter(|_| items.len() > 1) {
                otel::link(&span, &item.context);
            }
            otel::consume(&span, context);
        }
        Self { span, operation: Some(Operation::Deliver(Stopwatch::start(handler))) }
    }

    /// An append of a group of events to the log.
    pub(crate) fn append(events: usize) -> Self {
        let operation = Operation::Append { events, began: Began::now() };
        Self { span: spans::append(events), operation: Some(operation) }
    }

    /// The span that the operation runs in.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// The operation has ended, well or with an error of this type.
    pub(crate) fn end(mut self, error_type: Option<&'static str>) {
        self.end_batch(error_type, [error_type].into_iter());
    }

    /// The attempt of a batch has ended, and so has each of its deliveries.
    pub(crate) fn end_batch(
        &mut self,
        error_type: Option<&'static str>,
        each: impl Iterator<Item = Option<&'static str>>,
    ) {
        let Some(operation) = self.operation.take() else { return };
        spans::end(&self.span, error_type);
        match operation {
            Operation::Publish { event } => metrics::published(event, error_type),
            Operation::Execute { kind, message, stopwatch } => {
                metrics::executed(kind, message, error_type, stopwatch.elapsed());
            }
            Operation::Deliver(stopwatch) => metrics::attempted(&stopwatch, each),
            Operation::Append { events, began } => metrics::appended(events, error_type, began),
        }
    }
}

impl Drop for Observed {
    /// The operation's future was dropped, such as when a client hung up.
    fn drop(&mut self) {
        let error_type = if std::thread::panicking() { "panicked" } else { "cancelled" };
        self.end_batch(Some(error_type), [Some(error_type)].into_iter());
    }
}

/// A command or query of `caller` that reaches no handler.
#[cold]
pub(crate) fn execution_refused(
    kind: MessageKind,
    message: &'static str,
    caller: &Context,
    error_type: &'static str,
) {
    let context = &mut caller.for_refusal();
    let span = spans::execute(kind, message, None, context);
    #[cfg(feature = "otel")]
    otel::produce(&span, context);
    spans::end(&span, Some(error_type));
    metrics::executed(kind, message, Some(error_type), Duration::ZERO);
}

/// An event of `caller` that is not accepted.
#[cold]
pub(crate) fn publish_refused(event: &'static str, caller: &Context, error_type: &'static str) {
    Observed::publish(event, &mut caller.for_refusal()).end(Some(error_type));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    // As text, so that the features that use the names do not matter.
    const METRICS: &str = include_str!("metrics.rs");
    const SPANS: &str = include_str!("spans.rs");
    const PAGE: &str = include_str!("../../../docs/observability.md");
    const DASHBOARD: &str = include_str!("../../../docs/grafana-dashboard.json");

    /// Every word in `text` that is a metric's name, without what a histogram's series append.
    fn metrics_in(text: &str) -> BTreeSet<&str> {
        let is_in_word = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        let words = text.split(|letter| !is_in_word(letter));
        let words = words.filter(|word| word.starts_with("cqrs_") && *word != "cqrs_core");
        words
            .map(|word| {
                let series = ["_bucket", "_sum", "_count"];
                series.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
            })
            .collect()
    }

    #[test]
    fn the_dashboard_shows_every_metric_and_no_other() {
        let dashboard: Value = serde_json::from_str(DASHBOARD).expect("valid JSON");
        assert!(dashboard["schemaVersion"].is_u64());
        let panels = dashboard["panels"].as_array().expect("a list");
        let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let queries: Vec<_> = targets.filter_map(|target| target["expr"].as_str()).collect();
        let known = metrics_in(METRICS);
        assert_eq!(known.len(), 19);
        assert_eq!(metrics_in(&queries.join(" ")), known);
        assert_eq!(metrics_in(DASHBOARD), known);
    }

    #[test]
    fn only_a_histogram_has_series_of_a_histogram() {
        for metric in metrics_in(METRICS) {
            let has_series = DASHBOARD.contains(&format!("{metric}_bucket"));
            let is_histogram =
                metric.ends_with("_duration_seconds") || metric == "cqrs_append_events";
            assert_eq!(has_series, is_histogram, "{metric}");
        }
    }

    #[test]
    fn the_page_lists_every_metric_with_its_help_and_no_other() {
        assert_eq!(metrics_in(PAGE), metrics_in(METRICS));
        let (_, describe) = METRICS.split_once("fn describe()").expect("it is there");
        let (describe, _) = describe.split_once("\n}\n").expect("it ends");
        let helps: Vec<_> = describe.split('"').skip(1).step_by(2).collect();
        assert_eq!(helps.len(), 19);
        for help in helps {
            assert!(PAGE.contains(help), "the page says otherwise: {help}");
        }
    }

    #[test]
    fn the_page_lists_every_field() {
        let fields = SPANS.lines().filter_map(|line| line.trim().strip_prefix('"'));
        let fields = fields.filter_map(|line| line.split_once("\" = "));
        let fields: BTreeSet<_> = fields.map(|(field, _)| field).collect();
        assert_eq!(fields.len(), 17);
        for field in fields {
            assert!(PAGE.contains(&format!("`{field}`")), "{field} is not on the page");
        }
    }
}
