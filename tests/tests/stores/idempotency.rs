//! Commands that are executed once for each idempotency key.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cqrs_core::context::IdempotencyKey;
use cqrs_core::handler::HandlerOptions;
use cqrs_core::log::{Store, StoreError};
use cqrs_core::middleware::RejectionKind;
use cqrs_core::prelude::*;
use cqrs_core::registry::{HandlerRegistration, Source};
use cqrs_core::services::{Dependency, Services};
use cqrs_core::{AppBuilder, RetryPolicy};
use cqrs_tests::intercepted::{Call, Intercepted, Interceptor};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::applications::{started, stop};
use crate::harness::Harness;
use crate::support::{eventually, read_all};

/// What a client gets; each execution has a number of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Receipt {
    call: u32,
    note: String,
}

#[derive(Debug, Clone, Serialize, Command)]
#[command(output = Receipt, idempotent)]
struct Pay(&'static str);

#[derive(Debug, Clone, Serialize, Command)]
#[command(output = Receipt, idempotent)]
struct Refund(&'static str);

#[derive(Debug, Serialize, Deserialize, Event)]
struct Booked {
    #[event(entity_id)]
    call: u32,
}

/// What the handlers of a test do, and have done.
#[derive(Default)]
struct Desk {
    calls: AtomicU32,
    /// How the next call ends, after it has published.
    fails: AtomicBool,
    panics: AtomicBool,
    hangs: AtomicBool,
}

/// Books a payment or refund, in a transaction of type `T`.
struct Teller<T> {
    desk: Arc<Desk>,
    events: EventBus,
    transaction: PhantomData<fn(T)>,
}

impl<T: Send + 'static> Injectable for Teller<T> {
    fn dependencies() -> Vec<Dependency> {
        vec![Dependency::of::<Arc<Desk>>("desk"), Dependency::of::<EventBus>("events")]
    }

    fn inject(services: &Services) -> Self {
        let (desk, events) = (services.get().unwrap(), services.get().unwrap());
        Self { desk, events, transaction: PhantomData }
    }
}

impl<T> Teller<T> {
    async fn book(&self, note: &str, ctx: &Context) -> Result<Receipt, HandlerError> {
        let call = self.desk.calls.fetch_add(1, SeqCst) + 1;
        self.events.publish(ctx, Booked { call }).await?;
        assert!(!self.desk.panics.swap(false, SeqCst), "the desk collapses");
        if self.desk.hangs.swap(false, SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.desk.fails.swap(false, SeqCst) {
            return Err(HandlerError::new("not now"));
        }
        Ok(Receipt { call, note: note.to_owned() })
    }
}

impl<T: Send + 'static> TransactionalCommandHandler<Pay> for Teller<T> {
    type Transaction = T;

    async fn execute(
        &self,
        Pay(note): Pay,
        _: &mut T,
        ctx: &Context,
    ) -> Result<Receipt, HandlerError> {
        self.book(note, ctx).await
    }
}

impl<T: Send + 'static> TransactionalCommandHandler<Refund> for Teller<T> {
    type Transaction = T;

    async fn execute(
        &self,
        Refund(note): Refund,
        _: &mut T,
        ctx: &Context,
    ) -> Result<Receipt, HandlerError> {
        self.book(note, ctx).await
    }
}

const SOURCE: Source = Source::new(file!(), line!(), module_path!());

/// `Refund` is attempted again after an error.
fn builder<H: Harness>(store: Arc<dyn Store>, desk: &Arc<Desk>) -> AppBuilder {
    const AGAIN: fn(&HandlerError) -> bool = |_| true;
    let options = HandlerOptions::DEFAULT;
    let pay = HandlerRegistration::transactional_command::<Teller<H::Transaction>, Pay>(
        "pay", SOURCE, options,
    );
    let retry = RetryPolicy::exponential(3, Duration::from_millis(1), Duration::from_millis(1));
    let refund = HandlerRegistration::retried_transactional_command::<Teller<H::Transaction>, Refund>(
        "refund",
        SOURCE,
        HandlerOptions::DEFAULT.retry(retry),
        Some(&AGAIN),
    );
    let app = App::builder().bare().shared_store(store).provide(Arc::clone(desk));
    app.register(pay).register(refund)
}

