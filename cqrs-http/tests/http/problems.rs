//! What a client reads when something is wrong.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use cqrs_core::bus::CancelError;
use cqrs_core::log::StoreError;
use cqrs_core::middleware::{Rejection, Violations};
use cqrs_core::{Context, ExecuteError, HandlerError, PublishError};
use cqrs_http::{ContextLayer, Problem};
use serde_json::{Value, json};

use crate::Server;

fn respond(problem: Problem) -> (Response<String>, Value) {
    let response = Response::<String>::from(problem);
    let document = serde_json::from_str(response.body()).expect("JSON");
    (response, document)
}

#[test]
fn it_is_a_document_with_extension_members_and_its_own_headers() {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "wait two minutes")
        .of_type("https://example.com/problems/quota", "Quota used up")
        .retry_after(Duration::from_mins(2))
        .with_instance("/tasks")
        .with_request_id("edge-7")
        .with_code("quota")
        .with_member("errors", [json!({ "field": "title" })]);
    let (response, document) = respond(problem);
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()[header::RETRY_AFTER], "120");
    assert_eq!(response.headers()[header::CONTENT_TYPE], Problem::MEDIA_TYPE);
    let expected = json!({
        "type": "https://example.com/problems/quota", "title": "Quota used up", "status": 429,
        "detail": "wait two minutes", "instance": "/tasks", "request_id": "edge-7",
        "code": "quota", "errors": [{ "field": "title" }],
    });
    assert_eq!(document, expected);
}

#[test]
fn the_client_never_reads_the_cause() {
    let problems = [
        Problem::internal("postgres://admin:hunter2@10.0.0.7 refused"),
        Problem::busy("hunter2 is locked"),
        Context::for_tenant("hunter2!").expect_err("no tenant").into(),
        HandlerError::msg("hunter2").into(),
    ];
    for problem in problems {
        assert!(format!("{problem:?}").contains("hunter2"), "{problem:?}");
        let (response, _) = respond(problem);
        assert!(!response.body().contains("hunter2"));
        let kept = response.extensions().get::<Problem>().expect("for outer layers");
        assert!(!format!("{kept:?}").contains("hunter2"), "{kept:?}");
    }
}

#[test]
fn a_401_asks_for_something() {
    let (response, document) = respond(Problem::unauthorized("who are you?"));
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    assert_eq!(document["title"], "Unauthorized");
    let basic = HeaderValue::from_static("Basic");
    let problem = Problem::unauthorized("").with_header(header::WWW_AUTHENTICATE, basic.clone());
    assert_eq!(respond(problem).0.headers()[header::WWW_AUTHENTICATE], basic);
}

#[test]
fn a_status_that_is_no_error_becomes_one() {
    assert_eq!(Problem::new(StatusCode::OK, "").status(), 500);
    assert_eq!(Problem::new(StatusCode::FOUND, "").status(), 500);
    assert_eq!(Problem::forbidden("").status(), 403);
}

#[test]
fn it_stays_small_for_any_input() {
    let path = format!("/{}", "x".repeat(10_000));
    let problem = Problem::unauthorized("ä".repeat(1_000_000)).with_instance(&path);
    let (response, document) = respond(problem);
    assert!(response.body().len() < 4096);
    assert_eq!(document.get("instance"), None, "a cut-off path is another path");
}

/// An error of a command that becomes a problem of its own.
#[derive(Debug, thiserror::Error)]
#[error("it is taken")]
struct Taken;

impl From<Taken> for Problem {
    fn from(error: Taken) -> Self {
        Self::new(StatusCode::CONFLICT, error)
    }
}

