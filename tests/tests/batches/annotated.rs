//! Handlers of batches as they are written.

use super::*;

#[derive(Serialize, Deserialize, Event)]
struct ArticleAdded {
    #[event(entity_id)]
    article: u32,
}

/// What each handler got: its events' names or articles.
#[derive(Default)]
struct Ledger(Mutex<Vec<(&'static str, Vec<String>)>>);

impl Ledger {
    fn add(&self, handler: &'static str, items: impl Iterator<Item = String>) {
        self.0.lock().expect("no panic").push((handler, items.collect()));
    }

    fn of(&self, handler: &str) -> Vec<Vec<String>> {
        let all = self.0.lock().expect("no panic");
        all.iter().filter(|(by, _)| *by == handler).map(|(_, items)| items.clone()).collect()
    }
}

#[events_handler(ArticleAdded, StockMoved, batch(max = 10), concurrency = 1)]
struct EachItsOwn {
    ledger: Arc<Ledger>,
}

impl BatchEventHandler<ArticleAdded> for EachItsOwn {
    async fn handle_batch(&self, batch: &Batch<ArticleAdded>, _: &Context) -> HandlerResult {
        self.ledger.add("own", batch.iter().map(|item| format!("added {}", item.article)));
        Ok(())
    }
}

impl BatchEventHandler<StockMoved> for EachItsOwn {
    async fn handle_batch(&self, batch: &Batch<StockMoved>, _: &Context) -> HandlerResult {
        self.ledger.add("own", batch.iter().map(|item| format!("moved {}", item.article)));
        Ok(())
    }
}

#[events_handler(ArticleAdded, StockMoved, batch(max = 10), name = "generic")]
struct Generic {
    ledger: Arc<Ledger>,
}

impl<E: Event> BatchEventHandler<E> for Generic {
    async fn handle_batch(&self, batch: &Batch<E>, _: &Context) -> HandlerResult {
        let ids = batch.iter().filter_map(|item| item.entity_id().map(ToString::to_string));
        assert_eq!(ids.count(), batch.len());
        self.ledger.add("generic", batch.iter().map(|_| E::NAME.to_owned()));
        Ok(())
    }
}

#[events_handler(*, batch(max = 500, across_tenants), concurrency = 1)]
struct RecordAll {
    ledger: Arc<Ledger>,
}

impl BatchEventHandler<AnyEvent> for RecordAll {
    async fn handle_batch(&self, batch: &Batch<AnyEvent>, ctx: &Context) -> HandlerResult {
        assert_eq!(*ctx.tenant(), TenantScope::System);
        self.ledger.add("all", batch.iter().map(|item| item.name().to_owned()));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_holds_events_of_one_impl() {
    let ledger = Arc::new(Ledger::default());
    let app = TestApp::builder().only::<EachItsOwn>().only::<Generic>().only::<RecordAll>();
    let app = app.provide(Arc::clone(&ledger)).build().expect("wired");
    let names = ["each-its-own", "generic", "record-all"];
    let pause = |pause: bool| {
        for name in names {
            let handler = app.handler(name).expect("there is one");
            assert!(if pause { handler.pause() } else { handler.resume() });
        }
    };
    pause(true);
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    for article in 0..3 {
        app.events().publish(&acme, ArticleAdded { article }).await.expect("accepted");
        app.events().publish(&acme, moved(10 + article)).await.expect("accepted");
    }
    app.events().publish(&globex, moved(20)).await.expect("accepted");
    pause(false);
    app.settled().await;
    assert!(app.dead_letters().await.is_empty(), "{:?}", app.dead_letters().await);
    let mut own = ledger.of("own");
    own.sort();
    assert_eq!(
        own,
        [
            vec!["added 0", "added 1", "added 2"],
            vec!["moved 10", "moved 11", "moved 12"],
            vec!["moved 20"],
        ]
    );
    let mut generic: Vec<_> = ledger.of("generic").iter().map(Vec::len).collect();
    generic.sort_unstable();
    assert_eq!(generic, [1, 3, 3]);
    assert!(ledger.of("generic").iter().all(|names| names.iter().all(|name| *name == names[0])));
    let all = ledger.of("all");
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [7], "every event, of every tenant");
}

#[test]
fn the_map_of_the_application_shows_batches() {
    let app = App::builder().provide(Arc::new(Ledger::default())).build().expect("wired");
    let description = app.describe();
    let batch = |name: &str| {
        let handlers = &description.handlers;
        let handler = handlers.iter().find(|it| it.name == name).expect("it is there");
        handler.options.batch.expect("it has batches")
    };
    assert_eq!(batch("generic"), BatchPolicy::new(10));
    assert_eq!(batch("record-all"), BatchPolicy::new(500).across_tenants());
    let page = description.render(cqrs_core::describe::Format::Markdown);
    assert!(page.contains("batches of 10"), "{page}");
    assert!(page.contains("batches of 500, across tenants"), "{page}");
}
