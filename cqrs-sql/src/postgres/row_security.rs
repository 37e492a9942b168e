//! Row-level security: other roles than the store's see and write the rows of one tenant.

use cqrs_core::{Context, TenantId};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, SqlStr, Transaction};

use crate::error::OpenError;
use crate::names::Names;

/// The tables that have a tenant.
const TABLES: [&str; 5] = ["event", "outbox", "scheduled", "dead", "idempotency_key"];

/// The policy of all roles. A transaction without a tenant has no setting, or an empty one if its session has had a
/// tenant before. Both see nothing.
const OF_TENANT: &str = "cqrs_tenant";

/// Says for which tenant `tx` works, until it ends: your tables show the rows of this tenant only, if they have a policy
/// on `current_setting('cqrs.tenant', true)`, and the store's tables do so with
/// [`row_level_security`](crate::SqlStoreBuilder::row_level_security). In the system scope, there is no tenant.
///
/// The transactions of `transactional` handlers have their tenant already.
///
/// ```
/// use cqrs_core::prelude::*;
/// use cqrs_sql::{PublishIn as _, set_tenant};
/// use sqlx::PgPool;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct InvoicesPaid { #[event(entity_id)] customer: i64 }
///
/// async fn pay(pool: &PgPool, events: &EventBus, ctx: &Context) -> Result<(), Box<dyn std::error::Error>> {
///     let mut tx = pool.begin().await?;
///     set_tenant(&mut tx, ctx).await?;
///     sqlx::query("UPDATE invoices SET paid = true WHERE customer = 7").execute(&mut *tx).await?;
///     events.publish_in(&mut tx, ctx, InvoicesPaid { customer: 7 }).await?;
///     tx.commit().await?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// The database's error.
pub async fn set_tenant(tx: &mut Transaction<'_, Postgres>, ctx: &Context) -> sqlx::Result<()> {
    let tenant = ctx.tenant_id().map_or("", TenantId::as_str);
    let query = sqlx::query("SELECT set_config('cqrs.tenant', $1, true)").bind(tenant);
    query.execute(&mut **tx).await.map(drop)
}

/// Begins a transaction of this tenant, in one round trip.
pub(super) fn begin(tenant: Option<&TenantId>) -> SqlStr {
    let begin = match tenant {
        // A tenant's letters need no escape.
        Some(tenant) => format!("BEGIN; SET LOCAL cqrs.tenant = '{tenant}'"),
        None => "BEGIN".to_owned(),
    };
    sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(begin))
}

/// Whether other roles see one tenant, and `role` sees all.
pub(super) async fn is_enabled(
    names: &Names,
    schema: &str,
    role: &str,
    connection: &mut PgConnection,
) -> sqlx::Result<bool> {
    let sql = "SELECT count(*) = cardinality($2) FROM pg_catalog.pg_tables \
               WHERE schemaname = $1 AND tablename = ANY($2) AND rowsecurity AND (SELECT count(*) = 2 \
                   FROM pg_catalog.pg_policies AS policy WHERE policy.schemaname = $1 \
                   AND policy.tablename = pg_tables.tablename AND policy.policyname IN ($3, $4))";
    sqlx::query_scalar(sql)
        .bind(schema)
        .bind(TABLES.map(|table| names.table(table)))
        .bind(OF_TENANT)
        .bind(of_role(role))
        .fetch_one(connection)
        .await
}

/// Makes what is missing.
pub(super) async fn enable(
    names: &Names,
    role: &str,
    connection: &mut PgConnection,
) -> sqlx::Result<()> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (policy, role) = (quoted(&of_role(role)), quoted(role));
    for table in TABLES {
        let name = names.sql(&format!("{{{table}}}"));
        let name = name.as_str();
        // The subquery is run once for each statement, and not for each row.
        let sql = format!(
            "ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; \
             DROP POLICY IF EXISTS {OF_TENANT} ON {name}; \
             CREATE POLICY {OF_TENANT} ON {name} USING (tenant = (SELECT current_setting('cqrs.tenant', true))); \
             DROP POLICY IF EXISTS {policy} ON {name}; \
             CREATE POLICY {policy} ON {name} TO {role} USING (true)"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The policy of a role that sees all tenants. Postgres cuts longer names off.
fn of_role(role: &str) -> String {
    let mut name = format!("cqrs_all_{role}");
    name.truncate(name.floor_char_boundary(63));
    name
}

/// A store that sees one tenant would skip the events of all others, so it is not opened.
pub(super) async fn check(names: &Names, connection: &mut PgConnection) -> Result<(), OpenError> {
    let table = names.sql("{event}");
    let sql = "SELECT current_user::text, NOT row_security_active($1) OR EXISTS (\
                   SELECT FROM pg_catalog.pg_policy, unnest(polroles) AS role \
                   WHERE polrelid = $1::regclass AND pg_get_expr(polqual, polrelid) = 'true' \
                   AND CASE WHEN role = 0 THEN true ELSE pg_has_role(role, 'USAGE') END)";
    let (role, sees_all): (String, bool) =
        sqlx::query_as(sql).bind(table.as_str()).fetch_one(connection).await?;
    if sees_all { Ok(()) } else { Err(OpenError::SeesOneTenant { role }) }
}
