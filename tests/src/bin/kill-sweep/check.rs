//! What must be true when all is handled.

use std::collections::{BTreeMap, BTreeSet};

use cqrs_core::Event as _;
use cqrs_core::operations::DeliveryDied;

use crate::database::Pool;
use crate::messages::{Advanced, By, Followed, Way};
use crate::report::Report;

/// How the accepted events are counted.
pub(crate) const ACCEPTED: &str = "events accepted: the publisher got its answer";

/// An event is known by its counter, its number, and for one that a handler has published, that handler.
type Id = (i64, i64, i64);

/// What handles an event.
struct Handler {
    name: &'static str,
    /// Whether of [`Followed`], else of [`Advanced`].
    of_followed: bool,
    is_transactional: bool,
}

const HANDLERS: [Handler; 7] = [
    Handler { name: "note", of_followed: false, is_transactional: false },
    Handler { name: "flaky", of_followed: false, is_transactional: false },
    Handler { name: "block", of_followed: false, is_transactional: false },
    Handler { name: "note-followed", of_followed: true, is_transactional: false },
    Handler { name: "count", of_followed: false, is_transactional: true },
    Handler { name: "count-batches", of_followed: false, is_transactional: true },
    Handler { name: "count-followed", of_followed: true, is_transactional: true },
];

/// The log, by what its events say.
#[derive(Default)]
struct Log {
    positions: Vec<i64>,
    advanced: BTreeMap<Id, (i64, Advanced)>,
    /// The position of each.
    followed: BTreeMap<Id, i64>,
    /// What is in the log more than once.
    twice: Vec<Id>,
}

/// Checks a database whose events are all handled. `accepted` are the counters and numbers of the events that publishers
/// know to be accepted.
pub(crate) async fn check(pool: &Pool, accepted: &[(i64, i64)]) -> Report {
    let mut report = Report::default();
    let log = Log::read(pool).await;
    log.check_events(accepted, &mut report);
    check_orders(pool, &log, &mut report).await;
    log.check_followed(&mut report);
    check_handlers(pool, &log, &mut report).await;
    check_dead(pool, &log, &mut report).await;
    check_deaths(pool, &log, &mut report).await;
    check_left_over(pool, &mut report).await;
    report
}

impl Log {
    async fn read(pool: &Pool) -> Self {
        let query =
            "SELECT name, CAST(payload AS text), position FROM cqrs_event ORDER BY position";
        let mut log = Self::default();
        for ([name, payload], [position]) in pool.rows(query).await {
            log.positions.push(position);
            let (id, is_new) = match name.as_str() {
                "counter.advanced" => {
                    let event: Advanced = serde_json::from_str(&payload).expect("its own payload");
                    let id = (event.counter, event.number, 0);
                    (id, log.advanced.insert(id, (position, event)).is_none())
                }
                "counter.followed" => {
                    let event: Followed = serde_json::from_str(&payload).expect("its own payload");
                    let id = (event.counter, event.number, event.by as i64);
                    (id, log.followed.insert(id, position).is_none())
                }
                // Those that were published again after a crash are in the log more than once.
                DeliveryDied::NAME => continue,
                other => unreachable!("nothing publishes {other}"),
            };
            if !is_new {
                log.twice.push(id);
            }
        }
        log
    }

    fn check_events(&self, accepted: &[(i64, i64)], report: &mut Report) {
        report.add(ACCEPTED, accepted.len());
        report.add(
            "events in the log, also those whose publisher was killed before its answer",
            self.advanced.len(),
        );
        let later = self.advanced.values().filter(|(_, event)| event.way == Way::Later);
        report.add("of these published with `publish_at`", later.count());
        let is_lost =
            |&&(counter, number): &&(i64, i64)| !self.advanced.contains_key(&(counter, number, 0));
        report.wrong(
            "accepted events that are not in the log",
            &accepted.iter().filter(is_lost).collect::<Vec<_>>(),
        );
        report.wrong("events that are in the log more than once", &self.twice);
        let holes =
            self.positions.iter().zip(1..).filter(|(position, expected)| *position != expected);
        report.wrong("holes in the log", &holes.take(1).collect::<Vec<_>>());
        let of_way = |wanted: Way| {
            let events = self.advanced.iter().filter(move |(_, (_, event))| event.way == wanted);
            events.map(|(id, _)| *id)
        };
        report.wrong(
            "events of transactions that were rolled back",
            &of_way(Way::RolledBack).collect::<Vec<_>>(),
        );
        report.wrong("events of a `publish_all` without the others", &self.torn());
        report
            .wrong("accepted events out of their publisher's order", &self.out_of_order(accepted));
    }

