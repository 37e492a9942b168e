//! Handlers of batches: how batches form, and that each item is delivered as if it had come by itself.

mod annotated;
mod contexts;
mod failing;
mod forming;
mod middleware;
mod order;
mod pressure;

use std::future::{Future, ready};
use std::sync::{Arc, Mutex};

use cqrs_core::app::Modules;
use cqrs_core::handler::BatchPolicy;
use cqrs_core::prelude::*;
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::testing::{TestApp, TestAppBuilder};
use cqrs_core::{Handler, HandlerOptions, RetryPolicy};
use tokio::time::Instant;

/// One step of an article's way through the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Event)]
#[event(name = "stock.moved")]
struct StockMoved {
    #[event(entity_id)]
    article: u32,
    step: u32,
}

/// An article of its own.
fn moved(article: u32) -> StockMoved {
    StockMoved { article, step: 0 }
}

fn tenant(name: &str) -> Context {
    Context::for_tenant(name).expect("a valid tenant")
}

const NAME: &str = "index";

/// One attempt, one worker.
const ONCE: HandlerOptions = HandlerOptions::DEFAULT.retry(RetryPolicy::none()).concurrency(1);

/// Three attempts, one worker.
const THRICE: HandlerOptions = HandlerOptions::DEFAULT
    .concurrency(1)
    .retry(RetryPolicy::exponential(3, Duration::from_millis(10), Duration::from_millis(10)));

/// What a handler does without waiting.
struct AtOnce<F>(F);

impl<E: 'static, F> BatchEventHandler<E> for AtOnce<F>
where
    F: Fn(&Batch<E>, &Context) -> HandlerResult + Send + Sync + 'static,
{
    fn handle_batch(
        &self,
        batch: &Batch<E>,
        ctx: &Context,
    ) -> impl Future<Output = HandlerResult> + Send {
        ready((self.0)(batch, ctx))
    }
}

/// A handler that acts at once.
fn handler(
    policy: BatchPolicy,
    options: HandlerOptions,
    act: impl Fn(&Batch<StockMoved>, &Context) -> HandlerResult + Send + Sync + 'static,
) -> HandlerRegistration {
    Handler::batches(NAME, policy, AtOnce(act)).on::<StockMoved>().options(options).into()
}

fn builder() -> TestAppBuilder {
    TestApp::from_builder(App::builder().only(Modules::default()))
}

fn app(handler: HandlerRegistration) -> TestApp {
    builder().register(handler).build().expect("wired")
}

/// Publishes all before the first of them is handled.
async fn publish_together(app: &TestApp, events: impl IntoIterator<Item = (Context, StockMoved)>) {
    let handler = app.handler(NAME).expect("there is one");
    handler.pause();
    for (ctx, event) in events {
        app.events().publish(&ctx, event).await.expect("accepted");
    }
    handler.resume();
}

/// Publishes articles of one tenant, and waits until all is done.
async fn deliver(app: &TestApp, articles: impl IntoIterator<Item = u32>) {
    let acme = tenant("acme");
    publish_together(app, articles.into_iter().map(|it| (acme.clone(), moved(it)))).await;
    app.settled().await;
}

/// What a handler saw: its batches, by article, and when.
#[derive(Clone)]
struct Seen {
    began: Instant,
    batches: Arc<Mutex<Vec<Moment>>>,
}

/// At which millisecond, and which events.
type Moment = (u128, Vec<StockMoved>);

impl Seen {
    fn new() -> Self {
        Self { began: Instant::now(), batches: Arc::default() }
    }

    fn add(&self, batch: &Batch<StockMoved>) {
        let events = batch.iter().map(|item| *item).collect();
        let at = self.began.elapsed().as_millis();
        self.batches.lock().expect("no panic while it is locked").push((at, events));
    }

    fn timed(&self) -> Vec<(u128, Vec<u32>)> {
        let batches = self.batches.lock().expect("no panic while it is locked");
        let articles = |batch: &Vec<StockMoved>| batch.iter().map(|it| it.article).collect();
        batches.iter().map(|(at, batch)| (*at, articles(batch))).collect()
    }

    fn articles(&self) -> Vec<Vec<u32>> {
        self.timed().into_iter().map(|(_, articles)| articles).collect()
    }

    fn steps(&self) -> Vec<Vec<u32>> {
        let batches = self.batches.lock().expect("no panic while it is locked");
        batches.iter().map(|(_, batch)| batch.iter().map(|it| it.step).collect()).collect()
    }

    fn sizes(&self) -> Vec<usize> {
        self.articles().iter().map(Vec::len).collect()
    }
}
