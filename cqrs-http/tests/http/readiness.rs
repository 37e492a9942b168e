//! The layer around a service that takes a request only once it has said that it is ready.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::task::{self, Poll};

use axum::http::{Request, Response};
use cqrs_core::Context;
use cqrs_http::ContextLayer;
use tower::{Layer as _, Service};

/// As tower's limits do.
#[derive(Debug, Default)]
struct Strict {
    is_ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<String>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        ready(Ok(Response::new(request.into_body())))
    }
}

#[tokio::test]
async fn the_service_that_said_it_is_ready_is_the_one_that_is_called() {
    let layer = ContextLayer::new(|_| Ok(Context::system()));
    let mut service = layer.layer(Strict::default());
    for _ in 0..2 {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("ready");
        let answer = service.call(Request::new("echo".to_owned())).await.expect("an answer");
        assert_eq!(answer.body(), "echo");
    }
}
