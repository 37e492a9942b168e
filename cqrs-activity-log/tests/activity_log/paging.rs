//! Any filter, page size and order, against a list in memory.

use std::cell::RefCell;

use cqrs_activity_log::{Activity, ActivityLog, Entry, Filter, Order, Outcome, PageRequest};
use cqrs_core::{Actor, Context};
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::database::on_each_database;

const ENTITIES: [&str; 3] = ["Employee", "Invoice", "Task"];
const ACTIONS: [&str; 3] = ["created", "updated", "deleted"];
const ACTORS: [&str; 2] = ["ada", "grace"];
const WORDS: [&str; 4] = ["grün", "blue", "red", "grey"];

/// An index into each list of values, for the conditions that are set.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    entity: Option<usize>,
    id: Option<u32>,
    action: Option<usize>,
    actor: Option<usize>,
    has_organization: bool,
    from: Option<i64>,
    lasts: Option<i64>,
    outcome: Option<bool>,
    word: Option<usize>,
    limit: u32,
    is_oldest: bool,
    recorded_between: u32,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let maybe = |range: std::ops::Range<usize>| prop::option::weighted(0.3, range);
    let values = (
        maybe(0..3),
        prop::option::weighted(0.3, 0..4_u32),
        maybe(0..3),
        maybe(0..2),
        prop::bool::weighted(0.2),
    );
    let others = (
        prop::option::weighted(0.2, 0..1_000_000_i64),
        prop::option::weighted(0.2, 0..1_000_000_i64),
        prop::option::weighted(0.2, any::<bool>()),
        maybe(0..4),
    );
    (values, others, 1..40_u32, any::<bool>(), 0..3_u32).prop_map(
        |(
            (entity, id, action, actor, has_organization),
            (from, lasts, outcome, word),
            limit,
            is_oldest,
            recorded_between,
        )| {
            let id = id.filter(|_| entity.is_some());
            Wanted {
                entity,
                id,
                action,
                actor,
                has_organization,
                from,
                lasts,
                outcome,
                word,
                limit,
                is_oldest,
                recorded_between,
            }
        },
    )
}

fn begin() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

impl Wanted {
    fn range(self) -> (Option<Timestamp>, Option<Timestamp>) {
        let from = self.from.map(|micros| begin() + SignedDuration::from_micros(micros));
        let to =
            self.lasts.map(|micros| from.unwrap_or(begin()) + SignedDuration::from_micros(micros));
        (from, to)
    }

    fn filter(self) -> Filter {
        let (from, to) = self.range();
        let mut filter = Filter::new();
        if let Some(entity) = self.entity {
            filter = filter.entity(ENTITIES[entity]);
        }
        if let Some(id) = self.id {
            filter = filter.entity_id(id);
        }
        if let Some(action) = self.action {
            filter = filter.action(ACTIONS[action]);
        }
        if let Some(actor) = self.actor {
            filter = filter.actor(ACTORS[actor]);
        }
        if self.has_organization {
            filter = filter.organization("research");
        }
        if let Some(from) = from {
            filter = filter.from(from);
        }
        if let Some(to) = to {
            filter = filter.to(to);
        }
        if let Some(failed) = self.outcome {
            filter = filter.outcome(if failed { Outcome::Failed } else { Outcome::Succeeded });
        }
        if let Some(word) = self.word {
            filter = filter.text(WORDS[word].to_uppercase());
        }
        filter
    }

    /// The same filter, without the log's code.
    fn means(self, entry: &Entry) -> bool {
        let (from, to) = self.range();
        let mut means = true;
        means &= self.entity.is_none_or(|at| entry.entity_type == ENTITIES[at]);
        means &= self.id.is_none_or(|id| entry.entity_id == Some(id.to_string()));
        means &= self.action.is_none_or(|at| entry.action == ACTIONS[at]);
        means &= self
            .actor
            .is_none_or(|at| entry.actor.as_ref().is_some_and(|actor| actor.id() == ACTORS[at]));
        means &= !self.has_organization || entry.organization.is_some();
        means &= from.is_none_or(|from| from <= entry.occurred_at);
        means &= to.is_none_or(|to| to > entry.occurred_at);
        means &= self.outcome.is_none_or(|failed| failed == (entry.outcome == Outcome::Failed));
        means &= self.word.is_none_or(|at| entry.description.contains(WORDS[at]));
        means
    }
}

