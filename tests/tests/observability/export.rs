//! Everything that an application exports, by an exporter that keeps it.

use opentelemetry::trace::{SpanContext, SpanId, TraceId, TracerProvider as _};
use opentelemetry::{Key, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::Alone;

pub(crate) struct Export {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _subscriber: DefaultGuard,
    _alone: Alone,
}

impl Export {
    /// Of everything in this thread, on which a test's runtime runs.
    pub(crate) fn start(alone: Alone) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
        let subscriber = tracing_subscriber::registry().with(layer);
        let guard = tracing::subscriber::set_default(subscriber);
        Self { exporter, _provider: provider, _subscriber: guard, _alone: alone }
    }

    /// Forgets what has ended.
    pub(crate) fn clear(&self) {
        self.exporter.reset();
    }

    /// Everything that has ended.
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().expect("not shut down")
    }

    /// Those with this name and, where it matters, of this handler; in the order of their end.
    pub(crate) fn named(&self, name: &str, handler: Option<&str>) -> Vec<SpanData> {
        let is_meant = |span: &SpanData| {
            span.name == name
                && handler
                    .is_none_or(|it| text(span, "cqrs.handler").is_some_and(|found| found == it))
        };
        self.spans().into_iter().filter(is_meant).collect()
    }

    /// The only one.
    #[track_caller]
    pub(crate) fn one(&self, name: &str, handler: Option<&str>) -> SpanData {
        let mut spans = self.named(name, handler);
        assert_eq!(spans.len(), 1, "{name} of {handler:?} in {:#?}", self.spans());
        spans.remove(0)
    }
}

pub(crate) fn attribute(span: &SpanData, key: &'static str) -> Option<Value> {
    let key = Key::from_static_str(key);
    let mut found = span.attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next().map(|attribute| attribute.value.clone());
    assert!(found.next().is_none(), "{key} stands there twice: {span:#?}");
    value
}

pub(crate) fn text(span: &SpanData, key: &'static str) -> Option<String> {
    attribute(span, key).map(|value| value.to_string())
}

/// The trace and the span that each link leads to.
pub(crate) fn links(span: &SpanData) -> Vec<(TraceId, SpanId)> {
    span.links.iter().map(|link| ids(&link.span_context)).collect()
}

pub(crate) fn ids(context: &SpanContext) -> (TraceId, SpanId) {
    (context.trace_id(), context.span_id())
}
