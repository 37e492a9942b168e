use std::sync::{Arc, Mutex};
use std::time::Duration;

use cqrs_core::log::{EventLog as _, LogEvent, Store as _};
use cqrs_core::modules;
use cqrs_core::prelude::*;
use cqrs_sql::{OpenError, PostgresTransaction, SqlStore, set_tenant};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};

use crate::support::{Database, Schema, all, entry, event, eventually, execute_in_the_end, url};

/// Tables of a role that is no superuser, and another role that users work with.
struct Roles {
    /// Opens the store and owns all tables.
    store: PgPool,
    user: PgPool,
    schema: Schema,
}

const PASSWORD: &str = "secret";

impl Roles {
    async fn new() -> Self {
        let Database::Postgres(schema) = Database::postgres() else { unreachable!() };
        let admin = PgPool::connect(&url()).await.expect("Postgres");
        for kind in ["store", "user"] {
            let sql = format!("CREATE ROLE {} LOGIN PASSWORD '{PASSWORD}'", role(&schema, kind));
            execute(&admin, sql).await;
        }
        let owner = role(&schema, "store");
        execute(&admin, format!("CREATE SCHEMA {} AUTHORIZATION {owner}", schema.name)).await;
        let store = connect(&admin, &schema, "store").await;
        let user = connect(&admin, &schema, "user").await;
        Self { store, user, schema }
    }

    fn role(&self, kind: &str) -> String {
        role(&self.schema, kind)
    }

    /// Opens the store with row-level security.
    async fn open(&self) -> SqlStore {
        let builder = SqlStore::builder().row_level_security(self.role("store"));
        builder.from_pool(self.store.clone()).await.expect("the store opens")
    }

    /// Lets the role of users read the log and publish.
    async fn grant(&self) {
        let user = self.role("user");
        let sql = format!(
            "GRANT USAGE ON SCHEMA {0} TO {user}; GRANT SELECT ON {0}.cqrs_event TO {user}; \
             GRANT SELECT, INSERT ON {0}.cqrs_outbox, {0}.cqrs_scheduled TO {user}",
            self.schema.name,
        );
        execute(&self.store, sql).await;
    }

    /// A table of users, which its owner cannot read past its policy either.
    async fn make_invoices(&self) {
        let sql = format!(
            "CREATE TABLE invoices (tenant text NOT NULL DEFAULT current_setting('cqrs.tenant'), number integer); \
             INSERT INTO invoices VALUES ('acme', 1), ('acme', 2), ('globex', 3); \
             ALTER TABLE invoices ENABLE ROW LEVEL SECURITY; \
             ALTER TABLE invoices FORCE ROW LEVEL SECURITY; \
             CREATE POLICY of_tenant ON invoices USING (tenant = current_setting('cqrs.tenant', true)); \
             GRANT SELECT, INSERT ON invoices TO {}",
            self.role("user"),
        );
        execute(&self.store, sql).await;
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        for role in [self.role("user"), self.role("store")] {
            execute_in_the_end(format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
        }
    }
}

fn role(schema: &Schema, kind: &str) -> String {
    schema.name.replace("test_", &format!("{kind}_"))
}

async fn connect(admin: &PgPool, schema: &Schema, kind: &str) -> PgPool {
    let options = (*admin.connect_options()).clone();
    let options = options
        .username(&role(schema, kind))
        .password(PASSWORD)
        .options([("search_path", &schema.name)]);
    PgPool::connect_with(options).await.expect("connected")
}

async fn execute(pool: &PgPool, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("executed");
}

fn of(tenant: &str) -> LogEvent {
    LogEvent { tenant: Some(tenant.to_owned()), ..event(1, 1) }
}

fn ctx(tenant: &str) -> Context {
    Context::for_tenant(tenant).expect("a tenant")
}

/// A transaction of users in this scope.
async fn begin(roles: &Roles, ctx: &Context) -> Transaction<'static, Postgres> {
    let mut tx = roles.user.begin().await.expect("begun");
    set_tenant(&mut tx, ctx).await.expect("set");
    tx
}

/// Whose events a transaction sees, without any `WHERE`.
async fn events(tx: &mut Transaction<'_, Postgres>) -> Vec<String> {
    let query = sqlx::query_scalar("SELECT tenant FROM cqrs_event ORDER BY position");
    query.fetch_all(&mut **tx).await.expect("the log")
}

