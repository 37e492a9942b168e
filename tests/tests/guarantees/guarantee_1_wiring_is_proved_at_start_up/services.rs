//! Services are built in the order in which they need each other.

use cqrs_core::modules;
use cqrs_core::prelude::*;

trait Clock: Send + Sync {
    fn now(&self) -> u32;
}

#[derive(Injectable)]
#[injectable(as = dyn Clock)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u32 {
        1
    }
}

#[derive(Injectable)]
struct Calendar {
    clock: Arc<dyn Clock>,
    #[inject(name = "offset")]
    offset: u32,
    #[inject(default)]
    extra: u32,
}

#[derive(Query)]
#[query(output = u32)]
struct Today;

#[query_handler(Today)]
struct TodayHandler(Arc<Calendar>);

impl QueryHandler<Today> for TodayHandler {
    async fn execute(&self, _: Today, _: &Context) -> Result<u32, HandlerError> {
        Ok(self.0.clock.now() + self.0.offset + self.0.extra)
    }
}

struct Fake;

impl Clock for Fake {
    fn now(&self) -> u32 {
        100
    }
}

async fn today(app: &App) -> u32 {
    let ctx = crate::support::acme();
    app.queries().execute(&ctx, Today).await.expect("it cannot fail")
}

#[tokio::test]
async fn services_are_built_once_in_the_order_in_which_they_need_each_other() {
    let app = App::builder().only(modules![self]).provide_named("offset", 20_u32);
    let app = app.build().expect("complete");
    assert_eq!(today(&app).await, 21);
    let one = app.service::<Arc<Calendar>>().expect("a service");
    let two = app.service::<Arc<Calendar>>().expect("a service");
    assert!(Arc::ptr_eq(&one, &two));
    assert!(app.service::<Arc<dyn Clock>>().is_ok());
}

#[tokio::test]
async fn the_last_provided_value_wins_also_over_a_derived_service() {
    let app = App::builder()
        .only(modules![self])
        .provide_named("offset", 20_u32)
        .provide_named("offset", 30_u32)
        .provide::<Arc<dyn Clock>>(Arc::new(Fake))
        .build()
        .expect("complete");
    assert_eq!(today(&app).await, 130);
}
