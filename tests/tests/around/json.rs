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
    let own = error("cqrs.delivery-died", 1, "{}").await;
    assert!(own.starts_with("no event is named `cqrs.delivery-died`; the most"), "{own}");
    let newer = error("json.time.logged", 3, "{}").await;
    let expected =
        "event `json.time.logged` was not published: version 3 is not known, only 1 to 2";
    assert_eq!(newer, expected);
    let none = error("json.time.logged", 0, "{}").await;
    assert_eq!(none, expected.replace('3', "0"));
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

mod commands {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0} is too much")]
    struct TooMuch(u32);

    #[derive(Deserialize, Command)]
    #[command(name = "json.double", output = u32, error = TooMuch, json)]
    struct Double {
        number: u32,
    }

    #[command_handler]
    async fn double(command: Double) -> Result<u32, TooMuch> {
        command.number.checked_mul(2).ok_or(TooMuch(command.number))
    }

    #[derive(Command)]
    #[command(name = "json.secret")]
    struct Secret;

    #[command_handler]
    async fn secret(_: Secret) -> Result<(), HandlerError> {
        Ok(())
    }

    #[tokio::test]
    async fn a_command_that_allows_it_is_executed_by_its_name() {
        let app = App::builder().only(modules![self]).build().expect("wired");
        let ctx = Context::for_tenant("acme").expect("a valid tenant");
        let execute = async |name: &str, json: &str| {
            app.commands().execute_json(&ctx, name, json).await.map_err(|error| error.to_string())
        };
        assert_eq!(execute("json.double", r#"{"number":21}"#).await, Ok(json!(42)));
        let error = execute("json.double", r#"{"number":-1}"#).await.expect_err("negative");
        assert!(
            error.starts_with("command `json.double` was not executed: invalid value"),
            "{error}"
        );
        let error = execute("json.double", r#"{"number":4000000000}"#).await;
        assert_eq!(error.expect_err("too much"), "4000000000 is too much");
        let error = execute("json.secret", "null").await.expect_err("not allowed");
        let expected =
            "command `json.secret` cannot be executed from JSON: add `#[command(json)]` to it";
        assert_eq!(error, expected);
        let error = execute("json.doubel", "{}").await.expect_err("unknown");
        let expected = "no command is named `json.doubel`; the most similar name is `json.double`";
        assert_eq!(error, expected);
        assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
        let late = execute("json.double", r#"{"number":21}"#).await.expect_err("shut down");
        assert!(late.contains("is shut down"), "{late}");
    }
}
