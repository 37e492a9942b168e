//! Middleware that knows a message can change it, answer it, and run it again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::middleware::{Call, CallError, Middleware, Next, Outcome};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, modules};

fn acme() -> Context {
    Context::for_tenant("acme").expect("valid")
}

/// How often handlers were called.
#[derive(Clone, Default)]
struct Count(Arc<AtomicU32>);

impl Count {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }
}

#[derive(Clone, Command)]
#[command(output = String, error = Conflict)]
struct Rename {
    to: String,
    /// How many runs end with a conflict.
    conflicts: u32,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("conflict {0}")]
struct Conflict(u32);

#[derive(Query)]
#[query(output = usize)]
struct LengthOf {
    name: String,
}

#[derive(Serialize, Deserialize, Event)]
struct Renamed;

#[command_handler(Rename)]
struct RenameHandler {
    count: Count,
}

impl CommandHandler<Rename> for RenameHandler {
    async fn execute(&self, command: Rename, _: &Context) -> Result<String, Conflict> {
        let run = self.count.next();
        if run <= command.conflicts { Err(Conflict(run)) } else { Ok(command.to) }
    }
}

#[query_handler(LengthOf)]
struct LengthOfHandler {
    count: Count,
}

impl QueryHandler<LengthOf> for LengthOfHandler {
    async fn execute(&self, query: LengthOf, _: &Context) -> Result<usize, HandlerError> {
        self.count.next();
        Ok(query.name.len())
    }
}

#[events_handler(Renamed, retry = none)]
struct PrintBadge {
    count: Count,
}

impl EventHandler<Renamed> for PrintBadge {
    async fn handle(&self, _: &Renamed, _: &Context) -> HandlerResult {
        Err(Conflict(self.count.next()).into())
    }
}

fn app(count: &Count, configure: impl FnOnce(AppBuilder) -> AppBuilder) -> TestApp {
    let builder = configure(App::builder().only(modules![self]));
    TestApp::from_builder(builder).provide(count.clone()).build().expect("wired")
}

fn rename(conflicts: u32) -> Rename {
    Rename { to: "Ada".into(), conflicts }
}

#[tokio::test(start_paused = true)]
async fn it_changes_a_message_that_it_names() {
    struct Trim;
    impl Middleware for Trim {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            if let Some(command) = call.message_mut::<Rename>() {
                command.to = command.to.trim().to_owned();
            }
            assert!(call.message_mut::<Renamed>().is_none(), "events have happened");
            next.run(call).await
        }
    }
    let app = app(&Count::default(), |app| app.middleware(Trim));
    let command = Rename { to: " Ada ".into(), conflicts: 0 };
    assert_eq!(app.execute(&acme(), command).await, Ok("Ada".into()));
}

#[tokio::test(start_paused = true)]
async fn it_answers_a_query_from_a_cache() {
    #[derive(Default)]
    struct Cache(Mutex<Option<usize>>);
    impl Middleware for Cache {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let known = *self.0.lock().expect("no panic");
            if let Some(length) = known {
                return call.answer(length);
            }
            next.run(call).await?;
            *self.0.lock().expect("no panic") = call.output().copied();
            Ok(())
        }
    }
    let count = Count::default();
    let app = app(&count, |app| app.middleware(Cache::default()));
    for _ in 0..3 {
        assert_eq!(app.query(&acme(), LengthOf { name: "Ada".into() }).await.expect("known"), 3);
    }
    assert_eq!(count.next(), 2, "the handler was called once");
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_the_place_of_a_failure_and_one_of_the_wrong_type_is_an_error() {
    struct Fallback;
    impl Middleware for Fallback {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let outcome = next.run(call).await;
            match call.error::<Conflict>() {
                Some(Conflict(1)) => call.answer("unchanged".to_owned()),
                Some(_) => call.answer(5_u8),
                None => outcome,
            }
        }
    }
    let app = app(&Count::default(), |app| app.middleware(Fallback));
    assert_eq!(app.execute(&acme(), rename(9)).await, Ok("unchanged".into()));
    let wrong = app.execute(&acme(), rename(9)).await.expect_err("not a text").to_string();
    let expected = "answered `rename` with a `u8`, but its output is `String`";
    assert!(wrong.contains(expected), "{wrong}");
}

/// Runs a command again after a conflict.
struct Again;

impl Middleware for Again {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let Some(command) = call.message::<Rename>().cloned() else {
            return next.run(call).await;
        };
        let outcome = next.clone().run(call).await;
        if call.error::<Conflict>().is_none() {
            return outcome;
        }
        call.set_message(command)?;
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn it_runs_a_command_again_and_the_last_result_counts() {
    for (conflicts, expected) in
        [(0, Ok("Ada".into())), (1, Ok("Ada".into())), (2, Err(ExecuteError::Handler(Conflict(2))))]
    {
        let app = app(&Count::default(), |app| app.middleware(Again));
        assert_eq!(app.execute(&acme(), rename(conflicts)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_another_type_and_a_run_without_a_message_are_errors() {
    struct Wrong;
    impl Middleware for Wrong {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let outcome = next.clone().run(call).await;
            if outcome.is_ok() {
                return next.run(call).await;
            }
            call.set_message(LengthOf { name: String::new() })
        }
    }
    let app = app(&Count::default(), |app| app.middleware(Wrong));
    let wrong = app.execute(&acme(), rename(1)).await.expect_err("a query").to_string();
    assert!(wrong.contains("gave `rename` a message of the wrong type: `LengthOf`"), "{wrong}");
    let taken = app.execute(&acme(), rename(0)).await.expect_err("taken").to_string();
    assert!(taken.contains("the message was taken before"), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_of_an_event_runs_once_in_an_attempt_and_its_error_is_typed() {
    #[derive(Clone, Default)]
    struct Twice(Arc<Mutex<Vec<String>>>);
    impl Middleware for Twice {
        async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
            let first = next.clone().run(call).await;
            let error = call.error::<HandlerError>().and_then(HandlerError::downcast_ref);
            let Some(Conflict(1)) = error else { return first };
            match next.run(call).await {
                Err(CallError::Rejected(second)) => {
                    self.0.lock().expect("no panic").push(second.reason().to_owned());
                }
                other => return other,
            }
            first
        }
    }
    let (count, twice) = (Count::default(), Twice::default());
    let app = app(&count, |app| app.middleware(twice.clone()));
    app.publish(&acme(), Renamed).await.expect("accepted");
    app.settled().await;
    let refused = twice.0.lock().expect("no panic").join("\n");
    assert_eq!(refused, "a middleware ran the handler of an event twice in one attempt");
    assert_eq!(count.next(), 2, "the handler was called once");
    assert!(app.deliveries_to::<PrintBadge>()[0].is_dead_lettered());
}

#[tokio::test(start_paused = true)]
async fn it_can_handle_an_event_in_place_of_the_handler() {
    struct Skip;
    impl Middleware for Skip {
        async fn handle(&self, call: &mut Call<'_>, _: Next<'_>) -> Outcome {
            call.answer(())
        }
    }
    let count = Count::default();
    let app = app(&count, |app| app.middleware(Skip));
    app.publish(&acme(), Renamed).await.expect("accepted");
    app.settled().await;
    assert!(app.deliveries_to::<PrintBadge>()[0].is_handled());
    assert_eq!(count.next(), 1, "the handler was not called");
}
