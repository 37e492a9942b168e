//! One trace for all that one command causes, across queues.

use cqrs_core::ExecuteError;
use cqrs_core::context::TraceParent;
use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use opentelemetry_sdk::trace::SpanData;
use tracing::Instrument as _;

use crate::alone;
use crate::export::{Export, attribute, ids, links, text};
use crate::shop::{AskNobody, Dawdle, EMAIL, OrderPlaced, PlaceOrder, Stumbled, acme, shop};

const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn assert_parent(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
    assert_eq!(child.parent_span_id, parent.span_context.span_id(), "of {}", child.name);
}

#[tokio::test(start_paused = true)]
async fn a_cascade_is_one_trace_with_every_delivery_linked_to_its_publisher() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    app.execute(&acme(), PlaceOrder).await.expect("placed");
    app.settled().await;

    let command = export.one("execute place.order", None);
    let placed = export.one("publish order.placed", None);
    let confirmations = export.named("deliver order.placed", Some("confirm-order"));
    let plan = export.one("deliver order.placed", Some("plan-delivery"));
    let planned = export.one("publish delivery.planned", None);
    let driver = export.one("deliver delivery.planned", Some("notify-driver"));
    assert_eq!(export.spans().len(), 7, "{:#?}", export.spans());

    assert_eq!(command.parent_span_id, SpanId::INVALID);
    assert_parent(&placed, &command);
    assert_parent(&plan, &placed);
    assert_parent(&planned, &plan);
    assert_parent(&driver, &planned);
    assert_eq!(links(&plan), [ids(&placed.span_context)]);
    assert_eq!(links(&driver), [ids(&planned.span_context)]);

    let [failed, handled] = &confirmations[..] else { panic!("one span for each attempt") };
    for attempt in [failed, handled] {
        assert_parent(attempt, &placed);
        assert_eq!(links(attempt), [ids(&placed.span_context)]);
    }
    assert_eq!(text(failed, "cqrs.attempt").as_deref(), Some("1"));
    assert_eq!(text(handled, "cqrs.attempt").as_deref(), Some("2"));
    assert_eq!(failed.status, Status::error(""));
    assert_eq!(text(failed, "error.type").as_deref(), Some("failed"));
    assert_eq!(handled.status, Status::Unset);
    assert_eq!(attribute(handled, "error.type"), None);
}

#[tokio::test(start_paused = true)]
async fn spans_have_the_kinds_and_fields_of_the_messaging_conventions() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    let ctx = acme();
    let event = OrderPlaced { order_id: Uuid::now_v7(), email: EMAIL.to_owned() };
    let id = app.publish(&ctx, event).await.expect("accepted").to_string();
    app.settled().await;
    app.query(&ctx, AskNobody).await.expect_err("nobody is there");

    let publish = export.one("publish order.placed", None);
    let deliver = export.one("deliver order.placed", Some("plan-delivery"));
    let query = export.one("execute ask.nobody", None);
    assert_eq!(publish.span_kind, SpanKind::Producer);
    assert_eq!(deliver.span_kind, SpanKind::Consumer);
    assert_eq!(query.span_kind, SpanKind::Internal);
    for (span, operation, kind) in [
        (&publish, "publish", "send"),
        (&deliver, "deliver", "process"),
        (&query, "execute", "process"),
    ] {
        let text = |key| text(span, key).unwrap_or_else(|| panic!("{key} is not in {span:#?}"));
        assert_eq!(text("messaging.system"), "cqrs");
        assert_eq!(text("messaging.operation.name"), operation);
        assert_eq!(text("messaging.operation.type"), kind);
        assert_eq!(text("messaging.message.conversation_id"), ctx.correlation_id().to_string());
        assert_eq!(text("cqrs.causation_id"), ctx.message_id().to_string());
        assert_eq!(text("cqrs.tenant"), "acme");
    }
    for span in [&publish, &deliver] {
        assert_eq!(text(span, "messaging.destination.name").as_deref(), Some("order.placed"));
        assert_eq!(text(span, "messaging.message.id"), Some(id.clone()));
    }
    let subscription = text(&deliver, "messaging.destination.subscription.name");
    assert_eq!(subscription.as_deref(), Some("plan-delivery"));
    assert_eq!(text(&query, "cqrs.kind").as_deref(), Some("query"));
    assert_eq!(text(&query, "cqrs.handler").as_deref(), Some("nobody-answers"));
    assert_eq!(text(&query, "error.type").as_deref(), Some("failed"));
}