    /// The events of a `publish_all` that are not in the log one after the other.
    fn torn(&self) -> Vec<Id> {
        let is_torn = |(position, event): &(i64, Advanced)| {
            let Way::Together { first, size } = event.way else { return false };
            let start = position - (event.number - first);
            (0..size).any(|at| {
                let other = self.advanced.get(&(event.counter, first + at, 0));
                other.is_none_or(|(position, _)| *position != start + at)
            })
        };
        self.advanced.iter().filter(|(_, it)| is_torn(it)).map(|(id, _)| *id).collect()
    }

    fn out_of_order(&self, accepted: &[(i64, i64)]) -> Vec<Id> {
        let accepted: BTreeSet<_> = accepted.iter().collect();
        let mut last = BTreeMap::new();
        let mut out_of_order = Vec::new();
        for (counter, number) in accepted {
            let id = (*counter, *number, 0);
            let Some((position, event)) = self.advanced.get(&id) else { continue };
            // Its place is that of its time.
            if event.way == Way::Later {
                continue;
            }
            if last.insert(*counter, *position).is_some_and(|before| before > *position) {
                out_of_order.push(id);
            }
        }
        out_of_order
    }

    /// The handlers `follow` and `count` each publish one event for each.
    fn check_followed(&self, report: &mut Report) {
        report.add("events that handlers have published", self.followed.len());
        let sources = [By::Plain as i64, By::Transactional as i64];
        let expected = self
            .advanced
            .keys()
            .flat_map(|(counter, number, _)| sources.map(|by| (*counter, *number, by)));
        let expected: BTreeSet<Id> = expected.collect();
        let missing: Vec<_> =
            expected.iter().filter(|id| !self.followed.contains_key(*id)).collect();
        report.wrong("events that a handler should have published", &missing);
        let without_cause: Vec<_> =
            self.followed.keys().filter(|id| !expected.contains(*id)).collect();
        report.wrong("events that a handler has published without a cause", &without_cause);
    }

    fn position(&self, id: &Id) -> Option<i64> {
        self.advanced
            .get(id)
            .map(|(position, _)| *position)
            .or_else(|| self.followed.get(id).copied())
    }
}

/// Each order has its event, and each event its order.
async fn check_orders(pool: &Pool, log: &Log, report: &mut Report) {
    let orders = pool.rows::<0, 2>("SELECT counter, event FROM orders").await;
    report.add("transactions of users that were committed", orders.len());
    let ids: BTreeSet<Id> =
        orders.iter().map(|(_, [counter, number])| (*counter, *number, 0)).collect();
    let has_event =
        |id: &&Id| log.advanced.get(*id).is_some_and(|(_, event)| event.way == Way::WithOrder);
    let without: Vec<_> = ids.iter().filter(|id| !has_event(id)).collect();
    report.wrong("rows of users without their event", &without);
    let with_order = log.advanced.iter().filter(|(_, (_, event))| event.way == Way::WithOrder);
    let without: Vec<_> = with_order.map(|(id, _)| id).filter(|id| !ids.contains(*id)).collect();
    report.wrong("events without their row of the user", &without);
    report.wrong(
        "rows of users that were written more than once",
        &vec![(); orders.len() - ids.len()],
    );
}