#[test]
fn the_errors_of_the_buses_have_a_status_and_a_stable_code() {
    let message = "reserve.name";
    let rejected = |rejection| ExecuteError::Rejected { message, rejection };
    let executed: [(ExecuteError<Taken>, u16, Option<&str>); 8] = [
        (ExecuteError::Handler(Taken), 409, None),
        (rejected(Rejection::invalid("no")), 422, Some("invalid")),
        (rejected(Rejection::forbidden("no")), 403, Some("forbidden")),
        (rejected(Rejection::unavailable("no")), 503, Some("unavailable")),
        (ExecuteError::TimedOut { message, after: Duration::ZERO }, 503, Some("timed_out")),
        (ExecuteError::ShutDown { message }, 503, Some("shut_down")),
        (ExecuteError::NoHandler { message }, 500, Some("no_handler")),
        (ExecuteError::Panicked { message, panic: "42".into() }, 500, Some("panicked")),
    ];
    for (error, status, code) in executed {
        let text = error.to_string();
        let problem = Problem::from(error);
        assert_eq!((problem.status().as_u16(), problem.code()), (status, code), "{text}");
        let is_retried = problem.headers().contains_key(header::RETRY_AFTER);
        assert_eq!(is_retried, matches!(code, Some("timed_out" | "shut_down")), "{text}");
    }

    let event = "name.reserved";
    let not_stored = |error| PublishError::NotStored { event, error: Arc::new(error) };
    let published = [
        (PublishError::TooLarge { event, size: 9, limit: 8 }, 413, "too_large"),
        (PublishError::Rejected { event, rejection: Rejection::forbidden("no") }, 403, "forbidden"),
        (PublishError::TooDeep { event, limit: 8 }, 422, "too_deep"),
        (PublishError::ShutDown { event }, 503, "shut_down"),
        (PublishError::WaitInsideHandler { event }, 500, "wait_inside_handler"),
        (PublishError::NoRuntime { event }, 500, "no_runtime"),
        (not_stored(StoreError::Unavailable("connection refused".into())), 503, "not_stored"),
        (not_stored(StoreError::Refused("no such table".into())), 500, "not_stored"),
        (PublishError::NotStarted { event }, 500, "not_started"),
    ];
    for (error, status, code) in published {
        let problem = Problem::from(error);
        assert_eq!((problem.status().as_u16(), problem.code()), (status, Some(code)));
        assert!(!problem.detail().contains(event), "names inside are for the log");
    }

    let away = StoreError::Unavailable("connection refused".into());
    let cancelled = [
        (CancelError::NoStore, 500, "no_store"),
        (CancelError::ShutDown, 503, "shut_down"),
        (CancelError::Store(away), 503, "not_cancelled"),
        (CancelError::Store(StoreError::Refused("no such table".into())), 500, "not_cancelled"),
    ];
    for (error, status, code) in cancelled {
        let problem = Problem::from(error);
        assert_eq!((problem.status().as_u16(), problem.code()), (status, Some(code)));
    }
}

#[test]
fn the_client_reads_which_fields_are_wrong() {
    let mut violations = Violations::default();
    violations.add("email", "is not an address").with_code("not_an_address");
    violations.add("name", "must not be empty");
    let rejection = Rejection::from(violations);
    let error = ExecuteError::<Taken>::Rejected { message: "reserve.name", rejection };
    let (response, document) = respond(error.into());
    assert_eq!(response.status(), 422);
    assert_eq!(document["code"], "invalid");
    let expected = json!([
        { "field": "email", "code": "not_an_address", "message": "is not an address" },
        { "field": "name", "message": "must not be empty" },
    ]);
    assert_eq!(document["violations"], expected);

    let error = ExecuteError::<Taken>::Rejected {
        message: "reserve.name",
        rejection: Rejection::invalid("no"),
    };
    assert_eq!(respond(error.into()).1.get("violations"), None);
}

#[tokio::test]
async fn a_handler_of_a_request_returns_it_with_the_requests_id() {
    let taken = || async { Err::<(), _>(Problem::from(ExecuteError::Handler(Taken))) };
    let layer = ContextLayer::new(|_| Ok(Context::system()));
    let server = Server::run(Router::new().route("/me", get(taken)).layer(layer)).await;
    let answer = server.get(&[("x-request-id", "edge-7")]).await;
    assert_eq!((answer.status.as_u16(), &answer.json["detail"]), (409, &json!("it is taken")));
    assert_eq!(answer.json["request_id"], "edge-7");
}
