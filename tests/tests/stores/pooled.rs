//! The store in Postgres behind a pooler that gives each transaction to another connection of the server.
//!
//! `PgBouncer` does so with `pool_mode = transaction`. Since version 1.21, with `max_prepared_statements`, it gives the
//! prepared statements of a client to each connection, which sqlx needs. Everything else that a session has is lost
//! between two transactions. So `LISTEN` does not work there, and the notifications are off.

use std::sync::Arc;

use cqrs_core::log::{Store, Unit};
use cqrs_sql::SqlStore;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::Harness;
use crate::sql::{Postgres, options, url};

/// How many connections to the server a client has. Its transactions take them in turn.
const SESSIONS: usize = 2;

/// How many connections to the pooler a store has.
const CONNECTIONS: u32 = 4;

/// A pooler. It ends with its test.
struct Pooler {
    port: u16,
}

impl Pooler {
    async fn start(server: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = server.clone();
                // It ends with an error when its client, or the server, has gone away.
                tokio::spawn(async move { serve(client, server).await.unwrap_or_default() });
            }
        });
        Self { port }
    }

    async fn connect(&self, pool: PgPoolOptions) -> PgPool {
        let through: PgConnectOptions = url().parse().unwrap();
        let through = through.host("127.0.0.1").port(self.port).ssl_mode(PgSslMode::Disable);
        pool.connect_with(through).await.unwrap()
    }
}

/// A message of Postgres's protocol: its type, and the rest with its length.
type Message = (u8, Vec<u8>);

async fn read(stream: &mut TcpStream) -> std::io::Result<Message> {
    let kind = stream.read_u8().await?;
    Ok((kind, read_rest(stream).await?))
}

async fn read_rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length as usize, 0);
    stream.read_exact(&mut message[4..]).await?;
    Ok(message)
}

async fn write(stream: &mut TcpStream, (kind, rest): &Message) -> std::io::Result<()> {
    stream.write_all(&[&[*kind], rest.as_slice()].concat()).await
}

/// Reads what the server answers, up to "ready for query", and returns the whole.
async fn answers(server: &mut TcpStream) -> std::io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    loop {
        messages.push(read(server).await?);
        if messages.last().is_some_and(|(kind, _)| *kind == b'Z') {
            return Ok(messages);
        }
    }
}

async fn serve(mut client: TcpStream, server: (String, u16)) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let startup = read_rest(&mut client).await?;
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let mut session = TcpStream::connect(server.clone()).await?;
        session.set_nodelay(true)?;
        session.write_all(&startup).await?;
        let answers = answers(&mut session).await?;
        // Without a password, the server asks for nothing.
        for message in answers.iter().filter(|_| number == 0) {
            write(&mut client, message).await?;
        }
        sessions.push(session);
    }
    let mut current = 0;
    loop {
        let mut messages = Vec::new();
        // Up to "sync", a simple query, or the end.
        while !matches!(messages.last(), Some((b'S' | b'Q' | b'X', _))) {
            messages.push(read(&mut client).await?);
        }
        // Each session gets the prepared statements.
        let statements = |(kind, _): &&Message| matches!(kind, b'P' | b'C');
        let prepared: Vec<_> = messages.iter().filter(statements).cloned().collect();
        for (number, session) in sessions.iter_mut().enumerate() {
            if number != current && !prepared.is_empty() {
                for message in &prepared {
                    write(session, message).await?;
                }
                write(session, &(b'S', 4_u32.to_be_bytes().to_vec())).await?;
                answers(session).await?;
            }
        }
        let session = &mut sessions[current];
        for message in &messages {
            write(session, message).await?;
        }
        if matches!(messages.last(), Some((b'X', _))) {
            return Ok(());
        }
        let answers = answers(session).await?;
        let is_in_transaction = answers.last().is_none_or(|(_, status)| status[4] != b'I');
        for message in &answers {
            write(&mut client, message).await?;
        }
        if !is_in_transaction {
            current = (current + 1) % SESSIONS;
        }
    }
}

struct Pooled {
    /// The same store without the pooler.
    direct: Postgres,
    pooler: Pooler,
    store: SqlStore,
}

impl Pooled {
    async fn open_through(pooler: &Pooler, schema: &str) -> SqlStore {
        let pool = pooler.connect(PgPoolOptions::new().max_connections(CONNECTIONS)).await;
        let options = options().schema(schema).notifications(false);
        options.from_pool(pool).await.unwrap()
    }
}

impl Harness for Pooled {
    type Transaction = cqrs_sql::PostgresTransaction;

    async fn open() -> Self {
        let direct = Postgres::open().await;
        let server: PgConnectOptions = url().parse().unwrap();
        let pooler = Pooler::start((server.get_host().to_owned(), server.get_port())).await;
        let store = Self::open_through(&pooler, &direct.schema).await;
        Self { direct, pooler, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(Self::open_through(&self.pooler, &self.direct.schema).await)
    }

    async fn reopen(&mut self) {
        self.store = Self::open_through(&self.pooler, &self.direct.schema).await;
    }

    async fn write(&self, unit: &mut dyn Unit, note: &str) {
        self.direct.write(unit, note).await;
    }

    async fn notes(&self) -> Vec<String> {
        self.direct.notes().await
    }
}

/// Otherwise the tests below would prove nothing.
#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_session_keeps_nothing_in_a_pooled_postgres() {
    let pooled = Pooled::open().await;
    // One connection, and one statement after the other.
    let pool = PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = pooled.pooler.connect(pool).await;
    sqlx::query("SET application_name = 'kept'").execute(&pool).await.unwrap();
    let name: String = sqlx::query_scalar("SHOW application_name").fetch_one(&pool).await.unwrap();
    assert_ne!(name, "kept");
}

mod postgres {
    use super::Pooled;

    suite!(
        #[ignore = "slow: cargo test --workspace -- --include-ignored"]
        Pooled
    );
    suite_of_units!(
        #[ignore = "slow: cargo test --workspace -- --include-ignored"]
        Pooled
    );
}
