//! A request's tenant and trace, from its headers to the handlers of what it caused.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Extension, Router};
use cqrs_core::CommandBus;
use cqrs_core::prelude::*;
use cqrs_http::{ContextLayer, header};
use opentelemetry::trace::{SpanId, TraceId};
use tower::ServiceExt as _;

use crate::alone;
use crate::export::{Export, text};
use crate::shop::{PlaceOrder, shop};

async fn place_order(
    Extension(orders): Extension<CommandBus>,
    Extension(ctx): Extension<Context>,
) -> StatusCode {
    match orders.execute(&ctx, PlaceOrder).await {
        Ok(_) => StatusCode::CREATED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[tokio::test(start_paused = true)]
async fn a_requests_tenant_and_trace_reach_the_handlers_of_what_it_caused() {
    let export = Export::start(alone());
    let app = shop().build().expect("wired");
    let contexts = ContextLayer::new(|request| {
        Ok(Context::for_tenant(header(request, "x-tenant-id")?)?.with_actor(Actor::user("ada")))
    });
    let router = Router::new().route("/orders", post(place_order));
    let router = router.layer(contexts).layer(Extension(app.commands().clone()));
    let request = Request::post("/orders")
        .header("x-tenant-id", "globex")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

    let answer = router.oneshot(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::CREATED);
    app.settled().await;

    let command = export.one("execute place.order", None);
    assert_eq!(command.parent_span_id, SpanId::from_hex("00f067aa0ba902b7").expect("hex"));
    let trace = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").expect("hex");
    let driver = export.one("deliver delivery.planned", Some("notify-driver"));
    for span in [command, driver] {
        assert_eq!(span.span_context.trace_id(), trace);
        assert_eq!(text(&span, "cqrs.tenant").as_deref(), Some("globex"));
    }
}
