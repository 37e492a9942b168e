//! Commands that are attempted again.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::handler::{HandlerOptions, HandlerSettings};
use cqrs_core::log::StoreError;
use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_core::{Handler, RetryPolicy};
use cqrs_tests::ledger::{Conflict, Ledger, LedgerTransaction};
use tokio::time::Instant;

#[derive(Debug, Clone, PartialEq, Eq)]
enum DialError {
    Busy,
    Unknown,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for DialError {}

impl DialError {
    fn is_busy(&self) -> bool {
        *self == Self::Busy
    }
}

/// The errors of the first attempts.
#[derive(Clone, Command)]
#[command(output = u32, error = DialError)]
struct Dial(Vec<DialError>);

#[command_handler(Dial, retry(waits = ["1s", "10s"], when = DialError::is_busy), timeout = "1m")]
struct Telephone {
    attempts: Arc<AtomicU32>,
}

impl CommandHandler<Dial> for Telephone {
    async fn execute(&self, Dial(errors): Dial, _: &Context) -> Result<u32, DialError> {
        let before = self.attempts.fetch_add(1, SeqCst);
        errors.into_iter().nth(before as usize).map_or(Ok(before + 1), Err)
    }
}

#[derive(Debug, Serialize, Deserialize, Event)]
struct PageFiled {
    #[event(entity_id)]
    attempt: u32,
}

/// How an attempt to file a page fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// A conflict, reported by the database while the handler writes.
    Statement,
    /// A conflict, reported by the database at the commit.
    Commit,
    /// An error of the handler itself.
    Own,
    /// It is unknown whether the commit happened.
    Lost,
}

