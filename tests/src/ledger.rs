//! A store with transactions, for tests of handlers that write in them: the store in memory, and a list of lines.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_core::BoxFuture;
use cqrs_core::log::{
    Beat, Change, Claim, DoneRow, Entry, EventLog, Lease, LogEvent, LoggedEvent, MemoryStore,
    NewSubscription, Node, Position, Profile, Progress, Store, StoreError, Subscription,
    SubscriptionId, Unit, Units,
};
use cqrs_core::services::TypeRef;

/// A store whose transactions add lines to a list. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    log: MemoryStore,
    lines: Arc<Mutex<Vec<String>>>,
}

/// A transaction of a [`Ledger`].
#[derive(Debug, Default)]
pub struct LedgerTransaction(Vec<String>);

impl LedgerTransaction {
    /// Adds a line, if the transaction commits.
    pub fn write(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }
}

impl Ledger {
    /// The lines that were committed.
    pub fn lines(&self) -> Vec<String> {
        self.committed().clone()
    }

    fn committed(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Ledger {
    fn units(&self) -> Option<&dyn Units> {
        Some(self)
    }
}

impl Units for Ledger {
    fn transaction(&self) -> TypeRef {
        TypeRef::of::<LedgerTransaction>()
    }

    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Unit>, StoreError>> {
        let (entry, transaction) = (Entry::default(), LedgerTransaction::default());
        let unit = LedgerUnit { ledger: self.clone(), entry, transaction };
        Box::pin(async { Ok(Box::new(unit) as _) })
    }
}

struct LedgerUnit {
    ledger: Ledger,
    /// What is appended with the commit.
    entry: Entry,
    transaction: LedgerTransaction,
}

impl Unit for LedgerUnit {
    fn transaction(&mut self) -> &mut (dyn std::any::Any + Send) {
        &mut self.transaction
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entry.events.extend_from_slice(events);
        Box::pin(async { Ok(()) })
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.entry.done.extend_from_slice(rows);
        // The commit fails if one of them is there.
        Box::pin(async { Ok(true) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            let Self { ledger, entry, transaction } = *self;
            let appended = ledger.log.append(&[entry]).await?;
            if appended.contains(&None) {
                return Err(StoreError::Refused("the delivery is done".into()));
            }
            ledger.committed().extend(transaction.0);
            Ok(())
        })
    }
}

impl EventLog for Ledger {
    fn profile(&self) -> Profile {
        Profile { name: "ledger", ..self.log.profile() }
    }

    fn append<'a>(
        &'a self,
        entries: &'a [Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        self.log.append(entries)
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<LoggedEvent>, StoreError>> {
        self.log.read(after, limit)
    }

    fn read_at<'a>(
        &'a self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<LoggedEvent>, StoreError>> {
        self.log.read_at(positions)
    }

    fn range(&self) -> BoxFuture<'_, Result<RangeInclusive<Position>, StoreError>> {
        self.log.range()
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        self.log.news()
    }
}

impl Progress for Ledger {
    fn register<'a>(
        &'a self,
        wanted: &'a [NewSubscription<'a>],
    ) -> BoxFuture<'a, Result<Vec<Subscription>, StoreError>> {
        self.log.register(wanted)
    }

    fn beat<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<Beat, StoreError>> {
        self.log.beat(node)
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> BoxFuture<'a, Result<Vec<Claim>, StoreError>> {
        self.log.claim(node, at_most, subscriptions)
    }

    fn release<'a>(
        &'a self,
        node: &'a Node,
        leases: &'a [Lease],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.log.release(node, leases)
    }

    fn leave<'a>(&'a self, node: &'a Node) -> BoxFuture<'a, Result<(), StoreError>> {
        self.log.leave(node)
    }

    fn save<'a>(&'a self, changes: &'a [Change]) -> BoxFuture<'a, Result<Vec<Lease>, StoreError>> {
        self.log.save(changes)
    }
}