/// What the handlers have noted: everything, exactly once if they are transactional, each counter in the order of the log.
async fn check_handlers(pool: &Pool, log: &Log, report: &mut Report) {
    let notes =
        pool.rows("SELECT handler, counter, event, source FROM notes ORDER BY number").await;
    let mut by_handler = BTreeMap::<&str, Vec<Id>>::new();
    for ([handler], [counter, number, source]) in &notes {
        by_handler.entry(handler).or_default().push((*counter, *number, *source));
    }
    let (mut lost, mut foreign, mut twice, mut out_of_order) = (vec![], vec![], vec![], vec![]);
    for Handler { name, of_followed, is_transactional } in HANDLERS {
        let of_handler = by_handler.remove(name).unwrap_or_default();
        let is_wanted = |event: &Advanced| name != "flaky" || !event.always_fails();
        let expected: BTreeSet<Id> = if of_followed {
            log.followed.keys().copied().collect()
        } else {
            let events = log.advanced.iter().filter(|(_, (_, event))| is_wanted(event));
            events.map(|(id, _)| *id).collect()
        };
        let (mut handled, mut positions) = (BTreeSet::new(), BTreeMap::new());
        for id in &of_handler {
            if !expected.contains(id) {
                foreign.push((name, *id));
            } else if handled.insert(*id) {
                let position = log.position(id);
                if positions.insert(id.0, position).is_some_and(|before| before > position) {
                    out_of_order.push((name, *id));
                }
            } else if is_transactional {
                twice.push((name, *id));
            }
        }
        lost.extend(expected.difference(&handled).map(|id| (name, *id)));
        let kind = if is_transactional { "transactional" } else { "plain" };
        report.add(&format!("deliveries to {kind} handlers"), handled.len());
        if !is_transactional {
            report.add(
                "of these handled again after a kill, by plain handlers",
                of_handler.len() - handled.len(),
            );
        }
    }
    report.wrong("events that a handler has not handled", &lost);
    report.wrong("events that a handler has handled and that are not in the log", &foreign);
    report.wrong("effects of transactional handlers that happened twice", &twice);
    report.wrong("events that a handler has handled out of order", &out_of_order);
}

/// What fails for good is a dead letter, and nothing else is.
async fn check_dead(pool: &Pool, log: &Log, report: &mut Report) {
    let query = "SELECT subscription.name, CAST(dead.payload AS text) FROM cqrs_dead dead \
                 JOIN cqrs_subscription subscription ON subscription.id = dead.subscription";
    let dead = pool.rows::<2, 0>(query).await;
    let mut ids = BTreeSet::new();
    let mut foreign = Vec::new();
    for ([handler, payload], []) in dead {
        match serde_json::from_str::<Advanced>(&payload) {
            Ok(event) if handler == "flaky" && event.always_fails() => {
                ids.insert((event.counter, event.number, 0));
            }
            _ => foreign.push((handler, payload)),
        }
    }
    report.add("dead letters", ids.len());
    let failing = log.advanced.iter().filter(|(_, (_, event))| event.always_fails());
    let missing: Vec<_> = failing.map(|(id, _)| id).filter(|id| !ids.contains(*id)).collect();
    report.wrong("events without their dead letter", &missing);
    report.wrong("dead letters of events that can be handled", &foreign);
}

/// The death of each delivery that failed for good was handled at least once.
async fn check_deaths(pool: &Pool, log: &Log, report: &mut Report) {
    let query = "SELECT counter, event, source FROM notes WHERE handler = 'deaths'";
    let notes = pool.rows::<0, 3>(query).await;
    let handled: BTreeSet<Id> =
        notes.iter().map(|(_, [counter, number, source])| (*counter, *number, *source)).collect();
    report.add("deaths that were handled", handled.len());
    report.add("of these handled again after a kill", notes.len() - handled.len());
    let failing = log.advanced.iter().filter(|(_, (_, event))| event.always_fails());
    let failing: BTreeSet<Id> = failing.map(|(id, _)| *id).collect();
    let missing: Vec<_> = failing.difference(&handled).collect();
    report.wrong("dead letters whose death was not handled", &missing);
    let foreign: Vec<_> = handled.difference(&failing).collect();
    report.wrong("deaths of events that can be handled", &foreign);
}

/// When all is handled, nothing is in these tables.
async fn check_left_over(pool: &Pool, report: &mut Report) {
    let parked =
        pool.rows::<0, 2>("SELECT CAST(subscription AS bigint), position FROM cqrs_parked").await;
    report.wrong("deliveries that are still parked", &parked);
    let done = pool
        .rows::<0, 3>(
            "SELECT CAST(subscription AS bigint), CAST(shard AS bigint), position FROM cqrs_done",
        )
        .await;
    report.wrong("done rows that are left over", &done);
}