#[derive(Clone, Command)]
#[command(output = u32)]
struct FilePage(&'static [Failing]);

#[command_handler(FilePage, transactional, retry(attempts = 3, backoff = "10ms"))]
struct Cabinet {
    events: EventBus,
    attempts: Arc<AtomicU32>,
}

impl TransactionalCommandHandler<FilePage> for Cabinet {
    type Transaction = LedgerTransaction;

    async fn execute(
        &self,
        FilePage(failing): FilePage,
        tx: &mut LedgerTransaction,
        ctx: &Context,
    ) -> Result<u32, HandlerError> {
        let attempt = self.attempts.fetch_add(1, SeqCst) + 1;
        tx.write(format!("attempt {attempt}"));
        self.events.publish(ctx, PageFiled { attempt }).await?;
        match failing.get(attempt as usize - 1) {
            Some(Failing::Statement) => {
                return Err(StoreError::Unavailable(Conflict.into()).into());
            }
            Some(Failing::Own) => return Err(HandlerError::msg("no such drawer")),
            Some(Failing::Commit) => tx.fail_to_commit(StoreError::Unavailable(Conflict.into())),
            Some(Failing::Lost) => tx.fail_to_commit(StoreError::Unavailable("cut off".into())),
            None => {}
        }
        Ok(attempt)
    }
}

/// Keeps what was filed.
#[events_handler(PageFiled)]
struct Index {
    filed: Arc<AtomicU32>,
}

impl EventHandler<PageFiled> for Index {
    async fn handle(&self, event: &PageFiled, _: &Context) -> HandlerResult {
        self.filed.fetch_add(event.attempt, SeqCst);
        Ok(())
    }
}

struct Office {
    app: App,
    ledger: Ledger,
    numbers: Arc<AtomicU32>,
}

/// The handlers share one number: the number of attempts, to which the numbers of the events are added.
fn office() -> Office {
    office_with(HandlerSettings::default())
}

fn office_with(settings: HandlerSettings) -> Office {
    let (ledger, numbers) = (Ledger::default(), Arc::<AtomicU32>::default());
    let app = App::builder().only(modules![self]).store(ledger.clone()).settings(settings);
    let app = app.provide(Arc::clone(&numbers)).build().expect("wired");
    Office { app, ledger, numbers }
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

#[tokio::test(start_paused = true)]
async fn a_command_is_attempted_again_after_the_errors_that_are_named() {
    use DialError::{Busy, Unknown};
    for (errors, result, attempts, seconds) in [
        (vec![], Ok(1), 1, 0),
        (vec![Busy], Ok(2), 2, 1),
        (vec![Busy, Busy], Ok(3), 3, 11),
        (vec![Busy, Busy, Busy], Err(Busy), 3, 11),
        (vec![Unknown], Err(Unknown), 1, 0),
        (vec![Busy, Unknown], Err(Unknown), 2, 1),
    ] {
        let office = office();
        let began = Instant::now();
        let executed = office.app.commands().execute(&acme(), Dial(errors)).await;
        assert_eq!(executed, result.map_err(ExecuteError::Handler));
        assert_eq!(office.numbers.load(SeqCst), attempts);
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_of_a_closure_is_attempted_again_after_the_errors_that_are_named() {
    use DialError::{Busy, Unknown};
    let waits = RetryPolicy::waits(&[Duration::from_secs(1), Duration::from_secs(10)]);
    for (errors, result, seconds) in [
        (vec![Busy, Busy], Ok(3), 11),
        (vec![Busy; 3], Err(Busy), 11),
        (vec![Unknown], Err(Unknown), 0),
    ] {
        let attempts = Arc::<AtomicU32>::default();
        let dial =
            Handler::retried_command_fn("dial", DialError::is_busy, move |Dial(errors), _| {
                let before = attempts.fetch_add(1, SeqCst);
                async move { errors.into_iter().nth(before as usize).map_or(Ok(before + 1), Err) }
            });
        let dial = dial.options(HandlerOptions::DEFAULT.retry(waits));
        let app = App::builder().bare().register(dial).build().expect("wired");
        let began = Instant::now();
        let executed = app.execute(&acme(), Dial(errors)).await;
        assert_eq!(executed, result.map_err(ExecuteError::Handler));
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_deadline() {
    let settings = serde_json::from_str(r#"{"telephone": {"timeout": "5s"}}"#).expect("valid");
    let office = office_with(settings);
    let command = Dial(vec![DialError::Busy; 3]);
    let executed = office.app.commands().execute(&acme(), command).await;
    assert_eq!(executed, Err(ExecuteError::Handler(DialError::Busy)));
    assert_eq!(office.numbers.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_in_the_database_leads_to_another_transaction_and_nothing_is_left_of_the_first()
{
    for failing in [&[Failing::Statement, Failing::Commit][..], &[Failing::Commit]] {
        let office = office();
        office.app.start().await.expect("started");
        let executed = office.app.commands().execute(&acme(), FilePage(failing)).await;
        let attempts = u32::try_from(failing.len()).expect("few") + 1;
        assert_eq!(executed.expect("executed"), attempts);
        office.app.idle().await;
        assert_eq!(office.ledger.lines(), [format!("attempt {attempts}")]);
        // Only the event of the last attempt was published.
        assert_eq!(office.numbers.load(SeqCst), attempts + attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn other_errors_and_a_commit_that_may_have_happened_lead_to_no_other_attempt() {
    for failing in [&[Failing::Own][..], &[Failing::Lost], &[Failing::Commit; 9]] {
        let office = office();
        office.app.start().await.expect("started");
        let executed = office.app.commands().execute(&acme(), FilePage(failing)).await;
        match failing[0] {
            Failing::Own => assert!(matches!(executed, Err(ExecuteError::Handler(_)))),
            _ => assert!(matches!(executed, Err(ExecuteError::Rejected { .. })), "{executed:?}"),
        }
        office.app.idle().await;
        assert_eq!(office.ledger.lines(), [""; 0]);
        let attempts = if failing.len() > 1 { 3 } else { 1 };
        assert_eq!(office.numbers.load(SeqCst), attempts);
    }
}

#[test]
fn the_description_shows_which_commands_are_retried() {
    let description = office().app.describe();
    let page = description.render(cqrs_core::describe::Format::Markdown);
    assert!(page.contains("3 attempts, waits 1s, 10s, time-out 1m"), "{page}");
    assert!(
        page.contains("3 attempts, back-off 10ms to 30s, time-out 30s, transactional"),
        "{page}"
    );
}
