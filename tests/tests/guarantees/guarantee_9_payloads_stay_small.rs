//! A payload over the limit is refused, with an error that names the event and its size; so is one that is
//! nested so deeply that nobody could read it back.

use std::collections::HashMap;

use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AnyEvent, AppBuilder, modules};

use crate::support::acme;

#[derive(Serialize, Deserialize, Event)]
struct DocumentUploaded {
    #[event(entity_id)]
    id: u32,
    body: String,
}

#[derive(Serialize, Deserialize, Event)]
struct Unwritable {
    by_pair: HashMap<(u32, u32), u32>,
}

#[derive(Serialize, Deserialize, Event)]
struct FormSubmitted {
    answers: serde_json::Value,
}

#[events_handler(DocumentUploaded, Unwritable, FormSubmitted)]
struct Index;

impl<E: Event> EventHandler<E> for Index {
    async fn handle(&self, _: &E, _: &Context) -> HandlerResult {
        Ok(())
    }
}

fn app(limit: usize) -> TestApp {
    let app = App::builder().only(modules![self]).payload_limit(limit);
    TestApp::from_builder(app).build().expect("wired")
}

fn document(bytes: usize) -> DocumentUploaded {
    let frame = r#"{"id":1,"body":""}"#.len();
    DocumentUploaded { id: 1, body: "x".repeat(bytes - frame) }
}

#[tokio::test(start_paused = true)]
async fn a_payload_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() {
    assert_eq!(AppBuilder::DEFAULT_PAYLOAD_LIMIT, 64 * 1024);
    let app = app(AppBuilder::DEFAULT_PAYLOAD_LIMIT);
    app.publish(&acme(), document(AppBuilder::DEFAULT_PAYLOAD_LIMIT))
        .await
        .expect("just small enough");
    let refused = app.publish(&acme(), document(AppBuilder::DEFAULT_PAYLOAD_LIMIT + 1)).await;
    let error = refused.expect_err("one byte too many");
    assert!(matches!(
        error,
        PublishError::TooLarge { event: "document.uploaded", size: 65_537, limit: 65_536 }
    ));
    let text = error.to_string();
    assert!(text.contains("`document.uploaded`") && text.contains("65537 bytes"), "{text}");
    app.settled().await;
    assert_eq!(app.deliveries_to::<Index>().len(), 1, "the refused one reached nobody");
}

#[tokio::test(start_paused = true)]
async fn one_payload_that_is_too_large_stops_all_events_published_with_it() {
    let app = app(100);
    let refused = app.events().publish_all(&acme(), [document(50), document(101)]).await;
    assert!(matches!(refused, Err(PublishError::TooLarge { size: 101, .. })));
    assert!(app.published::<DocumentUploaded>().is_empty());
    let ids = app.events().publish_all(&acme(), [document(50), document(100)]).await;
    assert_eq!(ids.expect("both are small").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_has_no_json_form_is_refused_before_anybody_sees_it() {
    let app = app(AppBuilder::DEFAULT_PAYLOAD_LIMIT);
    let event = Unwritable { by_pair: HashMap::from([((1, 2), 3)]) };
    let refused = app.publish(&acme(), event).await;
    assert!(matches!(refused, Err(PublishError::Unserializable { event: "unwritable", .. })));
    app.settled().await;
    assert!(app.deliveries_to::<Index>().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_could_not_be_read_back_is_refused() {
    let app = app(AppBuilder::DEFAULT_PAYLOAD_LIMIT);
    let form = |depth: usize| {
        let answers = "[".repeat(depth) + &"]".repeat(depth);
        FormSubmitted { answers: serde_json::from_str(&answers).expect("JSON") }
    };
    // The event itself is one level.
    app.publish(&acme(), form(AnyEvent::MAX_PAYLOAD_DEPTH - 1)).await.expect("just flat enough");
    let text = app.published::<FormSubmitted>()[0].as_any().payload().expect("JSON").to_string();
    serde_json::from_str::<FormSubmitted>(&text).expect("it is read back");

    // As a client can send it.
    for depth in [AnyEvent::MAX_PAYLOAD_DEPTH, 127] {
        let error = app.publish(&acme(), form(depth)).await.expect_err("too deep");
        assert!(matches!(error, PublishError::TooDeep { event: "form.submitted", limit: 100 }));
        assert!(error.to_string().contains("`form.submitted`"), "{error}");
    }
    app.settled().await;
    assert_eq!(app.deliveries_to::<Index>().len(), 1, "the refused ones reached nobody");
}
