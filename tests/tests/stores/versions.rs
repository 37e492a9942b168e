//! What becomes of events when a build with another version of their payload reads them.

use std::sync::{Arc, Mutex};

use cqrs_core::Handler;
use cqrs_core::operations::DeliveryFilter;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use serde_json::{Value, json};

use crate::applications::{app, beginning, ctx, idle, stop};
use crate::harness::Harness;
use crate::support::{dead_of, eventually, subscribe};

/// The event in an old build.
mod before {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "time.logged", entity = "Employee", action = "logged time")]
    pub(super) struct TimeLogged {
        #[event(entity_id)]
        pub(super) employee: u32,
        pub(super) hours: i64,
    }
}

/// The event in a new build.
mod after {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "time.logged", entity = "Employee", action = "logged time")]
    #[event(version = 3, upcast(1 = in_minutes, 2 = Self::with_id))]
    pub(super) struct TimeLogged {
        #[event(entity_id)]
        pub(super) employee_id: u32,
        pub(super) minutes: i64,
    }

    fn in_minutes(mut payload: Value) -> Result<Value, HandlerError> {
        let hours = payload["hours"].as_i64().expect("a whole number");
        let minutes = hours.checked_mul(60).ok_or_else(|| HandlerError::new("that is too long"))?;
        assert!(minutes >= 0, "nobody works less than nothing");
        payload["minutes"] = json!(minutes);
        Ok(payload)
    }

    impl TimeLogged {
        fn with_id(mut payload: Value) -> Value {
            payload["employee_id"] = payload["employee"].take();
            payload
        }
    }
}

/// Employees with their numbers, in the order in which a handler has seen them.
type Seen = Arc<Mutex<Vec<(u32, i64)>>>;

fn noting<E: Event>(seen: &Seen, number: fn(&E) -> (u32, i64)) -> HandlerRegistration {
    let seen = Arc::clone(seen);
    let handler = Handler::event_fn("note", move |event: Published<E>, _| {
        seen.lock().unwrap().push(number(&event));
        async { Ok(()) }
    });
    handler.options(beginning())
}

fn noting_before(seen: &Seen) -> HandlerRegistration {
    noting(seen, |event: &before::TimeLogged| (event.employee, event.hours))
}

fn noting_after(seen: &Seen) -> HandlerRegistration {
    noting(seen, |event: &after::TimeLogged| (event.employee_id, event.minutes))
}

async fn publish_before(app: &App, hours: impl IntoIterator<Item = i64>) {
    let events = hours.into_iter().map(|hours| before::TimeLogged { employee: 7, hours });
    app.events().publish_all(&ctx(), events).await.unwrap();
}

async fn publish_after(app: &App, minutes: i64) {
    let event = after::TimeLogged { employee_id: 7, minutes };
    app.events().publish(&ctx(), event).await.unwrap();
}

/// The versions and the errors of the dead letters, when there are so many.
async fn dead(harness: &impl Harness, count: usize) -> Vec<(u32, String)> {
    let [note] = subscribe(&*harness.store(), ["note"]).await;
    let mut dead = Vec::new();
    eventually("there are dead letters", async || {
        dead = dead_of(&*harness.store(), note).await;
        dead.len() == count
    })
    .await;
    dead.into_iter().map(|dead| (dead.event.event.version, dead.error)).collect()
}

pub(crate) async fn an_event_of_an_older_version_reaches_its_handler_in_the_current_form(
    harness: impl Harness,
) {
    let old = app(harness.another().await, []).await;
    let many = (1 << 53) + 1;
    publish_before(&old, [1, 2, many]).await;
    stop(old).await;

    let seen = Seen::default();
    let app = app(harness.another().await, [noting_after(&seen)]).await;
    publish_after(&app, 45).await;
    idle(&app).await;
    assert_eq!(*seen.lock().unwrap(), [(7, 60), (7, 120), (7, many * 60), (7, 45)]);
    stop(app).await;
}

pub(crate) async fn an_event_that_cannot_be_upcast_is_a_dead_letter_with_the_reason(
    harness: impl Harness,
) {
    let old = app(harness.another().await, []).await;
    publish_before(&old, [i64::MAX, -1, 3]).await;
    stop(old).await;

    let seen = Seen::default();
    let app = app(harness.another().await, [noting_after(&seen)]).await;
    let step = "the event cannot be read: its upcast from version 1 to 2";
    let expected = [
        (1, format!("{step}: that is too long")),
        (1, format!("{step}: a panic: nobody works less than nothing")),
    ];
    assert_eq!(dead(&harness, 2).await, expected);
    idle(&app).await;
    assert_eq!(*seen.lock().unwrap(), [(7, 180)]);
    stop(app).await;
}

pub(crate) async fn an_event_of_a_newer_version_waits_for_a_build_that_knows_it(
    harness: impl Harness,
) {
    let new = app(harness.another().await, []).await;
    publish_after(&new, 45).await;
    stop(new).await;

    let seen = Seen::default();
    let old = app(harness.another().await, [noting_before(&seen)]).await;
    publish_before(&old, [1]).await;
    let parked = async |app: &App| app.operations().failed(&DeliveryFilter::all()).await.unwrap();
    eventually("it is parked", async || parked(&old).await.len() == 1).await;
    idle(&old).await;
    assert_eq!(*seen.lock().unwrap(), [(7, 1)]);
    let waiting = parked(&old).await.remove(0);
    let reason = "the event cannot be read: it has version 3, and this build knows `time.logged` up \
                  to version 1; it waits for a build that knows version 3";
    assert_eq!((waiting.event.version(), &*waiting.error), (3, reason));
    stop(old).await;

    let new = app(harness.another().await, [noting_after(&seen)]).await;
    idle(&new).await;
    assert_eq!(*seen.lock().unwrap(), [(7, 1), (7, 45)]);
    assert_eq!(parked(&new).await.len(), 0);
    stop(new).await;
}