async fn app<H: Harness>(store: Arc<dyn Store>) -> (App, Arc<Desk>) {
    let desk = Arc::<Desk>::default();
    (started(builder::<H>(store, &desk)).await, desk)
}

/// Of `acme`, with this key.
fn keyed(key: &str) -> Context {
    of("acme", key)
}

fn of(tenant: &str, key: &str) -> Context {
    let key = IdempotencyKey::new(key).unwrap();
    Context::for_tenant(tenant).unwrap().with_idempotency_key(key)
}

/// The calls whose event is in the log.
async fn booked(store: &dyn Store) -> Vec<String> {
    let logged = read_all(store).await.into_iter();
    logged.map(|logged| logged.event.entity_id.unwrap()).collect()
}

pub(crate) async fn a_second_request_gets_the_output_of_the_first_one<H: Harness>(mut harness: H) {
    let (one, desk) = app::<H>(harness.store()).await;
    let first = one.execute(&keyed("k"), Pay("rent")).await.unwrap();
    assert_eq!(first, Receipt { call: 1, note: "rent".to_owned() });
    assert_eq!(one.execute(&keyed("k"), Pay("rent")).await.unwrap(), first);
    let (other, other_desk) = app::<H>(harness.another().await).await;
    assert_eq!(other.execute(&keyed("k"), Pay("rent")).await.unwrap(), first);
    stop(one).await;
    stop(other).await;

    harness.reopen().await;
    let (later, later_desk) = app::<H>(harness.store()).await;
    assert_eq!(later.execute(&keyed("k"), Pay("rent")).await.unwrap(), first);
    let calls = [desk, other_desk, later_desk].map(|desk| desk.calls.load(SeqCst));
    assert_eq!(calls, [1, 0, 0]);
    eventually("the event is there", async || !booked(&*harness.store()).await.is_empty()).await;
    assert_eq!(booked(&*harness.store()).await, ["1"]);
    stop(later).await;
}

pub(crate) async fn of_requests_at_the_same_time_one_is_executed<H: Harness>(harness: H) {
    let desk = Arc::<Desk>::default();
    let mut apps = Vec::new();
    for store in [harness.store(), harness.another().await] {
        apps.push(started(builder::<H>(store, &desk)).await);
    }
    for key in ["1", "2", "3"] {
        let before = desk.calls.load(SeqCst);
        let ctx = keyed(key);
        let requests = (0..6).map(|number| apps[number % 2].execute(&ctx, Refund("coat")));
        for receipt in join_all(requests).await {
            assert_eq!(receipt.unwrap().call, before + 1);
        }
        assert_eq!(desk.calls.load(SeqCst), before + 1);
    }
    for app in apps {
        stop(app).await;
    }
}

