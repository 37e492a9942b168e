//! A server of its own for each test, on a database of its own.

#[path = "../../../../cqrs-activity-log/tests/activity_log/database/server.rs"]
mod server;

use std::collections::HashSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cqrs_core::operations::DeliveryFilter;
use futures_util::FutureExt as _;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;
use workforce::config::Config;
use workforce::integrations::Limits;
use workforce::notifications::MailSettings;
use workforce::users::PasswordCost;
use workforce::{ConnectionLimits, Server};

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Makes each function a test on `SQLite`, and one on Postgres, which counts as slow. After `slow;` both
/// do.
macro_rules! on_both {
    (@one [$($slow:meta)?] $name:ident $world:ident $body:block) => {
        mod $name {
            use super::*;

            async fn test($world: &World) -> Result {
                $body;
                Ok(())
            }

            #[tokio::test(flavor = "multi_thread")]
            $(#[$slow])?
            async fn on_sqlite() -> Result {
                let world = World::sqlite().await?;
                test(&world).await?;
                world.end().await
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "slow: cargo test --workspace -- --include-ignored"]
            async fn on_postgres() -> Result {
                let world = World::postgres().await?;
                let outcome = $crate::world::caught(test(&world)).await;
                world.ended(outcome).await
            }
        }
    };
    (slow; $($(#[$doc:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {$(
        $crate::world::on_both! {
            @one [ignore = "slow: cargo test --workspace -- --include-ignored"] $name $world $body
        }
    )*};
    ($($(#[$doc:meta])* async fn $name:ident($world:ident: &World) $body:block)*) => {$(
        $crate::world::on_both! { @one [] $name $world $body }
    )*};
}
pub(crate) use on_both;

/// What came of a test, which may have panicked.
type Outcome = std::thread::Result<Result>;

pub(crate) async fn caught(test: impl Future<Output = Result>) -> Outcome {
    AssertUnwindSafe(test).catch_unwind().await
}

/// A running server, and what it leaves behind.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) http: reqwest::Client,
    pub(crate) folder: TempDir,
    schema: Option<Schema>,
    pub(crate) database: String,
    /// The methods and paths with which something was done.
    used: Mutex<HashSet<(Method, String)>>,
}

/// A schema of a Postgres database.
pub(crate) struct Schema {
    server: String,
    name: String,
}

impl World {
    pub(crate) async fn sqlite() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("workforce.db").display().to_string();
        Self::at(folder, database).await
    }

    /// With the demo tenants.
    pub(crate) async fn demo() -> Result<Self> {
        Self::configured(|config| config.demo = true).await
    }

    /// On `SQLite`, with something set in another way.
    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("workforce.db").display().to_string();
        let mut config = config(folder.path(), database);
        change(&mut config);
        Self::start(folder, config, None).await
    }

    pub(crate) async fn postgres() -> Result<Self> {
        let schema = Schema::make().await?;
        let url = schema.url();
        let folder = tempfile::tempdir()?;
        let config = config(folder.path(), url);
        Self::start(folder, config, Some(schema)).await
    }

    async fn start(folder: TempDir, config: Config, schema: Option<Schema>) -> Result<Self> {
        let database = config.database.clone();
        let server = Server::start(config).await?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()?;
        Ok(Self { server, http, folder, schema, database, used: Mutex::default() })
    }

    /// On a database that may have been used before.
    pub(crate) async fn at(folder: TempDir, database: String) -> Result<Self> {
        let config = config(folder.path(), database);
        Self::start(folder, config, None).await
    }

    /// Ends the server with whatever it has not done; only the database stays.
    pub(crate) async fn kill(self) -> Result<TempDir> {
        let report = self.server.shutdown(Duration::ZERO).await?;
        assert!(!report.is_clean(), "everything was done");
        Ok(self.folder)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    /// Whoever is not signed in.
    pub(crate) fn nobody(&self) -> Client<'_> {
        Client { world: self, token: None }
    }

    /// The owner of a new tenant, once everything that the registration causes is done.
    pub(crate) async fn owner(&self, tenant: &str) -> Result<Client<'_>> {
        let registration = json!({
            "tenant": tenant, "company": format!("{tenant} Ltd"), "full_name": "Ada Lovelace",
            "email": format!("ada@{tenant}.example"), "password": PASSWORD,
        });
        let reply = self.nobody().post("/api/register", &registration).await?;
        assert_eq!(reply.status, 201, "{}", reply.text);
        self.settled().await;
        self.signed_in(&reply)
    }

    pub(crate) fn signed_in(&self, reply: &Reply) -> Result<Client<'_>> {
        let token = reply.json["token"].as_str().ok_or("no token")?.to_owned();
        Ok(Client { world: self, token: Some(token) })
    }

    /// Does this to the database, past the product.
    pub(crate) async fn sql(&self, sql: &'static str) -> Result {
        if let Some(schema) = &self.schema {
            let mut connection = PgConnection::connect(&schema.url()).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
            return Ok(connection.close().await?);
        }
        let file = self.folder.path().join("workforce.db");
        let options =
            SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(10));
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// All handlers are done.
    pub(crate) async fn settled(&self) {
        self.server.app().idle().await;
        let failed = self.server.app().operations().failed(&DeliveryFilter::all()).await;
        assert_eq!(failed.expect("the store answers").len(), 0, "a delivery failed");
    }

    /// What was sent, in no order.
    pub(crate) fn mails(&self) -> Result<Vec<String>> {
        mails(self.folder.path())
    }

    /// Whether a request that was granted meets `wanted`.
    pub(crate) fn has_used(&self, wanted: impl Fn(&Method, &str) -> bool) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().any(|(method, path)| wanted(method, path))
    }

    /// Whatever came of the test, its schema goes.
    pub(crate) async fn ended(self, outcome: Outcome) -> Result {
        if let Ok(Ok(())) = outcome {
            return self.end().await;
        }
        drop(self.server.shutdown(Duration::ZERO).await);
        if let Some(schema) = self.schema {
            schema.remove().await?;
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    pub(crate) async fn end(self) -> Result {
        let report = self.server.shutdown(Duration::from_secs(10)).await?;
        assert!(report.is_clean(), "{report}");
        match self.schema {
            Some(schema) => schema.remove().await,
            None => Ok(()),
        }
    }
}

/// As a test wants it: cheap passwords, any port, no demo.
pub(crate) fn config(folder: &Path, database: String) -> Config {
    Config {
        listen: "127.0.0.1:0".to_owned(),
        database,
        public_url: None,
        mail: MailSettings::Folder(folder.join("mail")),
        mail_from: "Workforce <no-reply@workforce.example>".to_owned(),
        connections: ConnectionLimits::default(),
        limits: Limits::default(),
        demo: false,
        password_cost: PasswordCost { memory: 8, passes: 1 },
    }
}

pub(crate) fn mails(folder: &Path) -> Result<Vec<String>> {
    let files = std::fs::read_dir(folder.join("mail"))?;
    files.map(|file| Ok(std::fs::read_to_string(file?.path())?)).collect()
}

impl Schema {
    pub(crate) async fn make() -> Result<Self> {
        let server = server::url().to_owned();
        let name = format!("workforce_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&server).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {name}")))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(Self { server, name })
    }

    pub(crate) fn url(&self) -> String {
        let separator = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{separator}options[search_path]={}", self.server, self.name)
    }

    pub(crate) async fn remove(self) -> Result {
        let mut connection = PgConnection::connect(&self.server).await?;
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}

