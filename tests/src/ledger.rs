//! A store with transactions, for tests of handlers that write in them: the store in memory, and a list of lines.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cqrs_core::log::{
    DoneRow, Entry, EventLog as _, Executed, ExecutionKey, LogEvent, MemoryStore, Profile,
    ScheduledEvent, StoreError, Unit, Units,
};
use cqrs_core::services::TypeRef;
use cqrs_core::{BoxFuture, TenantId};

use crate::intercepted::{Intercepted, Interceptor};

/// A store whose transactions add lines to a list. Clones share it.
pub type Ledger = Intercepted<Lines>;

/// The list of a [`Ledger`], and the log to which its transactions append.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    log: MemoryStore,
    committed: Arc<Mutex<Vec<String>>>,
    /// The commands with an idempotency key that were executed.
    executed: Arc<Mutex<HashMap<[u8; 32], Executed>>>,
}

/// A transaction of a [`Ledger`].
#[derive(Debug, Default)]
pub struct LedgerTransaction(Vec<String>, Option<StoreError>);

/// The error of a [`Ledger`] that has rolled a transaction back because of a conflict.
#[derive(Debug)]
pub struct Conflict;

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another transaction came first")
    }
}

impl std::error::Error for Conflict {}

impl LedgerTransaction {
    /// Adds a line, if the transaction commits.
    pub fn write(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// Lets the commit fail with this error.
    pub fn fail_to_commit(&mut self, error: StoreError) {
        self.1 = Some(error);
    }
}

impl Default for Ledger {
    fn default() -> Self {
        let lines = Lines::default();
        Self::new(Arc::new(lines.log.clone()), lines)
    }
}

impl Lines {
    /// The lines that were committed.
    pub fn lines(&self) -> Vec<String> {
        self.committed().clone()
    }

    fn committed(&self) -> MutexGuard<'_, Vec<String>> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Lines {
    fn profile(&self, inner: Profile) -> Profile {
        Profile { name: "ledger", ..inner }
    }

    fn units(&self) -> Option<&dyn Units> {
        Some(self)
    }
}

impl Units for Lines {
    fn transaction(&self) -> TypeRef {
        TypeRef::of::<LedgerTransaction>()
    }

    fn is_conflict(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        error.is::<Conflict>()
    }

    fn begin<'a>(
        &'a self,
        _: Option<&'a TenantId>,
    ) -> BoxFuture<'a, Result<Box<dyn Unit>, StoreError>> {
        let (entry, transaction) = (Entry::default(), LedgerTransaction::default());
        let unit = LedgerUnit { lines: self.clone(), entry, transaction, executed: None };
        Box::pin(async { Ok(Box::new(unit) as _) })
    }
}

struct LedgerUnit {
    lines: Lines,
    /// What is appended with the commit.
    entry: Entry,
    transaction: LedgerTransaction,
    executed: Option<([u8; 32], Executed)>,
}

impl Unit for LedgerUnit {
    fn transaction(&mut self) -> &mut (dyn Any + Send) {
        &mut self.transaction
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entry.events.extend_from_slice(events);
        Box::pin(async { Ok(()) })
    }

    fn schedule<'a>(
        &'a mut self,
        events: &'a [ScheduledEvent],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.entry.scheduled.extend_from_slice(events);
        Box::pin(async { Ok(()) })
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.entry.done.extend_from_slice(rows);
        // The commit fails if one of them is there.
        Box::pin(async { Ok(true) })
    }

    fn claim_key<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
    ) -> BoxFuture<'a, Result<Option<Executed>, StoreError>> {
        let executed = self.lines.executed.lock().unwrap_or_else(PoisonError::into_inner);
        let executed = executed.get(&key.id).cloned();
        Box::pin(async { Ok(executed) })
    }

    fn store_output<'a>(
        &'a mut self,
        key: &'a ExecutionKey,
        output: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (fingerprint, output) = (key.fingerprint.to_vec(), output.to_owned());
        self.executed = Some((key.id, Executed { fingerprint, output }));
        Box::pin(async { Ok(()) })
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            let Self { lines, entry, transaction, executed } = *self;
            if let Some(error) = transaction.1 {
                return Err(error);
            }
            let appended = lines.log.append(&[entry]).await?;
            if appended.contains(&None) {
                return Err(StoreError::Refused("the delivery is done".into()));
            }
            lines.committed().extend(transaction.0);
            lines.executed.lock().unwrap_or_else(PoisonError::into_inner).extend(executed);
            Ok(())
        })
    }
}
