//! Messages by their names, from JSON.

use std::sync::Mutex;

use cqrs_core::bus::PublishJsonError;
use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use cqrs_core::{App, Handler};
use serde_json::{Value, json};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "json.time.logged", version = 2, upcast(1 = hours_to_minutes))]
struct TimeLogged {
    #[event(entity_id)]
    employee_id: u32,
    minutes: u64,
}

fn hours_to_minutes(mut payload: Value) -> Result<Value, String> {
    let hours = payload["hours"].as_u64().ok_or("`hours` is not a whole number")?;
    payload["minutes"] = json!(hours * 60);
    Ok(payload)
}

type Seen = Arc<Mutex<Vec<(u64, String)>>>;

fn app(seen: &Seen, store: bool) -> App {
    let seen = Arc::clone(seen);
    let log = move |event: Published<TimeLogged>, ctx: Context| {
        seen.lock().expect("not poisoned").push((event.minutes, ctx.tenant().to_string()));
        async { Ok(()) }
    };
    let app = App::builder().bare().register(Handler::event_fn("log", log));
    let app = if store { app.store(MemoryStore::new()) } else { app };
    app.payload_limit(100).build().expect("wired")
}

#[tokio::test]
async fn an_event_is_published_by_its_name_in_any_version() {
    for store in [false, true] {
        let seen = Seen::default();
        let app = app(&seen, store);
        app.start().await.expect("started");
        let ctx = Context::for_tenant("acme").expect("a valid tenant");
        let publish = async |version, json| {
            app.events().publish_json(&ctx, "json.time.logged", version, json).await
        };
        publish(2, r#"{"employee_id":7,"minutes":90}"#).await.expect("published");
        publish(1, r#"{"employee_id":7,"hours":2}"#).await.expect("published");
        app.idle().await;
        let seen = seen.lock().expect("not poisoned");
        assert_eq!(*seen, [(90, "acme".to_owned()), (120, "acme".to_owned())]);
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_refused_and_no_handler_sees_it() {
    let seen = Seen::default();
    let app = app(&seen, false);
    let ctx = Context::for_tenant("acme").expect("a valid tenant");
    let events = app.events();
    let error = async |name: &str, version, json: &str| {
        events.publish_json(&ctx, name, version, json).await.expect_err("refused").to_string()
    };

    let unknown = error("json.time.loged\n", 2, "{}").await;
    assert!(
        unknown.starts_with("no event is named `json.time.loged\\n`; the most similar"),
        "{unknown}"
    );
    assert!(error(&"x".repeat(1_000_000), 2, "{}").await.len() < 300);
    let missing = error("json.time.logged", 2, r#"{"employee_id":7}"#).await;
    let expected =
        "event `json.time.logged` was not published: missing field `minutes` at line 1 column 17";
    assert_eq!(missing, expected);
    let newer = error("json.time.logged", 3, "{}").await;
    assert!(newer.contains("this build knows `json.time.logged` up to version 2"), "{newer}");
    assert!(error("json.time.logged", 0, "{}").await.contains("version 0"), "no version 0");
    assert!(error("json.time.logged", 2, "no json").await.contains("expected ident"), "no JSON");
    let large = format!(r#"{{"employee_id":7,"minutes":1{}}}"#, " ".repeat(100));
    let large = events.publish_json(&ctx, "json.time.logged", 2, &large).await;
    let is_too_large =
        matches!(large, Err(PublishJsonError::Refused(PublishError::TooLarge { limit: 100, .. })));
    assert!(is_too_large, "{large:?}");

    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
    assert!(seen.lock().expect("not poisoned").is_empty());
    let late = events.publish_json(&ctx, "json.time.logged", 2, "{}").await;
    assert!(matches!(late, Err(PublishJsonError::Refused(PublishError::ShutDown { .. }))));
}
