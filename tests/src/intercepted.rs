//! A store whose calls a test intercepts: it counts them, lets them fail, or ends the process there.

use std::any::Any;
use std::fmt;
use std::ops::{Deref, RangeInclusive};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cqrs_core::log::{
    Beat, Change, Claim, DeliveryFilter, DoneRow, DueEvents, Edit, Entry, EventLog, Executed,
    ExecutionKey, Lease, LivingNode, LogEvent, LoggedEvent, Maintenance, NewSubscription, Node,
    Position, Profile, Progress, ScheduledEvent, Scheduling, SeenEvent, Store, StoreError,
    StoredFailure, Subscription, SubscriptionId, SubscriptionProgress, Unit, Units,
};
use cqrs_core::services::TypeRef;
use cqrs_core::{BoxFuture, TenantId};
use uuid::Uuid;

/// A function of a store or of its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are named after the functions")]
pub enum Call {
    Append,
    /// Also of some events, and of the range.
    Read,
    Register,
    Beat,
    Claim,
    Release,
    Leave,
    Save,
    /// Also what operators look at.
    Edit,
    Cancel,
    MoveDue,
    Begin,
    Publish,
    Schedule,
    Done,
    Commit,
}

/// What happens before and after the calls of an [`Intercepted`] store.
pub trait Interceptor: fmt::Debug + Send + Sync + 'static {
    /// Changes what the store says of itself.
    fn profile(&self, inner: Profile) -> Profile {
        inner
    }

    /// Transactions that replace those of the inner store.
    fn units(&self) -> Option<&dyn Units> {
        None
    }

    /// Runs before each call. After an error, the inner store is not called.
    fn before(&self, _: Call) -> impl Future<Output = Result<(), StoreError>> + Send {
        async { Ok(()) }
    }

    /// Runs after each call that has succeeded.
    fn after(&self, _: Call) {}

    /// Runs when the inner store has answered a call.
    fn answered(&self, _: Call) {}

    /// Runs before an append, after [`before`](Self::before).
    ///
    /// # Errors
    ///
    /// Then nothing is appended.
    fn appends(&self, _: &[Entry]) -> Result<(), StoreError> {
        Ok(())
    }

    /// These were claimed.
    fn claimed(&self, _: &[Claim]) {}

    /// These were saved.
    fn saved(&self, _: &[Change]) {}
}

/// A store that passes each call on to an inner store, with an [`Interceptor`] around it. Has the functions of the
/// interceptor, too.
#[derive(Debug, Clone)]
pub struct Intercepted<I> {
    inner: Arc<dyn Store>,
    /// Replaces the inner one.
    next: Arc<OnceLock<Arc<dyn Store>>>,
    interceptor: Arc<I>,
}

impl<I> Deref for Intercepted<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.interceptor
    }
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl<I: Interceptor> Intercepted<I> {
    /// Intercepts the calls of a store.
    pub fn new(inner: Arc<dyn Store>, interceptor: I) -> Self {
        Self { inner, next: Arc::default(), interceptor: Arc::new(interceptor) }
    }

    /// Replaces the inner store. Calls that have not reached it yet reach the next one.
    ///
    /// # Panics
    ///
    /// If it was replaced before.
    pub fn replace(&self, next: Arc<dyn Store>) {
        self.next.set(next).expect("it was not replaced before");
    }

    fn inner(&self) -> &dyn Store {
        &**self.next.get().unwrap_or(&self.inner)
    }

    fn inner_units(&self) -> &dyn Units {
        self.inner().units().expect("the inner store has transactions")
    }

    fn call<'a, T: 'a>(
        &'a self,
        call: Call,
        inner: impl Future<Output = Result<T, StoreError>> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(intercept(&*self.interceptor, call, inner))
    }
}

async fn intercept<T>(
    interceptor: &impl Interceptor,
    call: Call,
    inner: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    interceptor.before(call).await?;
    let answer = inner.await;
    interceptor.answered(call);
    answer.inspect(|_| interceptor.after(call))
}

impl<I: Interceptor> Store for Intercepted<I> {
    fn units(&self) -> Option<&dyn Units> {
        self.interceptor.units().or_else(|| self.inner().units().map(|_| self as _))
    }
}

impl<I: Interceptor> EventLog for Intercepted<I> {
    fn profile(&self) -> Profile {
        self.interceptor.profile(self.inner().profile())
    }

    fn append<'a>(&'a self, entries: &'a [Entry]) -> Answer<'a, Vec<Option<Position>>> {
        self.call(Call::Append, async {
            self.interceptor.appends(entries)?;
            self.inner().append(entries).await
        })
    }

    fn read(&self, after: Position, limit: usize) -> Answer<'_, Vec<LoggedEvent>> {
        self.call(Call::Read, async move { self.inner().read(after, limit).await })
    }

    fn read_others<'a>(
        &'a self,
        after: Position,
        end: Position,
        without: &'a [&'a str],
        limit: usize,
    ) -> Answer<'a, Vec<LoggedEvent>> {
        self.call(
            Call::Read,
            async move { self.inner.read_others(after, end, without, limit).await },
        )
    }

    fn read_at<'a>(&'a self, positions: &'a [Position]) -> Answer<'a, Vec<LoggedEvent>> {
        self.call(Call::Read, async { self.inner().read_at(positions).await })
    }

    fn range(&self) -> Answer<'_, RangeInclusive<Position>> {
        self.call(Call::Read, async { self.inner().range().await })
    }

    fn news(&self) -> BoxFuture<'_, ()> {
        self.inner().news()
    }
}

