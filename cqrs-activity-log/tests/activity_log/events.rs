//! What the plugin records of events.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::time::Duration;

use cqrs_activity_log::{Activity, ActivityLog, Entry, RedactionKey};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, modules};
use serde_json::json;

use crate::database::{Db, on_each_database};

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(describe = "created a new {entity} called {full_name}")]
struct EmployeeCreated {
    #[event(entity_id)]
    employee_id: Uuid,
    #[event(entity_name)]
    full_name: String,
    #[event(redact)]
    email: String,
    #[event(redact = hash)]
    tax_id: String,
    #[event(redact = drop)]
    password: String,
    note: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct EmployeeUpdated {
    #[event(entity_id)]
    employee_id: Uuid,
    #[event(redact)]
    email: String,
    #[event(redact = hash)]
    tax_id: String,
    #[event(redact = drop)]
    password: String,
    #[event(changes)]
    changes: Changes,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct SubscriberAdded {
    #[event(entity_id, redact)]
    address: String,
}

/// An id whose `Display` differs from its JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Iban(String);

impl Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", &self.0[..4], &self.0[4..])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(name = "account.opened", entity = "Account", action = "opened")]
enum AccountOpened {
    Bank(#[event(entity_id, redact = hash)] Iban, u8),
    Patient {
        #[event(entity_id, redact)]
        patient_id: u32,
        ward: u32,
    },
    Cash {
        #[event(entity_id)]
        account_id: u32,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(activity = false)]
struct CacheRefreshed {
    #[event(entity_id)]
    cache_id: u8,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct UserLoggedIn;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct StockReserved {
    #[event(entity_id)]
    order_id: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct PageImported {
    #[event(entity_id)]
    page_id: String,
    text: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
struct PriceMeasured {
    #[event(redact)]
    source: u128,
    near_one: f64,
    price: f32,
    large: u128,
}

fn employee() -> EmployeeCreated {
    EmployeeCreated {
        employee_id: Uuid::now_v7(),
        full_name: "Grace Hopper".to_owned(),
        email: "grace@example.com".to_owned(),
        tax_id: "TAX-4711".to_owned(),
        password: "s3cret-pa55".to_owned(),
        note: "likes compilers".to_owned(),
    }
}

fn ctx() -> Context {
    Context::for_tenant("acme").unwrap().with_actor(Actor::user(7).named("Ada"))
}

fn builder() -> AppBuilder {
    App::builder().only(modules![self])
}

fn app(log: &ActivityLog) -> TestApp {
    TestApp::from_builder(builder().plugin(log.clone())).deliver_twice().build().unwrap()
}

async fn entry(log: &ActivityLog, ctx: &Context, id: Uuid) -> Entry {
    log.get(ctx, id).await.unwrap().expect("it is recorded")
}

on_each_database! {
    async fn an_event_is_recorded_once_though_delivered_twice(db) {
        let log = db.open().await;
        let app = app(&log);
        let ctx = ctx().with_organization("research");
        let event = employee();
        let id = app.publish(&ctx, event.clone()).await.unwrap();
        let other = Context::for_tenant("globex").unwrap();
        app.publish(&other, employee()).await.unwrap();
        app.settled().await;
        assert!(app.deliveries_to_named("activity-log").len() >= 4, "twice each");

        assert_eq!(db.number("SELECT count(*) FROM activity_entries").await, 2);
        let entry = entry(&log, &ctx, id).await;
        assert_eq!(log.get(&other, id).await.unwrap(), None);
        assert_eq!(entry.actor, Some(Actor::user(7).named("Ada")));
        assert_eq!(entry.organization.as_deref(), Some("research"));
        assert_eq!((&*entry.action, &*entry.entity_type), ("created", "Employee"));
        assert_eq!(entry.entity_id, Some(event.employee_id.to_string()));
        assert_eq!(entry.entity_name.as_deref(), Some("Grace Hopper"));
        assert_eq!(entry.description, "created a new Employee called Grace Hopper");
        assert_eq!(entry.event_name.as_deref(), Some("employee.created"));
        assert_eq!(entry.event_version, Some(1));
        assert_eq!(entry.correlation_id, ctx.correlation_id());
        assert_eq!(entry.causation_id, Some(ctx.message_id()));
        assert!(entry.occurred_at <= entry.recorded_at);
        for ctx in [&ctx, &other] {
            assert_eq!(log.verify(ctx).await.unwrap().entries, 1);
        }
    }

    async fn an_event_that_is_not_an_activity_is_not_recorded(db) {
        let log = db.open().await;
        let app = app(&log);
        app.publish(&ctx(), CacheRefreshed { cache_id: 1 }).await.unwrap();
        app.settled().await;
        assert_eq!(app.deliveries_to_named("activity-log").len(), 2);
        assert_eq!(db.number("SELECT count(*) FROM activity_entries").await, 0);
    }

    async fn an_event_that_says_neither_entity_nor_action_is_recorded_by_its_name(db) {
        let log = db.open().await;
        let app = app(&log);
        let login = app.publish(&ctx(), UserLoggedIn).await.unwrap();
        let reserved = app.publish(&ctx(), StockReserved { order_id: 7 }).await.unwrap();
        app.settled().await;
        let login = entry(&log, &ctx(), login).await;
        assert_eq!((&*login.action, &*login.entity_type), ("user.logged.in", ""));
        assert_eq!((&*login.description, login.entity_id), ("user.logged.in", None));
        let reserved = entry(&log, &ctx(), reserved).await;
        assert_eq!((&*reserved.action, &*reserved.entity_type), ("stock.reserved", ""));
        assert_eq!(reserved.description, "stock.reserved 7", "no stock has the id 7");
        assert_eq!(reserved.entity_id.as_deref(), Some("7"));
        assert_eq!(log.facets(&ctx()).await.unwrap().entities.values, Vec::<String>::new());
        log.verify(&ctx()).await.unwrap();
    }

    async fn numbers_come_back_as_recorded(db) {
        let log = db.open().await;
        let app = app(&log);
        let near_one = 0.999_999_999_999_999_9;
        let measured = PriceMeasured { source: u128::MAX, near_one, price: 5.55, large: 1 << 64 };
        let id = app.publish(&ctx(), measured).await.unwrap();
        let large = json!({"near_one": near_one, "count": u64::MAX});
        let activity = Activity::new("measured", "Price").data(large.clone());
        let by_hand = log.record(&ctx(), activity).await.unwrap();
        app.settled().await;
        let data = entry(&log, &ctx(), id).await.data.unwrap();
        assert_eq!(
            data.to_string(),
            r#"{"large":"18446744073709551616","near_one":0.9999999999999999,"price":5.55,"source":"[redacted]"}"#
        );
        assert_eq!(entry(&log, &ctx(), by_hand.id).await.data, Some(large));
    }

    async fn no_column_contains_a_redacted_value(db) {
        let key = RedactionKey::derived_from("a secret of the test");
        let log = db.open_with(ActivityLog::options().redaction_key(key)).await.unwrap();
        let app = app(&log);
        let old = employee();
        let new = EmployeeCreated {
            email: "grace@navy.example.com".to_owned(),
            tax_id: "TAX-4712".to_owned(),
            password: "other-pa55".to_owned(),
            note: "likes moths".to_owned(),
            ..old.clone()
        };
        let updated = EmployeeUpdated {
            employee_id: old.employee_id,
            email: new.email.clone(),
            tax_id: new.tax_id.clone(),
            password: new.password.clone(),
            changes: Changes::between(&old, &new).unwrap(),
        };
        let created_id = app.publish(&ctx(), old.clone()).await.unwrap();
        let updated_id = app.publish(&ctx(), updated).await.unwrap();
        let globex = Context::for_tenant("globex").unwrap();
        let theirs = app.publish(&globex, old.clone()).await.unwrap();
        app.settled().await;

        let dump = db.dump().await;
        assert!(dump.contains("likes moths") && dump.contains("Grace Hopper"), "{dump}");
        for secret in ["grace@", "TAX-471", "pa55", "password", "navy"] {
            assert!(!dump.contains(secret), "{secret} is in {dump}");
        }
        let created = entry(&log, &ctx(), created_id).await.data.unwrap();
        assert_eq!(created["email"], "[redacted]");
        let hash = created["tax_id"].as_str().unwrap();
        assert!(hash.starts_with("hmac:") && hash.len() == 5 + 22, "{hash}");
        assert_eq!(created.get("password"), None);
        // Equal values have equal hashes in one tenant, and different hashes in two.
        let updated = entry(&log, &ctx(), updated_id).await;
        let change = updated.changes.as_ref().unwrap().get("tax_id").unwrap();
        assert_eq!(change.old.as_ref().unwrap(), hash);
        assert_ne!(change.new.as_ref().unwrap(), hash);
        let theirs = entry(&log, &globex, theirs).await.data.unwrap();
        assert_ne!(theirs["tax_id"], hash);
        assert!(theirs["tax_id"].as_str().unwrap().starts_with("hmac:"));
        // Known for this key and tenant, so that it never changes unnoticed.
        assert_eq!(hash, KNOWN_HASH);
    }

    async fn an_entity_with_a_redacted_id_is_found_by_its_hash(db) {
        let log = db.open().await;
        let app = app(&log);
        let mut ids = Vec::new();
        for address in ["ada@example.com", "ada@example.com", "grace@example.com"] {
            let added = SubscriberAdded { address: address.to_owned() };
            ids.push(app.publish(&ctx(), added).await.unwrap());
        }
        app.settled().await;
        let dump = db.dump().await;
        assert!(!dump.contains("example.com"), "{dump}");
        let mut entities = Vec::new();
        for id in ids {
            entities.push(entry(&log, &ctx(), id).await.entity_id.unwrap());
        }
        assert!(entities[0].starts_with("hmac:"));
        assert_eq!(entities[0], entities[1]);
        assert_ne!(entities[0], entities[2]);
    }

    async fn a_redacted_id_is_hashed_with_any_redaction_and_beside_any_field(db) {
        let log = db.open().await;
        let app = app(&log);
        let entry_of = async |event| {
            let id = app.publish(&ctx(), event).await.unwrap();
            app.settled().await;
            entry(&log, &ctx(), id).await
        };
        let bank = entry_of(AccountOpened::Bank(Iban("DE89370400".to_owned()), 1)).await;
        let seventh = entry_of(AccountOpened::Patient { patient_id: 7_777, ward: 7_777 }).await;
        let again = entry_of(AccountOpened::Patient { patient_id: 7_777, ward: 3 }).await;
        for entry in [&bank, &seventh, &again] {
            let hash = entry.entity_id.as_deref().unwrap();
            assert!(hash.starts_with("hmac:"), "{hash}");
            assert_eq!(entry.description, format!("opened Account {hash}"));
        }
        assert_eq!(seventh.entity_id, again.entity_id, "one patient, whatever the ward");
        let dump = db.dump().await;
        assert!(!dump.contains("DE89") && !dump.contains("370400"), "{dump}");
        let cash = entry_of(AccountOpened::Cash { account_id: 7 }).await;
        assert_eq!(cash.entity_id.as_deref(), Some("7"));
    }

    async fn changes_below_a_redacted_field_contain_no_keys(db) {
        let log = db.open().await;
        let app = app(&log);
        let old = json!({"tax_id": {"grace@example.com": {"n": 1}}, "plan": {"name": "free"}});
        let new = json!({"tax_id": {"grace@example.com": {"n": 2}, "eve@example.com": 1}, "plan": {"name": "pro"}});
        let updated = EmployeeUpdated {
            employee_id: Uuid::now_v7(),
            email: String::new(),
            tax_id: String::new(),
            password: String::new(),
            changes: Changes::between(&old, &new).unwrap(),
        };
        let id = app.publish(&ctx(), updated).await.unwrap();
        app.settled().await;
        let dump = db.dump().await;
        assert!(!dump.contains("example.com"), "{dump}");
        let changes = entry(&log, &ctx(), id).await.changes.unwrap();
        let change = changes.get("tax_id").unwrap();
        for hash in [&change.old, &change.new] {
            assert!(hash.as_ref().unwrap().as_str().unwrap().starts_with("hmac:"));
        }
        assert_ne!(change.old, change.new);
        assert_eq!(changes.get("plan.name").unwrap().new, Some("pro".into()));
        assert_eq!(changes.len(), 2);
    }

    async fn a_generated_key_is_kept(db) {
        let hash_of = async || {
            let log = db.open().await;
            let app = app(&log);
            let id = app.publish(&ctx(), employee()).await.unwrap();
            app.settled().await;
            entry(&log, &ctx(), id).await.data.unwrap()["tax_id"].clone()
        };
        let first = hash_of().await;
        assert_eq!(first, hash_of().await, "also after opening it again");
        assert_ne!(first, KNOWN_HASH);
    }

    async fn values_that_are_too_long_are_cut_and_marked(db) {
        let log = db.open_with(ActivityLog::options().payload_limit(1024)).await.unwrap();
        let app = app(&log);
        let page = PageImported { page_id: "ä\0".repeat(1000), text: "x".repeat(5000) };
        let id = app.publish(&ctx(), page).await.unwrap();
        let many = Changes::between(&json!({}), &json!({"a": "x".repeat(3000), "b": 1})).unwrap();
        let updated = EmployeeUpdated {
            employee_id: Uuid::now_v7(),
            email: String::new(),
            tax_id: String::new(),
            password: String::new(),
            changes: many,
        };
        let updated = app.publish(&ctx(), updated).await.unwrap();
        app.settled().await;
        let page = entry(&log, &ctx(), id).await;
        let entity_id = page.entity_id.unwrap();
        assert!(entity_id.starts_with("ä\u{fffd}ä") && !entity_id.contains('\0'), "{entity_id}");
        assert!(entity_id.chars().count() < 256);
        let longer = PageImported { page_id: "ä\0".repeat(1001), text: String::new() };
        let other = app.publish(&ctx(), longer).await.unwrap();
        app.settled().await;
        let other = entry(&log, &ctx(), other).await.entity_id.unwrap();
        let (begin, hash) = entity_id.rsplit_once('…').expect("a mark");
        let (other_begin, other_hash) = other.rsplit_once('…').expect("a mark");
        assert_eq!((begin, hash.len()), (other_begin, 22));
        assert_ne!(hash, other_hash, "two entities remain two");
        let data = page.data.unwrap().to_string();
        assert!(data.starts_with("\"[left out: ") && data.contains("at most 1024"), "{data}");
        let changes = entry(&log, &ctx(), updated).await.changes.unwrap();
        assert_eq!((changes.len(), changes.omitted()), (0, 2));
        log.verify(&ctx()).await.unwrap();
    }

    async fn events_are_recorded_many_at_a_time(db) {
        let log = db.open().await;
        let builder = builder().plugin(log.clone()).start_manually();
        let app = builder.build().unwrap();
        let mut ids = HashSet::new();
        for n in 0..1000 {
            let ctx = Context::for_tenant(["acme", "globex"][n % 2]).unwrap();
            let page = PageImported { page_id: n.to_string(), text: String::new() };
            ids.insert(app.events().publish(&ctx, page).await.unwrap());
        }
        app.start().await.unwrap();
        let report = app.shutdown(Duration::from_mins(1)).await;
        assert!(report.is_clean(), "{report}");
        for tenant in ["acme", "globex"] {
            let ctx = Context::for_tenant(tenant).unwrap();
            assert_eq!(log.verify(&ctx).await.unwrap().entries, 500);
        }
        let transactions = "SELECT count(DISTINCT recorded_at) FROM activity_entries";
        let transactions = db.number(transactions).await;
        assert!(transactions <= 20, "1,000 events took {transactions} transactions");
    }
}

/// Computed by hand: HMAC(HMAC(key, "acme"), "TAX-4711").
const KNOWN_HASH: &str = "hmac:OojIyIS2z_711Y06CGZNjg";

#[test]
fn an_application_without_the_plugin_records_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let app = builder().build().unwrap();
        app.events().publish(&ctx(), employee()).await.unwrap();
        assert!(app.handler("activity-log").is_err());
    });
}

#[test]
fn the_log_is_a_service() {
    crate::database::run_on_sqlite(async |db: &Db| {
        let log = db.open().await;
        let app = builder().plugin(log).build().unwrap();
        let log = app.service::<ActivityLog>().unwrap();
        assert_eq!(log.head(&ctx()).await.unwrap().sequence, 0);
    });
}