pub(crate) async fn a_key_is_of_one_tenant_one_actor_and_one_command<H: Harness>(harness: H) {
    let (app, desk) = app::<H>(harness.store()).await;
    let system = Context::system().with_idempotency_key(IdempotencyKey::new("k").unwrap());
    let ada = keyed("k").with_actor(Actor::user("ada"));
    let bob = keyed("k").with_actor(Actor::user("bob"));
    let requests = [keyed("k"), keyed("K"), of("globex", "k"), system, ada, bob];
    let mut calls = Vec::new();
    for ctx in requests.iter().chain(&requests) {
        calls.push(app.execute(ctx, Pay("rent")).await.unwrap().call);
    }
    assert_eq!(calls, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
    assert_eq!(app.execute(&keyed("k"), Refund("rent")).await.unwrap().call, 7);
    let without = Context::for_tenant("acme").unwrap();
    for call in [8, 9] {
        assert_eq!(app.execute(&without, Pay("rent")).await.unwrap().call, call);
    }
    assert_eq!(desk.calls.load(SeqCst), 9);
    stop(app).await;
}

pub(crate) async fn a_key_with_other_content_is_refused<H: Harness>(harness: H) {
    let (app, desk) = app::<H>(harness.store()).await;
    let first = app.execute(&keyed("k"), Pay("rent")).await.unwrap();
    let error = app.execute(&keyed("k"), Pay("a car")).await.unwrap_err();
    let ExecuteError::Rejected { rejection, .. } = &error else { panic!("{error}") };
    assert_eq!((rejection.kind(), error.error_type()), (RejectionKind::KeyReused, "key_reused"));
    assert!(error.to_string().contains("send a new key with each new request"), "{error}");
    assert_eq!(app.execute(&keyed("k"), Pay("rent")).await.unwrap(), first);
    assert_eq!(desk.calls.load(SeqCst), 1);
    stop(app).await;
}

pub(crate) async fn a_request_that_failed_can_be_sent_again<H: Harness>(harness: H) {
    let (app, desk) = app::<H>(harness.store()).await;
    desk.fails.store(true, SeqCst);
    let failed = app.execute(&keyed("k"), Pay("rent")).await;
    assert!(matches!(failed, Err(ExecuteError::Handler(_))), "{failed:?}");
    desk.panics.store(true, SeqCst);
    let panicked = app.execute(&keyed("k"), Pay("rent")).await;
    assert!(matches!(panicked, Err(ExecuteError::Panicked { .. })), "{panicked:?}");
    desk.hangs.store(true, SeqCst);
    let soon = keyed("k").with_timeout(Duration::from_millis(300));
    let timed_out = app.execute(&soon, Pay("rent")).await;
    assert!(matches!(timed_out, Err(ExecuteError::TimedOut { .. })), "{timed_out:?}");
    // Not even the content is the same.
    for _ in 0..2 {
        assert_eq!(app.execute(&keyed("k"), Pay("a car")).await.unwrap().call, 4);
    }
    eventually("the event is there", async || !booked(&*harness.store()).await.is_empty()).await;
    assert_eq!(booked(&*harness.store()).await, ["4"]);
    stop(app).await;
}

pub(crate) async fn the_output_of_the_last_attempt_is_kept<H: Harness>(harness: H) {
    let (app, desk) = app::<H>(harness.store()).await;
    desk.fails.store(true, SeqCst);
    for _ in 0..2 {
        assert_eq!(app.execute(&keyed("k"), Refund("coat")).await.unwrap().call, 2);
    }
    stop(app).await;
}

/// Lets commits of transactions wait.
#[derive(Debug, Clone)]
struct AtCommit {
    waiting: Arc<AtomicU32>,
    may_commit: Arc<Semaphore>,
}

impl Interceptor for AtCommit {
    async fn before(&self, call: Call) -> Result<(), StoreError> {
        if call == Call::Commit {
            self.waiting.fetch_add(1, SeqCst);
            self.may_commit.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}

/// As if the process had been killed between the commit and the answer: the output is there with the effects.
pub(crate) async fn a_client_that_left_at_the_commit_gets_the_output<H: Harness>(harness: H) {
    let at_commit = AtCommit { waiting: Arc::default(), may_commit: Arc::new(Semaphore::new(0)) };
    let store = Intercepted::new(harness.store(), at_commit);
    let (app, desk) = app::<H>(Arc::new(store.clone())).await;
    let executing = tokio::spawn({
        let app = app.clone();
        async move { app.execute(&keyed("k"), Refund("coat")).await }
    });
    eventually("it commits", async || store.waiting.load(SeqCst) == 1).await;
    executing.abort();
    assert!(executing.await.unwrap_err().is_cancelled());
    store.may_commit.add_permits(1);
    assert_eq!(app.execute(&keyed("k"), Refund("coat")).await.unwrap().call, 1);
    assert_eq!(desk.calls.load(SeqCst), 1);
    stop(app).await;
}
