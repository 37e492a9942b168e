//! What a batch is handled in, and what is published because of one of its items.

use std::sync::OnceLock;

use cqrs_core::handler::BatchItem;

use super::*;

#[derive(Serialize, Deserialize, Event)]
struct ArticleIndexed {
    article: u32,
}

/// What the handler's own context was, for each batch.
type Contexts = Arc<Mutex<Vec<Context>>>;

fn recording(policy: BatchPolicy) -> (TestApp, Contexts) {
    let contexts = Contexts::default();
    let seen = Arc::clone(&contexts);
    let app = app(handler(policy, ONCE, move |batch, ctx| {
        let current = Context::current().expect("inside a handler");
        assert_eq!(current.message_id(), ctx.message_id());
        if policy != policy.across_tenants() {
            assert!(batch.iter().all(|item| item.context().tenant() == ctx.tenant()));
        }
        assert!(batch.iter().all(|item| item.id() == item.context().message_id()));
        seen.lock().expect("no panic").push(ctx.clone());
        Ok(())
    }));
    (app, contexts)
}

#[tokio::test(start_paused = true)]
async fn one_item_is_handled_in_its_own_context() {
    let (app, contexts) = recording(BatchPolicy::new(10));
    let ctx = tenant("acme").with_actor(Actor::user(42));
    let published = app.publish(&ctx, moved(1)).await.expect("accepted");
    app.settled().await;
    let seen = contexts.lock().expect("no panic")[0].clone();
    assert_eq!(seen.correlation_id(), ctx.correlation_id());
    assert_eq!(seen.actor(), ctx.actor());
    assert_eq!((seen.message_id(), seen.attempt()), (published, 1));
}

#[tokio::test(start_paused = true)]
async fn several_items_are_handled_in_a_context_of_their_tenant_and_of_nobody() {
    let (app, contexts) = recording(BatchPolicy::new(10));
    let ctx = tenant("acme").with_actor(Actor::user(42));
    publish_together(&app, (0..3).map(|article| (ctx.clone(), moved(article)))).await;
    app.settled().await;
    let seen = contexts.lock().expect("no panic")[0].clone();
    assert_eq!(seen.tenant(), ctx.tenant());
    assert!(seen.actor().is_none());
    assert_ne!(seen.correlation_id(), ctx.correlation_id());
    assert!(seen.deadline().is_some());
    assert_eq!(seen.attempt(), 1);
}

#[tokio::test(start_paused = true)]
async fn across_tenants_the_context_is_of_the_system() {
    let (app, contexts) = recording(BatchPolicy::new(10).across_tenants());
    let events = [(tenant("acme"), moved(1)), (tenant("globex"), moved(2))];
    publish_together(&app, events).await;
    app.publish(&tenant("acme"), moved(3)).await.expect("accepted");
    app.settled().await;
    let contexts = contexts.lock().expect("no panic");
    assert!(!contexts.is_empty());
    assert!(contexts.iter().all(|ctx| *ctx.tenant() == TenantScope::System));
}

/// Publishes something for each item, by the item's context.
struct Publishes(Arc<OnceLock<EventBus>>);

impl BatchEventHandler<StockMoved> for Publishes {
    async fn handle_batch(&self, batch: &Batch<StockMoved>, _: &Context) -> HandlerResult {
        let events = self.0.get().ok_or_else(|| HandlerError::msg("no bus"))?;
        for item in batch {
            let article = item.article;
            events.publish(item.context(), ArticleIndexed { article }).await?;
            if item.step < 5 {
                let next = StockMoved { step: item.step + 1, ..*item };
                events.publish(item.context(), next).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_item_leads_to_is_of_its_tenant_caused_by_it_and_always_admitted() {
    for policy in [BatchPolicy::new(10), BatchPolicy::new(10).across_tenants()] {
        let bus: Arc<OnceLock<EventBus>> = Arc::default();
        let handler = Handler::batches(NAME, policy, Publishes(Arc::clone(&bus)));
        let handler = handler.on::<StockMoved>().options(ONCE);
        // Its own queue is full all the time.
        let app = builder().configure(|app| app.queue_capacity(1)).register(handler);
        let app = app.build().expect("wired");
        bus.set(app.events().clone()).expect("set once");
        let contexts = [
            tenant("acme").with_actor(Actor::user(1)),
            tenant("globex").with_actor(Actor::user(2)),
        ];
        for (article, ctx) in (0..).zip(&contexts) {
            app.publish(ctx, moved(article)).await.expect("accepted");
        }
        app.settled().await;
        assert!(app.dead_letters().await.is_empty());
        let indexed = app.published::<ArticleIndexed>();
        assert_eq!(indexed.len(), 12);
        let moves = app.published::<StockMoved>();
        for event in indexed {
            let ctx = &contexts[event.article as usize];
            assert_eq!(event.context().tenant(), ctx.tenant());
            assert_eq!(event.context().actor(), ctx.actor());
            assert_eq!(event.context().correlation_id(), ctx.correlation_id());
            let cause = moves.iter().find(|it| Some(it.id()) == event.context().causation_id());
            assert_eq!(cause.expect("a move").article, event.article);
        }
    }
}

#[test]
fn items_can_be_copied_collected_and_printed() {
    fn articles<'a>(items: &[BatchItem<'a, StockMoved>]) -> Vec<&'a StockMoved> {
        items.iter().map(BatchItem::event).collect()
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(async {
        let app = app(handler(BatchPolicy::new(10), ONCE, |batch, _| {
            let items: Vec<_> = batch.iter().rev().collect();
            assert_eq!(articles(&items), [&moved(1), &moved(0)]);
            assert!(batch.iter().nth(2).is_none() && !batch.is_empty());
            assert_eq!((batch.len(), batch.iter().len()), (2, 2));
            assert!(format!("{batch:?}").contains("stock.moved"));
            assert!(items[0].as_any().is::<StockMoved>());
            Ok(())
        }));
        deliver(&app, 0..2).await;
        assert!(app.dead_letters().await.is_empty(), "{:?}", app.dead_letters().await);
    });
}
