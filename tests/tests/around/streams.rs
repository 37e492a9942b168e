//! Queries whose answer is a stream.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cqrs_core::App;
use cqrs_core::handler::{Rows, StreamQueryHandler};
use cqrs_core::middleware::Authorize;
use cqrs_core::prelude::*;
use futures_util::{StreamExt as _, TryStreamExt as _};

#[derive(Query)]
#[query(name = "streams.count", stream = usize)]
struct Count {
    end: usize,
    fails: bool,
}

#[derive(Clone, Default)]
struct Sent {
    rows: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

/// Says that its handler has ended or was cancelled.
struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[query_handler(timeout = "1s")]
async fn count(
    query: Count,
    rows: &mut Rows<usize>,
    ctx: &Context,
    sent: &Sent,
) -> Result<(), HandlerError> {
    assert_eq!(ctx.tenant().to_string(), "acme");
    let _guard = Guard(Arc::clone(&sent.dropped));
    for number in 0..query.end {
        rows.send(number).await;
        sent.rows.fetch_add(1, SeqCst);
    }
    if query.fails { Err(HandlerError::msg("no more")) } else { Ok(()) }
}

#[derive(Query)]
#[query(name = "streams.names", stream = String)]
struct Names;

#[query_handler(Names, stream)]
struct NamesHandler;

impl StreamQueryHandler<Names> for NamesHandler {
    async fn stream(
        &self,
        _: Names,
        rows: &mut Rows<String>,
        _: &Context,
    ) -> Result<(), HandlerError> {
        for name in ["Ada", "Grace"] {
            rows.send(name.to_owned()).await;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

fn app(sent: &Sent) -> App {
    App::builder().only(modules![self]).provide(sent.clone()).build().expect("wired")
}

fn acme() -> Context {
    Context::for_tenant("acme").expect("a valid tenant")
}

#[tokio::test]
async fn its_rows_come_in_order_from_functions_and_structs() {
    let app = app(&Sent::default());
    let rows = app.queries().stream(&acme(), Count { end: 100, fails: false });
    let rows: Vec<usize> = rows.try_collect().await.expect("all");
    assert_eq!(rows, (0..100).collect::<Vec<_>>());
    let names: Vec<String> = app.queries().stream(&acme(), Names).try_collect().await.expect("all");
    assert_eq!(names, ["Ada", "Grace"]);
}

#[tokio::test]
async fn an_error_comes_after_the_rows() {
    let app = app(&Sent::default());
    let rows = app.queries().stream(&acme(), Count { end: 3, fails: true });
    let rows: Vec<_> = rows.collect().await;
    assert_eq!(rows.len(), 4);
    assert!(rows[..3].iter().all(Result::is_ok));
    let Err(ExecuteError::Handler(error)) = &rows[3] else { panic!("{:?}", rows[3]) };
    assert_eq!(error.to_string(), "no more");
}

#[tokio::test]
async fn its_handler_is_only_a_few_rows_ahead_and_ends_with_the_stream() {
    let sent = Sent::default();
    let app = app(&sent);
    let mut rows = app.queries().stream(&acme(), Count { end: 1_000_000, fails: false });
    assert_eq!(sent.rows.load(SeqCst), 0, "nothing happens before it is read");
    assert_eq!(rows.next().await.expect("a row").expect("no error"), 0);
    assert!(sent.rows.load(SeqCst) <= Rows::<usize>::AHEAD);
    assert_eq!(sent.dropped.load(SeqCst), 0);
    drop(rows);
    assert_eq!(sent.dropped.load(SeqCst), 1);
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn its_time_limit_covers_the_whole_stream() {
    let app = app(&Sent::default());
    let mut rows = app.queries().stream(&acme(), Count { end: 1_000_000, fails: false });
    assert!(rows.next().await.expect("a row").is_ok());
    tokio::time::advance(Duration::from_secs(2)).await;
    let rest: Vec<_> = rows.collect().await;
    assert!(rest.len() <= Rows::<usize>::AHEAD + 1, "{}", rest.len());
    assert!(matches!(rest.last(), Some(Err(ExecuteError::TimedOut { .. }))));
}

#[tokio::test]
async fn a_shutdown_waits_for_it_and_then_ends_it() {
    let app = app(&Sent::default());
    let mut rows = app.queries().stream(&acme(), Count { end: 1_000_000, fails: false });
    assert!(rows.next().await.expect("a row").is_ok());
    let report = app.shutdown(Duration::from_millis(1)).await;
    assert!(!report.is_clean(), "{report}");
    let last = rows.collect::<Vec<_>>().await.pop();
    assert!(matches!(last, Some(Err(ExecuteError::ShutDown { .. }))), "{last:?}");
    let late = app.queries().stream(&acme(), Names).collect::<Vec<_>>().await;
    assert!(matches!(late[..], [Err(ExecuteError::ShutDown { .. })]));
}

#[tokio::test]
async fn middleware_runs_around_it() {
    let refuse = Authorize::by(|call| match call.message::<Names>() {
        Some(_) => Err(cqrs_core::middleware::Rejection::forbidden("no names")),
        None => Ok(()),
    });
    let app = App::builder().only(modules![self]).provide(Sent::default()).middleware(refuse);
    let app = app.build().expect("wired");
    let names = app.queries().stream(&acme(), Names).collect::<Vec<_>>().await;
    assert!(matches!(&names[..], [Err(ExecuteError::Rejected { .. })]), "{names:?}");
    let rows = app.queries().stream(&acme(), Count { end: 2, fails: false });
    assert_eq!(rows.try_collect::<Vec<_>>().await.expect("all"), [0, 1]);
}

#[tokio::test]
async fn a_stream_that_was_begun_has_all_its_rows_and_a_refused_one_is_an_error() {
    let app = App::builder().only(modules![self]).provide(Sent::default());
    let refuse = Authorize::by(|call| match call.context().tenant_id() {
        Some(_) => Ok(()),
        None => Err(cqrs_core::middleware::Rejection::forbidden("tenants only")),
    });
    let app = app.middleware(refuse).build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    let rows = app.queries().stream(&ctx, Count { end: 3, fails: false }).begun().await;
    let rows: Vec<_> = rows.expect("not refused").try_collect().await.expect("no error");
    assert_eq!(rows, [0, 1, 2]);
    let none = app.queries().stream(&ctx, Count { end: 0, fails: false }).begun().await;
    assert_eq!(none.expect("not refused").count().await, 0);

    let refused = app.queries().stream(&Context::system(), Count { end: 3, fails: false });
    let error = refused.begun().await.expect_err("refused");
    assert!(matches!(error, ExecuteError::Rejected { .. }), "{error}");
    let failed = app.queries().stream(&ctx, Count { end: 0, fails: true }).begun().await;
    assert!(matches!(failed, Err(ExecuteError::Handler(_))));
}