/// Records something at a random time in the second that the filters are about.
async fn record_some(log: &ActivityLog, count: u32) -> Vec<Entry> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let mut ctx =
            Context::for_tenant(if fastrand::u8(..5) == 0 { "globex" } else { "acme" }).unwrap();
        if fastrand::u8(..4) > 0 {
            ctx = ctx.with_actor(Actor::user(ACTORS[fastrand::usize(..2)]));
        }
        if fastrand::bool() {
            ctx = ctx.with_organization("research");
        }
        // Some at the same microsecond.
        let micros = fastrand::i64(0..2_000) * 500;
        let activity = Activity::new(ACTIONS[fastrand::usize(..3)], ENTITIES[fastrand::usize(..3)])
            .id(fastrand::u32(..4))
            .describe(WORDS[fastrand::usize(..4)])
            .outcome(if fastrand::u8(..4) == 0 { Outcome::Failed } else { Outcome::Succeeded })
            .occurred_at(begin() + SignedDuration::from_micros(micros));
        entries.push(log.record(&ctx, activity).await.unwrap());
    }
    entries.retain(|entry| entry.tenant.to_string() == "acme");
    entries
}

on_each_database! {
    slow;

    async fn pages_yield_every_entry_once_in_order_while_others_are_recorded(db) {
        let log = db.open().await;
        let known = RefCell::new(record_some(&log, 250).await);
        let cases = if db.is_sqlite() { 120 } else { 50 };
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let handle = tokio::runtime::Handle::current();
        runner
            .run(&wanted(), |wanted| {
                let mut known = known.borrow_mut();
                tokio::task::block_in_place(|| handle.block_on(check(&log, wanted, &mut known)));
                Ok(())
            })
            .map_err(|error| error.to_string())
            .unwrap();
    }
}

async fn check(log: &ActivityLog, wanted: Wanted, known: &mut Vec<Entry>) {
    let ctx = Context::for_tenant("acme").unwrap();
    let filter = wanted.filter();
    let order = if wanted.is_oldest { Order::OldestFirst } else { Order::NewestFirst };
    let mut expected: Vec<Entry> =
        known.iter().filter(|entry| wanted.means(entry)).cloned().collect();
    expected.sort_by_key(|entry| entry.id);
    if !wanted.is_oldest {
        expected.reverse();
    }

    let exported: Vec<Entry> = log.stream(&ctx, &filter, order).try_collect().await.unwrap();
    assert_eq!(exported, expected, "{wanted:?}");

    let mut found: Vec<Entry> = Vec::new();
    let mut request = PageRequest::new(order).limit(wanted.limit);
    loop {
        let page = log.query(&ctx, &filter, &request).await.unwrap();
        assert!(page.entries.len() <= wanted.limit as usize);
        assert!(page.next.is_none() || page.entries.len() == wanted.limit as usize);
        found.extend(page.entries);
        if page.next.is_none() {
            break;
        }
        // As text, as in a link.
        let next = page.next.map(|next| next.to_string().parse().unwrap());
        request = request.after(next);
        // Small pages would never catch up with entries that are recorded in front of them.
        if known.len() < 1_000 {
            known.extend(record_some(log, wanted.recorded_between).await);
        }
    }
    let is_ordered =
        |a: &Entry, b: &Entry| if wanted.is_oldest { a.id < b.id } else { a.id > b.id };
    assert!(found.is_sorted_by(is_ordered), "each once, in order: {wanted:?}");
    assert!(found.iter().all(|entry| wanted.means(entry)), "{wanted:?}");
    let was_there = |entry: &Entry| expected.iter().any(|known| known.id == entry.id);
    found.retain(was_there);
    assert_eq!(found, expected, "{wanted:?}");
}