async fn invoices(tx: &mut Transaction<'_, Postgres>) -> Vec<i32> {
    let query = sqlx::query_scalar("SELECT number FROM invoices ORDER BY number");
    query.fetch_all(&mut **tx).await.expect("the invoices")
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_transaction_sees_and_publishes_what_is_of_its_tenant() {
    let roles = Roles::new().await;
    let store = roles.open().await;
    roles.grant().await;
    roles.make_invoices().await;
    let system = LogEvent { tenant: None, ..event(1, 1) };
    let first = entry(vec![of("acme"), of("globex"), system.clone()]);
    store.append(&[first]).await.expect("appended");

    let mut tx = begin(&roles, &ctx("acme")).await;
    assert_eq!(events(&mut tx).await, ["acme"]);
    assert_eq!(invoices(&mut tx).await, [1, 2]);
    store.publish_in(&mut tx, &[of("acme")]).await.expect("published");
    // What the store has not moved yet is not seen by other tenants, either.
    let waiting = "SELECT count(*) FROM cqrs_outbox";
    set_tenant(&mut tx, &ctx("globex")).await.expect("set");
    let seen: i64 = sqlx::query_scalar(waiting).fetch_one(&mut *tx).await.expect("the outbox");
    assert_eq!(seen, 0);
    assert_eq!(events(&mut tx).await, ["globex"]);
    tx.commit().await.expect("committed");

    for ctx in [ctx("acme"), Context::system()] {
        for event in [of("globex"), system.clone()] {
            let mut tx = begin(&roles, &ctx).await;
            let error = store.publish_in(&mut tx, &[event]).await.expect_err("another tenant");
            assert!(!error.is_temporary(), "{error}");
            assert!(error.to_string().contains("row-level security"), "{error}");
        }
    }

    // Without a tenant nothing is seen, on new connections and on those that have had one.
    for _ in 0..3 {
        let mut tx = roles.user.begin().await.expect("begun");
        assert!(events(&mut tx).await.is_empty());
        assert!(invoices(&mut tx).await.is_empty());
        drop(tx);
        let mut tx = begin(&roles, &Context::system()).await;
        assert!(events(&mut tx).await.is_empty());
    }
    let seen: Vec<_> = all(&store).await.into_iter().map(|it| it.event.tenant).collect();
    let acme = || Some("acme".to_owned());
    assert_eq!(seen, [acme(), Some("globex".to_owned()), None, acme()]);
}

#[derive(Debug, Serialize, Deserialize, Event)]
struct Billed {
    #[event(entity_id)]
    customer: u32,
}

#[derive(Debug, Command)]
#[command(output = Vec<i32>)]
struct AddInvoice(i32);

/// A handler, its tenant, and the invoices that it has seen.
type Look = (&'static str, Option<String>, Vec<i32>);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Look>>>);

impl Seen {
    async fn note(&self, handler: &'static str, tx: &mut PostgresTransaction, ctx: &Context) {
        let seen = (handler, ctx.tenant_id().map(ToString::to_string), invoices(tx).await);
        self.0.lock().expect("unlocked").push(seen);
    }
}

#[events_handler(Billed, transactional)]
struct LookAtOne {
    seen: Seen,
}

impl TransactionalEventHandler<Billed> for LookAtOne {
    type Transaction = PostgresTransaction;

    async fn handle(
        &self,
        _: &Billed,
        tx: &mut PostgresTransaction,
        ctx: &Context,
    ) -> HandlerResult {
        self.seen.note("one", tx, ctx).await;
        Ok(())
    }
}

#[events_handler(Billed, batch(max = 10, across_tenants), transactional)]
struct LookAtMany {
    seen: Seen,
}

impl TransactionalBatchEventHandler<Billed> for LookAtMany {
    type Transaction = PostgresTransaction;

    async fn handle_batch(
        &self,
        batch: &Batch<Billed>,
        tx: &mut PostgresTransaction,
        ctx: &Context,
    ) -> HandlerResult {
        for _ in batch {
            self.seen.note("many", tx, ctx).await;
        }
        Ok(())
    }
}

#[command_handler(AddInvoice, transactional)]
struct AddInvoiceHandler {
    events: EventBus,
}

impl TransactionalCommandHandler<AddInvoice> for AddInvoiceHandler {
    type Transaction = PostgresTransaction;

    async fn execute(
        &self,
        AddInvoice(number): AddInvoice,
        tx: &mut PostgresTransaction,
        ctx: &Context,
    ) -> Result<Vec<i32>, HandlerError> {
        let insert = sqlx::query("INSERT INTO invoices (number) VALUES ($1)").bind(number);
        insert.execute(&mut **tx).await?;
        // Work for another tenant is published as before.
        let other = ctx.clone().with_tenant(self::ctx("initech").tenant().clone());
        self.events.publish(&other, Billed { customer: 1 }).await?;
        Ok(invoices(tx).await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_transactional_handler_sees_its_tenant_and_the_subscription_all() {
    let roles = Roles::new().await;
    let store = roles.open().await;
    roles.make_invoices().await;
    let seen = Seen::default();
    let app = App::builder().only(modules![self]).store(store.clone()).provide(seen.clone());
    let app = app.build().expect("wired");
    app.start().await.expect("started");
    for ctx in [ctx("acme"), ctx("globex"), Context::system()] {
        app.events().publish(&ctx, Billed { customer: 7 }).await.expect("published");
    }
    let added = app.commands().execute(&ctx("acme"), AddInvoice(4)).await;
    assert_eq!(added.expect("added"), [1, 2, 4]);
    let is_complete = async || seen.0.lock().expect("unlocked").len() == 8;
    eventually("all events are handled", is_complete).await;
    assert!(app.shutdown(Duration::from_secs(10)).await.is_clean());

    let mut seen = seen.0.lock().expect("unlocked").clone();
    // The handlers run beside the command.
    for (_, _, invoices) in &mut seen {
        invoices.retain(|number| *number != 4);
    }
    seen.sort();
    let one = |tenant: &str, invoices| ("one", Some(tenant.to_owned()), invoices);
    let no_tenant = |handler| (handler, None, vec![]);
    let many = || no_tenant("many");
    let expected = [
        many(),
        many(),
        many(),
        many(),
        no_tenant("one"),
        one("acme", vec![1, 2]),
        one("globex", vec![3]),
        one("initech", vec![]),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
#[ignore = "slow: cargo test --workspace -- --include-ignored"]
async fn a_role_that_does_not_see_all_tenants_opens_no_store() {
    let roles = Roles::new().await;
    let builder = || SqlStore::builder().row_level_security(roles.role("store"));
    let for_user = || SqlStore::builder().row_level_security(roles.role("user"));
    let plain = SqlStore::builder().from_pool(roles.store.clone()).await.expect("opened");
    plain.append(&[entry(vec![of("acme"), of("globex")])]).await.expect("appended");
    let sql = format!(
        "GRANT USAGE ON SCHEMA {0} TO {1}; GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {1}",
        roles.schema.name,
        roles.role("user"),
    );
    execute(&roles.store, sql).await;

    let error = for_user().from_pool(roles.user.clone()).await.expect_err("not the owner");
    assert!(matches!(error, OpenError::MayNotMigrate(_)), "{error}");
    let missing = SqlStore::builder().row_level_security("nobody_here");
    let error = missing.from_pool(roles.store.clone()).await.expect_err("no such role");
    assert!(error.to_string().contains("\"nobody_here\" does not exist"), "{error}");

    // It is switched on for a log that exists, once and again.
    for _ in 0..2 {
        builder().from_pool(roles.store.clone()).await.expect("opened");
    }
    for options in [SqlStore::builder(), builder()] {
        let error = options.from_pool(roles.user.clone()).await.expect_err("one tenant");
        assert!(matches!(error, OpenError::SeesOneTenant { .. }), "{error}");
        assert!(error.to_string().contains(&roles.role("user")), "{error}");
    }

    // The owner lets another role see all tenants.
    for_user().from_pool(roles.store.clone()).await.expect("opened");
    let store = for_user().from_pool(roles.user.clone()).await.expect("opened");
    store.append(&[entry(vec![of("initech")])]).await.expect("appended");
    let mut tx = begin(&roles, &ctx("acme")).await;
    store.publish_in(&mut tx, &[of("acme")]).await.expect("published");
    tx.commit().await.expect("committed");
    assert_eq!(all(&store).await.len(), 4);
    let mut unit = store.units().expect("transactions").begin(None).await.expect("begun");
    unit.publish(&[of("globex")]).await.expect("published");
    unit.commit().await.expect("committed");
    assert_eq!(all(&plain).await.len(), 5);
}

#[tokio::test]
async fn row_level_security_in_sqlite_is_refused() {
    let database = Database::sqlite();
    let opening = database.open_with(SqlStore::builder().row_level_security("events")).await;
    let error = opening.expect_err("SQLite");
    assert!(matches!(error, OpenError::NoRowLevelSecurity), "{error}");
    let Database::Sqlite(directory) = &database else { unreachable!() };
    assert!(!directory.path().join("log.db").exists(), "nothing was made");
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.expect("SQLite");
    let error = SqlStore::builder().row_level_security("events").from_pool(pool).await;
    assert!(matches!(error, Err(OpenError::NoRowLevelSecurity)));
}
