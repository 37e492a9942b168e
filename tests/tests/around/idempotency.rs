//! Idempotency keys: from a header to the handler, and no further.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Router};
use cqrs_core::context::IdempotencyKey;
use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_http::{ContextLayer, Problem, header};
use cqrs_tests::ledger::{Ledger, LedgerTransaction};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How often an order was placed.
type Count = Arc<AtomicU32>;

#[derive(Clone, Serialize, Deserialize, Command)]
#[command(output = u32, idempotent, json)]
struct PlaceOrder {
    article: String,
}

/// Places as many orders.
#[derive(Serialize, Command)]
#[command(output = Vec<u32>, idempotent)]
struct PlaceOrders(u32);

/// Its output has no JSON form, because a key is no text.
#[derive(Serialize, Command)]
#[command(output = BTreeMap<(u32, u32), u32>, idempotent)]
struct CountOrders;

#[command_handler]
async fn place_order(
    command: PlaceOrder,
    tx: &mut LedgerTransaction,
    count: &Count,
) -> Result<u32, HandlerError> {
    tx.write(command.article);
    Ok(count.fetch_add(1, SeqCst) + 1)
}

#[command_handler]
async fn place_orders(
    PlaceOrders(count): PlaceOrders,
    _: &mut LedgerTransaction,
    ctx: &Context,
    commands: &CommandBus,
) -> Result<Vec<u32>, HandlerError> {
    let mut orders = Vec::new();
    for _ in 0..count {
        let command = PlaceOrder { article: "bread".to_owned() };
        orders.push(commands.execute(ctx, command).await?);
    }
    Ok(orders)
}

#[command_handler]
async fn count_orders(
    _: CountOrders,
    tx: &mut LedgerTransaction,
) -> Result<BTreeMap<(u32, u32), u32>, HandlerError> {
    tx.write("counted");
    Ok(BTreeMap::from([((1, 2), 3)]))
}

fn app() -> (App, Ledger) {
    let ledger = Ledger::default();
    let app = App::builder().only(modules![self]).store(ledger.clone());
    (app.provide(Count::default()).build().expect("wired"), ledger)
}

fn keyed(key: &str) -> Context {
    let key = IdempotencyKey::new(key).expect("valid");
    Context::for_tenant("acme").expect("valid").with_idempotency_key(key)
}

#[tokio::test]
async fn what_a_handler_executes_does_not_inherit_the_key() {
    let (app, ledger) = app();
    for _ in 0..2 {
        assert_eq!(app.execute(&keyed("k"), PlaceOrders(2)).await.expect("executed"), [1, 2]);
    }
    assert_eq!(ledger.lines(), ["bread", "bread"]);
}

#[tokio::test]
async fn a_command_from_json_is_recognized() {
    let (app, ledger) = app();
    let json = r#"{ "article": "bread" }"#;
    for _ in 0..2 {
        let output = app.commands().execute_json(&keyed("k"), "place.order", json).await;
        assert_eq!(output.expect("executed"), 1);
    }
    let command = PlaceOrder { article: "bread".to_owned() };
    assert_eq!(app.execute(&keyed("k"), command).await.expect("executed"), 1);
    assert_eq!(ledger.lines(), ["bread"]);
}

#[tokio::test]
async fn an_output_that_cannot_be_stored_is_an_error_and_nothing_is_committed() {
    let (app, ledger) = app();
    let error = app.execute(&keyed("k"), CountOrders).await.expect_err("no JSON").to_string();
    assert!(error.contains("the output of `count.orders` has no JSON form: "), "{error}");
    assert_eq!(ledger.lines(), [""; 0]);
    let without = Context::for_tenant("acme").expect("valid");
    app.execute(&without, CountOrders).await.expect("nothing is stored");
}

async fn order(
    State(commands): State<CommandBus>,
    Extension(ctx): Extension<Context>,
    article: String,
) -> Result<String, Problem> {
    Ok(commands.execute(&ctx, PlaceOrder { article }).await?.to_string())
}

/// Sends an order, and returns the status and the body of the answer.
async fn send(server: SocketAddr, key: &str, article: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(server).await.expect("connected");
    let length = article.len();
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-tenant-id: acme\r\n\
         idempotency-key: {key}\r\ncontent-length: {length}\r\n\r\n{article}"
    );
    connection.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("an answer");
    let status = answer.split(' ').nth(1).expect("a status").parse().expect("a number");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
}

#[tokio::test]
async fn a_client_that_sends_its_request_again_gets_the_first_answer() {
    let (app, ledger) = app();
    let contexts =
        ContextLayer::new(|request| Ok(Context::for_tenant(header(request, "x-tenant-id")?)?));
    let router = Router::new().route("/orders", post(order)).layer(contexts.idempotency_keys());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let here = listener.local_addr().expect("an address");
    let router = router.with_state(app.commands().clone());
    tokio::spawn(async move { axum::serve(listener, router).await });

    assert_eq!(send(here, "a", "bread").await, (200, "1".to_owned()));
    assert_eq!(send(here, "a", "bread").await, (200, "1".to_owned()));
    assert_eq!(send(here, "b", "bread").await, (200, "2".to_owned()));
    assert_eq!(ledger.lines(), ["bread", "bread"]);

    let (status, body) = send(here, "a", "cake").await;
    assert_eq!(status, 422);
    let problem: serde_json::Value = serde_json::from_str(&body).expect("a problem document");
    assert_eq!(problem["code"], "key_reused");
    assert_eq!(send(here, "a key", "bread").await.0, 400);
    assert_eq!(ledger.lines().len(), 2);
}