impl<I: Interceptor> Progress for Intercepted<I> {
    fn register<'a>(&'a self, wanted: &'a [NewSubscription<'a>]) -> Answer<'a, Vec<Subscription>> {
        self.call(Call::Register, async { self.inner().register(wanted).await })
    }

    fn beat<'a>(&'a self, node: &'a Node) -> Answer<'a, Beat> {
        self.call(Call::Beat, async { self.inner().beat(node).await })
    }

    fn claim<'a>(
        &'a self,
        node: &'a Node,
        at_most: usize,
        subscriptions: &'a [SubscriptionId],
    ) -> Answer<'a, Vec<Claim>> {
        self.call(Call::Claim, async move {
            let claims = self.inner().claim(node, at_most, subscriptions).await?;
            self.interceptor.claimed(&claims);
            Ok(claims)
        })
    }

    fn release<'a>(&'a self, node: &'a Node, leases: &'a [Lease]) -> Answer<'a, ()> {
        self.call(Call::Release, async { self.inner().release(node, leases).await })
    }

    fn leave<'a>(&'a self, node: &'a Node) -> Answer<'a, ()> {
        self.call(Call::Leave, async { self.inner().leave(node).await })
    }

    fn save<'a>(&'a self, changes: &'a [Change], seen: &'a [SeenEvent]) -> Answer<'a, Vec<Lease>> {
        self.call(Call::Save, async {
            let lost = self.inner().save(changes, seen).await?;
            self.interceptor.saved(changes);
            Ok(lost)
        })
    }
}

impl<I: Interceptor> Maintenance for Intercepted<I> {
    fn subscriptions(&self) -> Answer<'_, Vec<SubscriptionProgress>> {
        self.call(Call::Edit, async { self.inner().subscriptions().await })
    }

    fn nodes(&self) -> Answer<'_, Vec<LivingNode>> {
        self.call(Call::Edit, async { self.inner().nodes().await })
    }

    fn failed<'a>(&'a self, filter: &'a DeliveryFilter) -> Answer<'a, Vec<StoredFailure>> {
        self.call(Call::Edit, async { self.inner().failed(filter).await })
    }

    fn edit<'a>(&'a self, edit: &'a Edit<'a>) -> Answer<'a, u64> {
        self.call(Call::Edit, async { self.inner().edit(edit).await })
    }
}

impl<I: Interceptor> Scheduling for Intercepted<I> {
    fn cancel(&self, id: Uuid) -> Answer<'_, bool> {
        self.call(Call::Cancel, async move { self.inner().cancel(id).await })
    }

    fn move_due(&self, limit: usize, ahead: Duration) -> Answer<'_, DueEvents> {
        self.call(Call::MoveDue, async move { self.inner().move_due(limit, ahead).await })
    }
}

impl<I: Interceptor> Units for Intercepted<I> {
    fn transaction(&self) -> TypeRef {
        self.inner_units().transaction()
    }

    fn begin<'a>(&'a self, tenant: Option<&'a TenantId>) -> Answer<'a, Box<dyn Unit>> {
        self.call(Call::Begin, async move {
            let inner = self.inner_units().begin(tenant).await?;
            let interceptor = Arc::clone(&self.interceptor);
            Ok(Box::new(InterceptedUnit { inner, interceptor }) as _)
        })
    }
}

struct InterceptedUnit<I> {
    inner: Box<dyn Unit>,
    interceptor: Arc<I>,
}

impl<I: Interceptor> Unit for InterceptedUnit<I> {
    fn transaction(&mut self) -> &mut (dyn Any + Send) {
        self.inner.transaction()
    }

    fn publish<'a>(&'a mut self, events: &'a [LogEvent]) -> Answer<'a, ()> {
        Box::pin(intercept(&*self.interceptor, Call::Publish, self.inner.publish(events)))
    }

    fn schedule<'a>(&'a mut self, events: &'a [ScheduledEvent]) -> Answer<'a, ()> {
        Box::pin(intercept(&*self.interceptor, Call::Schedule, self.inner.schedule(events)))
    }

    fn done<'a>(&'a mut self, rows: &'a [DoneRow]) -> Answer<'a, bool> {
        Box::pin(intercept(&*self.interceptor, Call::Done, self.inner.done(rows)))
    }

    fn claim_key<'a>(&'a mut self, key: &'a ExecutionKey) -> Answer<'a, Option<Executed>> {
        self.inner.claim_key(key)
    }

    fn store_output<'a>(&'a mut self, key: &'a ExecutionKey, output: &'a str) -> Answer<'a, ()> {
        self.inner.store_output(key, output)
    }

    fn commit(self: Box<Self>) -> Answer<'static, ()> {
        Box::pin(
            async move { intercept(&*self.interceptor, Call::Commit, self.inner.commit()).await },
        )
    }
}
