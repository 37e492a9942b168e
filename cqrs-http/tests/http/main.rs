//! Requests to a real server on this machine, by a real client.

mod problems;
mod readiness;
mod stops;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use cqrs_core::{Actor, Context};
use cqrs_http::{ContextLayer, Problem, RequestIdLayer, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::Barrier;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A router on a port of its own, and a client for it.
struct Server {
    origin: String,
    client: Client<HttpConnector, Body>,
}

impl Server {
    async fn run(router: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn get(&self, headers: &[(&'static str, &str)]) -> Answer {
        let mut request = Request::get(format!("{}/me?token=secret", self.origin));
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("no control characters");
            request = request.header(*name, value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.client.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = to_bytes(Body::new(body), 1 << 20).await.expect("a small body");
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Answer { status: head.status, headers: head.headers, json }
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// Checks that this is a problem document with this status and says nothing that it should not.
    fn expect_problem(&self, status: u16, detail: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let title = self.status.canonical_reason();
        let request_id = self.header("x-request-id").expect("every answer has one");
        let expected = json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail,
            "instance": "/me", "request_id": request_id,
        });
        assert_eq!(self.json, expected);
    }
}

fn tenant_of_header() -> ContextLayer {
    ContextLayer::new(|request| {
        let ctx = Context::for_tenant(header(request, "x-tenant-id")?)?;
        Ok(ctx.with_actor(Actor::user("ada")))
    })
}

/// What a handler sees of its context.
async fn me(headers: HeaderMap, Extension(ctx): Extension<Context>) -> String {
    let current = Context::current().expect("set around every handler");
    assert_eq!(current.message_id(), ctx.message_id());
    json!({
        "tenant": ctx.tenant().to_string(),
        "actor": ctx.actor().map(ToString::to_string),
        "request_id": ctx.attribute("request_id"),
        "correlation_id": ctx.correlation_id(),
        "traceparent": ctx.traceparent(),
        "headers": {
            "x-request-id": headers.get("x-request-id").map(|value| value.to_str().ok()),
            "traceparent": headers.get("traceparent").map(|value| value.to_str().ok()),
            "tracestate": headers.get("tracestate").map(|value| value.to_str().ok()),
        },
    })
    .to_string()
}

async fn server() -> Server {
    Server::run(Router::new().route("/me", get(me)).layer(tenant_of_header())).await
}

#[tokio::test]
async fn a_handler_gets_the_context_of_its_request() {
    let answer = server().await.get(&[("x-tenant-id", "acme"), ("traceparent", TRACE)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json["tenant"], "acme");
    assert_eq!(answer.json["actor"], "user ada");
    assert_eq!(answer.json["traceparent"], TRACE);
    assert_eq!(answer.header("traceparent"), Some(TRACE));
    let made = answer.header("x-request-id").expect("made, since none was sent");
    assert_eq!(answer.json["request_id"], made);
    assert_eq!(answer.json["correlation_id"], made);
    assert_eq!(answer.json["headers"]["x-request-id"], made);
}

#[tokio::test]
async fn an_idempotency_key_is_read_if_the_layer_says_so() {
    async fn key(Extension(ctx): Extension<Context>) -> String {
        json!({ "key": ctx.idempotency_key().map(ToString::to_string) }).to_string()
    }
    let tenant = ("x-tenant-id", "acme");
    let router = || Router::new().route("/me", get(key));
    let server = Server::run(router().layer(tenant_of_header().idempotency_keys())).await;
    let answer = server.get(&[tenant, ("idempotency-key", "\"8e03978e\"")]).await;
    assert_eq!(answer.json["key"], "\"8e03978e\"");
    assert_eq!(server.get(&[tenant]).await.json["key"], Value::Null);
    for key in ["", "a b", "größe", &"k".repeat(256)] {
        let answer = server.get(&[tenant, ("idempotency-key", key)]).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    let twice = [tenant, ("idempotency-key", "a"), ("idempotency-key", "a")];
    let detail = "the header `idempotency-key` was sent more than once";
    server.get(&twice).await.expect_problem(400, detail);

    let server = Server::run(router().layer(tenant_of_header())).await;
    assert_eq!(server.get(&twice).await.json["key"], Value::Null);
}

#[tokio::test]
async fn a_request_id_is_accepted_if_it_is_safe() {
    let server = server().await;
    let uuid = "0190b5a4-3f7e-7cc0-b4d2-1a2b3c4d5e6f";
    let answer = server.get(&[("x-tenant-id", "acme"), ("x-request-id", uuid)]).await;
    assert_eq!(answer.header("x-request-id"), Some(uuid));
    assert_eq!(answer.json["correlation_id"], uuid);

    let answer = server.get(&[("x-tenant-id", "acme"), ("x-request-id", "edge:7/a=b")]).await;
    assert_eq!(answer.json["request_id"], "edge:7/a=b");
    assert_eq!(answer.header("x-request-id"), Some("edge:7/a=b"));

    let too_long = "x".repeat(RequestIdLayer::MAX_LENGTH + 1);
    for bad in ["", "a b", "<script>", "é", "%0d%0aset-cookie", &too_long] {
        let answer = server.get(&[("x-tenant-id", "acme"), ("x-request-id", bad)]).await;
        let made = answer.header("x-request-id").expect("made");
        assert_eq!((made.len(), answer.status), (36, StatusCode::OK), "{bad}");
        assert_eq!(answer.json["request_id"], made);
    }
    let twice = [("x-tenant-id", "acme"), ("x-request-id", "one"), ("x-request-id", "two")];
    let answer = server.get(&twice).await;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(36));
    assert_eq!(answer.json["headers"]["x-request-id"], answer.json["request_id"]);
}

#[tokio::test]
async fn a_malformed_traceparent_is_ignored_and_goes_no_further() {
    let server = server().await;
    let malformed =
        ["", "nonsense", &TRACE.to_uppercase(), &TRACE[..54], &TRACE.replace("00-4", "ff-4"), "é"];
    for bad in malformed {
        let headers = [("x-tenant-id", "acme"), ("traceparent", bad), ("tracestate", "a=1")];
        let answer = server.get(&headers).await;
        assert_eq!(answer.status, 200, "{bad}");
        assert_eq!(answer.json["traceparent"], Value::Null, "{bad}");
        assert_eq!(answer.json["headers"]["traceparent"], Value::Null, "{bad}");
        assert_eq!(answer.json["headers"]["tracestate"], Value::Null, "{bad}");
        assert_eq!(answer.header("traceparent"), None, "{bad}");
    }
    let twice = [("x-tenant-id", "acme"), ("traceparent", TRACE), ("traceparent", TRACE)];
    assert_eq!(server.get(&twice).await.json["traceparent"], Value::Null);
}

#[tokio::test]
async fn without_a_tenant_there_is_a_401_and_no_handler_runs() {
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let endpoint = get(move || async move { counter.fetch_add(1, Ordering::SeqCst).to_string() });
    let server = Server::run(Router::new().route("/me", endpoint).layer(tenant_of_header())).await;

    let answer = server.get(&[("x-request-id", "edge-7"), ("traceparent", TRACE)]).await;
    answer.expect_problem(401, "the header `x-tenant-id` is missing");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    assert_eq!(answer.header("x-request-id"), Some("edge-7"));
    assert_eq!(answer.header("traceparent"), Some(TRACE));

    let twice = server.get(&[("x-tenant-id", "acme"), ("x-tenant-id", "other")]).await;
    twice.expect_problem(401, "the header `x-tenant-id` was sent more than once");
    let empty = server.get(&[("x-tenant-id", "")]).await;
    empty.expect_problem(401, "the header `x-tenant-id` is empty");
    let foreign = server.get(&[("x-tenant-id", "ácme")]).await;
    foreign.expect_problem(401, "the header `x-tenant-id` is not visible ASCII");
    for bad in ["a b", "../../etc", "acme; drop table", "-acme", &"x".repeat(65)] {
        let answer = server.get(&[("x-tenant-id", bad)]).await;
        answer.expect_problem(401, "the request does not name a valid tenant");
    }
    assert_eq!(handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn huge_headers_are_refused_with_a_small_answer() {
    let server = server().await;
    let huge = "x".repeat(100_000);
    let answer = server.get(&[("x-tenant-id", &huge), ("x-request-id", &huge)]).await;
    answer.expect_problem(401, "the request does not name a valid tenant");
    let many: Vec<_> = (0..90).map(|_| ("x-tenant-id", "acme")).collect();
    assert_eq!(server.get(&many).await.status, 401);
    // Beyond what the server itself reads, it says so, and goes on.
    let too_huge = "x".repeat(1_000_000);
    assert_eq!(server.get(&[("x-tenant-id", &too_huge)]).await.status, 431);
    assert_eq!(server.get(&[("x-tenant-id", "acme")]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_two_tenants_at_the_same_time_are_never_mixed() {
    // Each handler meets one of another request while it runs, most of them of the other tenant.
    let meeting = Arc::new(Barrier::new(2));
    let handler = get(move |Extension(ctx): Extension<Context>| async move {
        meeting.wait().await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
            let current = Context::current().expect("inside a request");
            assert_eq!(current.tenant(), ctx.tenant());
            assert_eq!(current.attribute("request_id"), ctx.attribute("request_id"));
        }
        json!([ctx.tenant().to_string(), ctx.attribute("request_id")]).to_string()
    });
    let router = Router::new().route("/me", handler).layer(tenant_of_header());
    let server = Arc::new(Server::run(router).await);

    let clients = (0..200).map(|n| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let tenant = ["acme", "other"][n % 2];
            let request_id = format!("{tenant}-{n}");
            let headers = [("x-tenant-id", tenant), ("x-request-id", &*request_id)];
            let answer = server.get(&headers).await;
            assert_eq!(answer.json, json!([tenant, request_id]));
            assert_eq!(answer.header("x-request-id"), Some(&*request_id));
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("its own context");
    }
}

#[tokio::test]
async fn a_panic_while_a_context_is_made_is_a_500_that_says_nothing_of_it() {
    let at_once = ContextLayer::new(|request| match header(request, "x-tenant-id")? {
        "acme" => Ok(Context::for_tenant("acme")?),
        tenant => panic!("no password for {tenant}: hunter2"),
    });
    let later = ContextLayer::new_async(|request| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let tenant = header(request, "x-tenant-id")?;
            assert_eq!(tenant, "acme", "hunter2");
            Ok(Context::for_tenant(tenant)?)
        })
    });
    for layer in [at_once, later] {
        let server = Server::run(Router::new().route("/me", get(me)).layer(layer)).await;
        let answer = server.get(&[("x-tenant-id", "other")]).await;
        let detail = "the request could not be processed; the log says why, under its request id";
        answer.expect_problem(500, detail);
        assert_eq!(server.get(&[("x-tenant-id", "acme")]).await.status, 200);
    }
}

#[tokio::test]
async fn an_asynchronous_function_may_refuse_with_a_status_of_its_own() {
    let layer = ContextLayer::new_async(|request| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match header(request, "x-tenant-id")? {
                "down" => Err(Problem::internal(std::io::Error::other("10.0.0.7 is down"))),
                "poor" => Err(Problem::forbidden("this plan has no API")),
                tenant => Ok(Context::for_tenant(tenant)?),
            }
        })
    });
    let server = Server::run(Router::new().route("/me", get(me)).layer(layer)).await;
    assert_eq!(server.get(&[("x-tenant-id", "acme")]).await.json["tenant"], "acme");
    server.get(&[("x-tenant-id", "poor")]).await.expect_problem(403, "this plan has no API");
    let down = server.get(&[("x-tenant-id", "down")]).await;
    assert_eq!(down.status, 500);
    assert!(!format!("{down:?}").contains("10.0.0.7"));
}

#[tokio::test]
async fn what_the_function_says_of_correlation_and_trace_is_kept() {
    let own_trace = TRACE.replace("4bf9", "aaaa");
    let trace = own_trace.clone();
    let layer = ContextLayer::new(move |_| {
        let ctx = Context::system().with_correlation_id(uuid_of(7));
        Ok(ctx.with_traceparent(trace.parse().map_err(Problem::internal)?))
    });
    let server = Server::run(Router::new().route("/me", get(me)).layer(layer)).await;
    let sent = uuid_of(8).to_string();
    let answer = server.get(&[("x-request-id", &sent), ("traceparent", TRACE)]).await;
    assert_eq!(answer.json["correlation_id"], uuid_of(7).to_string());
    assert_eq!(answer.json["request_id"], sent);
    assert_eq!(answer.json["traceparent"], own_trace);
    assert_eq!(answer.header("traceparent"), Some(&*own_trace));
}

fn uuid_of(n: u128) -> cqrs_core::prelude::Uuid {
    cqrs_core::prelude::Uuid::from_u128(n)
}

#[tokio::test]
async fn a_layer_within_a_layer_has_the_last_word_on_the_context_and_the_same_request_id() {
    let inner = ContextLayer::new(|request| {
        let outer = request.extensions.get::<Context>().expect("made by the outer layer");
        Ok(outer.clone().with_actor(Actor::service("admin")))
    });
    let router = Router::new().route("/me", get(me)).layer(inner).layer(tenant_of_header());
    let answer = Server::run(router).await.get(&[("x-tenant-id", "acme")]).await;
    assert_eq!(answer.json["tenant"], "acme");
    assert_eq!(answer.json["actor"], "service admin");
    assert_eq!(answer.header("x-request-id"), answer.json["request_id"].as_str());
    assert_eq!(answer.json["correlation_id"], answer.json["request_id"]);
}

#[tokio::test]
async fn an_answer_of_the_service_itself_is_passed_on() {
    let fails = || async { Response::builder().status(503).body(Body::from("{}")).expect("valid") };
    let router = Router::new().route("/me", get(fails)).layer(tenant_of_header());
    let answer = Server::run(router).await.get(&[("x-tenant-id", "acme")]).await;
    assert_eq!((answer.status.as_u16(), answer.json.clone()), (503, json!({})));
    assert!(answer.header("x-request-id").is_some());
}
