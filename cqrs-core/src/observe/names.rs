//! Every name that leaves the process. They are in one place because dashboards and alerts depend on them.
//!
//! Fields follow OpenTelemetry's semantic conventions for messaging (1.45) if these have a name for the
//! field.

/// The target by which the spans are filtered, such as `cqrs=off`.
pub(super) const TARGET: &str = "cqrs";

pub(super) const SYSTEM: &str = "messaging.system";
pub(super) const OPERATION_TYPE: &str = "messaging.operation.type";
pub(super) const OPERATION_NAME: &str = "messaging.operation.name";
pub(super) const DESTINATION: &str = "messaging.destination.name";
/// The conventions speak of topics and subscriptions; here these are events and handlers.
pub(super) const SUBSCRIPTION: &str = "messaging.destination.subscription.name";
pub(super) const MESSAGE_ID: &str = "messaging.message.id";
pub(super) const BATCH_COUNT: &str = "messaging.batch.message_count";
/// The correlation id.
pub(super) const CONVERSATION_ID: &str = "messaging.message.conversation_id";
pub(super) const TENANT: &str = "cqrs.tenant";
pub(super) const KIND: &str = "cqrs.kind";
pub(super) const HANDLER: &str = "cqrs.handler";
pub(super) const CAUSATION_ID: &str = "cqrs.causation_id";
pub(super) const ATTEMPT: &str = "cqrs.attempt";
pub(super) const ERROR_TYPE: &str = "error.type";
/// The fields from which `tracing-opentelemetry` takes the span's name, kind and status.
pub(super) const OTEL_NAME: &str = "otel.name";
pub(super) const OTEL_KIND: &str = "otel.kind";
pub(super) const OTEL_STATUS: &str = "otel.status_code";

/// One metric, as it is described to the recorder and in `docs/observability.md`.
#[cfg(any(test, feature = "metrics"))]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) instrument: Instrument,
}

#[cfg(any(test, feature = "metrics"))]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Instrument {
    Counter,
    Gauge,
    /// In seconds.
    Histogram,
    /// A gauge, in seconds.
    Age,
}

/// A tenant's or an entity's id is never a label, so that the code bounds the number of series.
#[cfg(any(test, feature = "metrics"))]
pub(super) mod metric {
    use super::{Instrument, Metric};

    pub(in super::super) const PUBLISHED: Metric = Metric {
        name: "cqrs_published_total",
        help: "Events published, by outcome",
        instrument: Instrument::Counter,
    };
    pub(in super::super) const EXECUTION_DURATION: Metric = Metric {
        name: "cqrs_execution_duration_seconds",
        help: "Duration of commands and queries, with their middleware, by outcome",
        instrument: Instrument::Histogram,
    };
    pub(in super::super) const ATTEMPTS: Metric = Metric {
        name: "cqrs_delivery_attempts_total",
        help: "Attempts to deliver an event to a handler, by outcome",
        instrument: Instrument::Counter,
    };
    pub(in super::super) const DELIVERY_DURATION: Metric = Metric {
        name: "cqrs_delivery_duration_seconds",
        help: "Duration of one attempt, with its middleware",
        instrument: Instrument::Histogram,
    };
    pub(in super::super) const RETRIES: Metric = Metric {
        name: "cqrs_retries_total",
        help: "Failed attempts after which another one follows",
        instrument: Instrument::Counter,
    };
    pub(in super::super) const DEAD_LETTERED: Metric = Metric {
        name: "cqrs_dead_lettered_total",
        help: "Deliveries that became dead letters",
        instrument: Instrument::Counter,
    };
    pub(in super::super) const IN_FLIGHT: Metric = Metric {
        name: "cqrs_in_flight",
        help: "Handlers running at this moment",
        instrument: Instrument::Gauge,
    };
    pub(in super::super) const QUEUE_DEPTH: Metric = Metric {
        name: "cqrs_queue_depth",
        help: "Deliveries that wait for a worker or for their next attempt",
        instrument: Instrument::Gauge,
    };
    pub(in super::super) const OLDEST_WAITING: Metric = Metric {
        name: "cqrs_oldest_waiting_seconds",
        help: "Age of the oldest event that waits; 0 if none waits",
        instrument: Instrument::Age,
    };
    pub(in super::super) const DEAD_LETTERS: Metric = Metric {
        name: "cqrs_dead_letters",
        help: "Dead letters that are kept",
        instrument: Instrument::Gauge,
    };

    pub(in super::super) const BREAKER_OPEN: Metric = Metric {
        name: "cqrs_breaker_open",
        help: "Whether a handler's circuit breaker lets no attempt through: 1 open, 0.5 trying one, 0 closed",
        instrument: Instrument::Gauge,
    };

    pub(in super::super) const ALL: [Metric; 11] = [
        PUBLISHED,
        EXECUTION_DURATION,
        ATTEMPTS,
        DELIVERY_DURATION,
        RETRIES,
        DEAD_LETTERED,
        IN_FLIGHT,
        QUEUE_DEPTH,
        OLDEST_WAITING,
        DEAD_LETTERS,
        BREAKER_OPEN,
    ];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/observability.md");
    const DASHBOARD: &str = include_str!("../../../docs/grafana-dashboard.json");

    /// Every word in `text` that is a metric's name, without the suffix of a histogram's series.
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

    fn known() -> BTreeSet<&'static str> {
        metric::ALL.iter().map(|metric| metric.name).collect()
    }

    #[test]
    fn the_dashboard_shows_every_metric_and_no_other() {
        let dashboard: Value = serde_json::from_str(DASHBOARD).expect("valid JSON");
        assert!(dashboard["schemaVersion"].is_u64());
        let panels = dashboard["panels"].as_array().expect("a list");
        let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let queries: Vec<_> = targets.filter_map(|target| target["expr"].as_str()).collect();
        assert_eq!(metrics_in(&queries.join(" ")), known());
        assert_eq!(metrics_in(DASHBOARD), known());
    }

    #[test]
    fn only_a_histogram_has_series_of_a_histogram() {
        for metric in metric::ALL {
            let is_histogram = DASHBOARD.contains(&format!("{}_bucket", metric.name));
            assert_eq!(is_histogram, metric.instrument == Instrument::Histogram, "{}", metric.name);
            let is_total = metric.name.ends_with("_total");
            assert_eq!(is_total, metric.instrument == Instrument::Counter, "{}", metric.name);
        }
    }

    #[test]
    fn the_page_lists_every_metric_and_field_and_no_other() {
        let listed = metrics_in(PAGE);
        assert_eq!(listed, known());
        for metric in metric::ALL {
            assert!(PAGE.contains(metric.help), "the page says otherwise: {}", metric.help);
        }
        let fields = [
            SYSTEM,
            OPERATION_TYPE,
            OPERATION_NAME,
            DESTINATION,
            SUBSCRIPTION,
            MESSAGE_ID,
            BATCH_COUNT,
            CONVERSATION_ID,
            TENANT,
            KIND,
            HANDLER,
            CAUSATION_ID,
            ATTEMPT,
            ERROR_TYPE,
            OTEL_NAME,
            OTEL_KIND,
            OTEL_STATUS,
        ];
        for field in fields {
            assert!(PAGE.contains(&format!("`{field}`")), "{field} is not on the page");
        }
    }
}
