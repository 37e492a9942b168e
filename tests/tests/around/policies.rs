//! Options of handlers for deliveries that fail or are late.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::handler::{DeadLetters, ErrorType};
use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, HandlerOptions, Published, RetryPolicy};
use tokio::time::Instant;

#[derive(Debug, Serialize, Deserialize, Event)]
struct LetterWritten {
    #[event(entity_id)]
    letter: u32,
}

#[derive(Debug)]
struct InvalidAddress;

impl fmt::Display for InvalidAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no such street")
    }
}

impl Error for InvalidAddress {}

#[events_handler(
    LetterWritten,
    name = "post",
    retry(waits = ["1s", "10s", "1m"], never = [InvalidAddress]),
    dead_letters = "discard"
)]
struct Post;

impl EventHandler<LetterWritten> for Post {
    async fn handle(&self, event: &LetterWritten, _: &Context) -> HandlerResult {
        match event.letter {
            0 => Err(InvalidAddress.into()),
            1 => Err(HandlerError::msg("it rains")),
            2 => Err(HandlerError::msg("it burned").permanent()),
            _ => Ok(()),
        }
    }
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

/// In memory, and with a store.
fn builders() -> [AppBuilder; 2] {
    let bare = || App::builder().bare();
    [bare(), bare().store(MemoryStore::default())]
}

/// A handler that always fails.
fn failing(options: HandlerOptions) -> HandlerRegistration {
    let handler = Handler::event_fn("post", |_: Published<LetterWritten>, _| async {
        Err(HandlerError::new(InvalidAddress))
    });
    handler.options(options)
}

#[tokio::test(start_paused = true)]
async fn waits_are_made_exactly_as_they_are_listed() {
    let app = TestApp::builder().only::<Post>().build().expect("wired");
    app.expect_failures();
    let mut failures = app.failures();
    app.publish(&acme(), LetterWritten { letter: 1 }).await.expect("accepted");
    let (began, mut at) = (Instant::now(), Vec::new());
    for _ in 0..4 {
        let failure = failures.recv().await.expect("the application lives").expect("not slow");
        assert_eq!(failure.max_attempts, 4);
        at.push(began.elapsed().as_secs());
    }
    assert_eq!(at, [0, 1, 11, 71]);
    app.settled().await;
}

#[tokio::test(start_paused = true)]
async fn exponential_waits_without_jitter_are_exact() {
    let second = Duration::from_secs(1);
    let retry = RetryPolicy::exponential(4, second, 3 * second).without_jitter();
    let handler = failing(HandlerOptions::DEFAULT.retry(retry));
    let app = TestApp::from_builder(App::builder().bare()).register(handler).build().expect("ok");
    let began = Instant::now();
    app.expect_failures();
    app.publish(&acme(), LetterWritten { letter: 1 }).await.expect("accepted");
    app.settled().await;
    assert_eq!(began.elapsed().as_secs(), 1 + 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_named_type_are_permanent_and_others_are_not() {
    let app = TestApp::builder().only::<Post>().build().expect("wired");
    for letter in 0..4 {
        app.publish(&acme(), LetterWritten { letter }).await.expect("accepted");
    }
    app.settled().await;
    let attempts = |letter| {
        let deliveries = app.deliveries_to::<Post>();
        let is_it = |event: &LetterWritten| event.letter == letter;
        let of_letter =
            deliveries.into_iter().find(|it| it.event.downcast_ref().is_some_and(is_it));
        of_letter.expect("it was delivered").attempts.len()
    };
    assert_eq!([0, 1, 2, 3].map(attempts), [1, 4, 1, 1]);
    assert_eq!(app.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn a_discarded_delivery_leaves_no_dead_letter_and_the_next_one_follows() {
    for builder in builders() {
        let options = HandlerOptions::DEFAULT
            .retry(RetryPolicy::waits(&[Duration::from_millis(1)]))
            .never_retry(const { &[ErrorType::of::<std::num::ParseIntError>()] });
        let discarding = failing(options.dead_letters(DeadLetters::Discard));
        let keeping = Handler::event_fn("keep", |_: Published<LetterWritten>, _| async {
            Err(HandlerError::msg("no").permanent())
        });
        let app = TestApp::from_builder(builder).register(discarding).register(keeping);
        let app = app.build().expect("wired");
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let event = LetterWritten { letter: 1 };
            outcomes.extend(app.events().publish_and_wait(&acme(), event).await.expect("accepted"));
        }
        app.settled().await;
        let attempts: Vec<_> = outcomes.iter().map(|it| (&*it.handler, it.attempts)).collect();
        assert_eq!(attempts, [("keep", 1), ("post", 2), ("keep", 1), ("post", 2)]);
        assert!(outcomes.iter().all(|outcome| !outcome.is_ok()));
        let dead: Vec<_> = app.dead_letters().await.into_iter().map(|it| it.handler).collect();
        assert_eq!(dead.iter().map(|it| &**it).collect::<Vec<_>>(), ["keep", "keep"]);
        assert!(app.deliveries_to_named("post").iter().all(|it| !it.is_handled()));
    }
}

#[tokio::test]
async fn an_event_that_is_too_old_is_not_attempted() {
    let limit = Duration::from_hours(1);
    for builder in builders() {
        let is_attempted = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&is_attempted);
        let handler = Handler::event_fn("post", move |_: Published<LetterWritten>, _| {
            note.store(true, SeqCst);
            async { Ok(()) }
        });
        let options = HandlerOptions::DEFAULT.deliver_within(limit);
        let app = TestApp::from_builder(builder).register(handler.options(options));
        let app = app.build().expect("wired");
        app.start().await.expect("started");
        app.handler("post").expect("it is there").pause();
        app.publish(&acme(), LetterWritten { letter: 1 }).await.expect("accepted");
        app.advance(2 * limit).await;
        app.handler("post").expect("it is there").resume();
        app.settled().await;

        assert!(!is_attempted.load(SeqCst));
        let dead = app.dead_letters().await;
        let [dead] = &dead[..] else { panic!("{dead:?}") };
        assert_eq!(dead.attempts, 0);
        assert!(dead.error.starts_with("expired: the event is "), "{}", dead.error);
        assert!(dead.error.ends_with(" old, and is to be delivered within 1h"), "{}", dead.error);
    }
}

#[tokio::test]
async fn an_event_that_is_too_old_for_another_attempt_is_discarded() {
    let limit = Duration::from_hours(1);
    for builder in builders() {
        let options = HandlerOptions::DEFAULT
            .retry(RetryPolicy::waits(&[limit / 2; 9]))
            .dead_letters(DeadLetters::Discard)
            .deliver_within(limit);
        let app = TestApp::from_builder(builder).register(failing(options));
        let app = app.build().expect("wired");
        let mut failures = app.failures();
        app.publish(&acme(), LetterWritten { letter: 1 }).await.expect("accepted");
        failures.recv().await.expect("the application lives").expect("not slow");
        app.advance(2 * limit).await;
        app.settled().await;
        let deliveries = app.deliveries_to_named("post");
        let errors: Vec<_> =
            deliveries[0].attempts.iter().flatten().map(ToString::to_string).collect();
        let [first, second] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!(first, "there is no such street");
        assert!(second.starts_with("expired: "), "{second}");
        assert_eq!(app.dead_letters().await.len(), 0);
    }
}