#[tokio::test(start_paused = true)]
async fn failures_say_of_which_kind_they_are_and_nothing_of_what_was_redacted() {
    let export = Export::start(alone());
    let app = shop().configure(|app| app.middleware(cqrs_core::middleware::Log));
    let app = app.build().expect("wired");
    let everything = tracing::info_span!("request");
    async {
        app.execute(&acme(), PlaceOrder).await.expect("placed");
        for how in ["panicking", "sleeping", "failing"] {
            app.publish(&acme(), Stumbled { how: how.to_owned() }).await.expect("accepted");
        }
        app.settled().await;
    }
    .instrument(everything)
    .await;

    let stumbles = export.named("deliver stumbled", None);
    let kinds: Vec<_> = stumbles.iter().filter_map(|span| text(span, "error.type")).collect();
    assert_eq!(kinds, ["panicked", "timed_out", "failed"]);
    assert!(stumbles.iter().all(|span| span.status == Status::error("")));
    let exported = format!("{:?} {:?}", export.spans(), app.dead_letters().await);
    assert!(exported.contains("no mailbox [redacted]"), "the log is there: {exported}");
    for secret in [EMAIL, "panicking", "sleeping", "failing"] {
        assert!(!exported.contains(secret), "{secret} in {exported}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_publish_has_a_span_that_says_why() {
    let export = Export::start(alone());
    let app = shop().configure(|app| app.payload_limit(20)).build().expect("wired");
    let event = OrderPlaced { order_id: Uuid::now_v7(), email: EMAIL.to_owned() };
    app.publish(&acme(), event).await.expect_err("too large");

    let refused = export.one("publish order.placed", None);
    assert_eq!(refused.status, Status::error(""));
    assert_eq!(text(&refused, "error.type").as_deref(), Some("too_large"));
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_refused_has_a_span_that_says_why() {
    let export = Export::start(alone());
    let app = App::builder().only(cqrs_core::modules![crate::shop]).build().expect("wired");
    assert!(app.shutdown(Duration::ZERO).await.is_clean());
    let result = app.commands().execute(&acme(), PlaceOrder).await;
    assert!(matches!(result, Err(ExecuteError::ShutDown { .. })));
    let refused = export.one("execute place.order", None);
    assert_eq!(text(&refused, "error.type").as_deref(), Some("shut_down"));
    assert_eq!(attribute(&refused, "cqrs.handler"), None);
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_hung_up_has_one_span_until_its_own_end() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    let hung_up = tokio::time::timeout(Duration::from_secs(1), app.execute(&acme(), Dawdle)).await;
    assert!(hung_up.is_err());
    assert!(export.spans().is_empty(), "the command goes on");
    app.settled().await;
    let ended = export.one("execute dawdle", Some("dawdler"));
    assert_eq!(text(&ended, "error.type").as_deref(), Some("timed_out"));
}

#[tokio::test(start_paused = true)]
async fn the_system_scope_is_system_in_spans() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    app.execute(&Context::system(), PlaceOrder).await.expect("placed");
    app.settled().await;
    let command = export.one("execute place.order", None);
    assert_eq!(text(&command, "cqrs.tenant").as_deref(), Some("system"));
}

#[tokio::test(start_paused = true)]
async fn a_traceparent_from_outside_is_the_parent() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    let parent: TraceParent = HEADER.parse().expect("valid");
    let ctx = acme().with_traceparent(parent);
    app.execute(&ctx, PlaceOrder).await.expect("placed");
    app.settled().await;

    let command = export.one("execute place.order", None);
    assert_eq!(command.parent_span_id, SpanId::from(parent.span_id()));
    let trace = TraceId::from(parent.trace_id());
    assert!(export.spans().iter().all(|span| span.span_context.trace_id() == trace));
}

#[tokio::test(start_paused = true)]
async fn a_span_around_the_call_is_the_parent_unless_the_context_is_of_another_trace() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    let around = tracing::info_span!("request");
    app.execute(&acme(), PlaceOrder).instrument(around).await.expect("placed");
    app.settled().await;
    assert_parent(&export.one("execute place.order", None), &export.one("request", None));

    export.clear();
    let around = tracing::info_span!("request");
    let ctx = acme().with_traceparent(HEADER.parse().expect("valid"));
    app.execute(&ctx, PlaceOrder).instrument(around).await.expect("placed");
    app.settled().await;
    let (request, command) = (export.one("request", None), export.one("execute place.order", None));
    assert_eq!(command.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(links(&command), [ids(&request.span_context)], "so that it can be found");
}

#[tokio::test(start_paused = true)]
async fn a_stored_event_continues_its_trace_in_another_process() {
    let export = Export::start(alone());
    let seen = Arc::new(std::sync::Mutex::new(None));
    let noted = Arc::clone(&seen);
    let note = cqrs_core::Handler::event_fn("note", move |event: Published<OrderPlaced>, ctx| {
        let stored = serde_json::to_string(event.context()).expect("a context serialises");
        *noted.lock().expect("no panic") = Some((stored, ctx.traceparent()));
        async { Ok(()) }
    });
    let app = shop().register(note).build().expect("wired");
    let event = OrderPlaced { order_id: Uuid::now_v7(), email: EMAIL.to_owned() };
    app.publish(&acme(), event).await.expect("accepted");
    app.settled().await;

    let (stored, in_handler) = seen.lock().expect("no panic").take().expect("handled");
    let stored: Context = serde_json::from_str(&stored).expect("readable");
    let span_id = |parent: Option<TraceParent>| parent.map(|it| SpanId::from(it.span_id()));
    let publish = export.one("publish order.placed", None);
    let deliver = export.one("deliver order.placed", Some("note"));
    assert_eq!(span_id(stored.traceparent()), Some(publish.span_context.span_id()));
    assert_eq!(span_id(in_handler), Some(deliver.span_context.span_id()), "for calls to others");
}

#[tokio::test(start_paused = true)]
async fn a_trace_survives_the_log() {
    let export = Export::start(alone());
    let store = MemoryStore::new();
    let handling = || {
        let note = |_: Published<OrderPlaced>, _| async { Ok(()) };
        let note = cqrs_core::Handler::event_fn("note", note);
        App::builder().bare().store(store.clone()).register(note).build().expect("wired")
    };
    // Makes the subscription. The events are published, and handled, by other processes.
    let app = handling();
    app.start().await.expect("the store answers");
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());

    let publishing = App::builder().bare().store(store.clone()).build().expect("wired");
    let ctx = acme().with_traceparent(HEADER.parse().expect("valid"));
    let event = || OrderPlaced { order_id: Uuid::now_v7(), email: EMAIL.to_owned() };
    publishing.events().publish_all(&ctx, [event(), event()]).await.expect("accepted");
    assert!(publishing.shutdown(Duration::from_secs(10)).await.is_clean());
    let append = export.one("append", None);
    assert_eq!(append.parent_span_id, SpanId::INVALID);
    assert_eq!(text(&append, "messaging.batch.message_count").as_deref(), Some("2"));

    let app = handling();
    app.start().await.expect("the store answers");
    app.idle().await;
    let publishes = export.named("publish order.placed", None);
    let deliveries = export.named("deliver order.placed", Some("note"));
    assert_eq!((publishes.len(), deliveries.len()), (2, 2), "{:#?}", export.spans());
    for deliver in deliveries {
        assert_eq!(deliver.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let publish = publishes.iter().find(|it| links(&deliver) == [ids(&it.span_context)]);
        assert_parent(&deliver, publish.expect("it is linked to its publish"));
    }
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn spans_can_be_filtered_out_and_the_trace_goes_on() {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _};

    let _alone = alone();
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tests"));
    let subscriber =
        tracing_subscriber::registry().with(EnvFilter::new("info,cqrs=off")).with(layer);
    let _guard = tracing::subscriber::set_default(subscriber);
    let seen = Arc::new(std::sync::Mutex::new(None));
    let noted = Arc::clone(&seen);
    let note =
        cqrs_core::Handler::event_fn("note", move |_: Published<OrderPlaced>, ctx: Context| {
            *noted.lock().expect("no panic") = ctx.traceparent();
            async { Ok(()) }
        });
    let app = shop().register(note).build().expect("wired");
    app.execute(&acme(), PlaceOrder)
        .instrument(tracing::info_span!("request"))
        .await
        .expect("placed");
    app.settled().await;

    let spans = exporter.get_finished_spans().expect("not shut down");
    let [request] = &spans[..] else { panic!("{spans:#?}") };
    let seen = seen.lock().expect("no panic").expect("there is a trace");
    assert_eq!(SpanId::from(seen.span_id()), request.span_context.span_id());
}