/// Sends requests, as somebody or nobody.
#[derive(Clone)]
pub(crate) struct Client<'w> {
    pub(crate) world: &'w World,
    pub(crate) token: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// Null if it is no JSON.
    pub(crate) json: Value,
}

impl Client<'_> {
    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        self.send(self.request(Method::GET, path)).await
    }

    /// A page, with the token in a cookie.
    pub(crate) async fn get_as_browser(&self, path: &str) -> Result<Reply> {
        let cookie = format!("workforce_session={}", self.token.as_deref().unwrap_or_default());
        let request = self.world.nobody().request(Method::GET, path);
        self.send(request.header("accept", "text/html").header("cookie", cookie)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.world.http.request(method, self.world.url(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Reply> {
        let request = request.build()?;
        let used = (request.method().clone(), request.url().path().to_owned());
        let reply = Reply::of(self.world.http.execute(request).await?).await?;
        if reply.status.is_success() {
            self.world.used.lock().unwrap_or_else(PoisonError::into_inner).insert(used);
        }
        Ok(reply)
    }

    /// Adds an employee, and waits for what follows.
    pub(crate) async fn hire(&self, full_name: &str, email: &str) -> Result<Value> {
        let new = json!({ "full_name": full_name, "email": email, "title": "Engineer" });
        let reply = self.post("/api/employees", &new).await?;
        assert_eq!(reply.status, 201, "{}", reply.text);
        self.world.settled().await;
        Ok(reply.json)
    }
}

impl Reply {
    async fn of(response: Response) -> Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, text, json })
    }

    /// It is a complete problem document of this status.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        assert_eq!(self.json["status"], status, "{}", self.text);
        assert!(self.json["detail"].as_str().is_some_and(|it| !it.is_empty()), "{}", self.text);
        let request_id = self.json["request_id"].as_str();
        assert_eq!(request_id, self.headers["x-request-id"].to_str().ok(), "{}", self.text);
        assert!(self.json["instance"].as_str().is_some_and(|it| it.starts_with('/')));
        for inside in ["sqlx", "SELECT", "INSERT", "panicked", "src/"] {
            assert!(!self.text.contains(inside), "{}", self.text);
        }
        self
    }

    pub(crate) fn items(&self) -> &Vec<Value> {
        static NONE: Vec<Value> = Vec::new();
        self.json["items"].as_array().unwrap_or(&NONE)
    }

    /// The named member of each item, as text.
    pub(crate) fn each(&self, member: &str) -> Vec<&str> {
        self.items().iter().filter_map(|it| it[member].as_str()).collect()
    }
}
