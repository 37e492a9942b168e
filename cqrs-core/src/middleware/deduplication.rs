//! A command that is sent twice is executed once.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{Call, Middleware, Next, Outcome, Rejection};
use crate::context::TenantScope;
use crate::handler::AttemptError;
use crate::message::Command;
use crate::message::MessageKind;

/// How long a command is remembered, unless [`Deduplicate::for_at_least`] says otherwise.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Executes a command once for each idempotency key of its context
/// ([`with_idempotency_key`](crate::Context::with_idempotency_key)), tenant and command name.
///
/// A second command with the same key is refused as a duplicate. For commands named with
/// [`replaying`](Self::replaying), it gets the output of the first one instead. A command that fails is
/// forgotten, so that it can be sent again. Commands without a key, queries and events are not affected.
///
/// It remembers commands in the memory of one process, up to a maximum; beyond that, it forgets the oldest.
///
/// ```
/// use cqrs_core::prelude::*;
/// use cqrs_core::middleware::Deduplicate;
///
/// #[derive(Command)]
/// #[command(output = u64)]
/// struct OpenAccount;
///
/// let deduplicate = Deduplicate::remembering(100_000).replaying::<OpenAccount>();
/// let builder = App::builder().middleware(deduplicate);
/// # let _ = builder;
/// ```
pub struct Deduplicate {
    capacity: usize,
    remembered_for: Duration,
    replays: FxHashMap<TypeId, Replay>,
    memory: Mutex<Memory>,
}

/// How a command's output is stored and replayed.
struct Replay {
    keep: fn(&Call<'_>) -> Option<Kept>,
    give: fn(&mut Call<'_>, &Kept),
}

type Kept = Arc<dyn Any + Send + Sync>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantScope,
    command: &'static str,
    value: Arc<str>,
}

#[derive(Default)]
struct Memory {
    executions: FxHashMap<Key, Execution>,
    /// Finished commands, oldest first.
    finished: VecDeque<(Instant, Key)>,
}

#[derive(Clone)]
enum Execution {
    Running,
    Finished(Option<Kept>),
}

impl Deduplicate {
    /// Remembers at most `commands` for at least an hour; 0 counts as 1.
    pub fn remembering(commands: usize) -> Self {
        Self {
            capacity: commands.max(1),
            remembered_for: REMEMBERED,
            replays: FxHashMap::default(),
            memory: Mutex::default(),
        }
    }

    /// Remembers a command for this long, unless the maximum number is reached earlier.
    pub fn for_at_least(mut self, duration: Duration) -> Self {
        self.remembered_for = duration;
        self
    }

    /// Answers a second `C` with the output of the first one, instead of refusing it.
    pub fn replaying<C: Command>(mut self) -> Self
    where
        C::Output: Clone + Sync,
    {
        let replay = Replay {
            keep: |call| match call.result::<Result<C::Output, AttemptError<C::Error>>>()? {
                Ok(output) => Some(Arc::new(output.clone())),
                Err(_) => None,
            },
            give: |call, kept| {
                if let Some(output) = kept.downcast_ref::<C::Output>() {
                    call.set_result::<Result<C::Output, AttemptError<C::Error>>>(
                        Ok(output.clone()),
                    );
                }
            },
        };
        self.replays.insert(TypeId::of::<C>(), replay);
        self
    }

    fn replay_of(&self, call: &Call<'_>) -> Option<&Replay> {
        self.replays.get(&call.any_message()?.type_id())
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Middleware for Deduplicate {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        let key = match (call.kind(), call.shared_idempotency_key()) {
            (MessageKind::Command, Some(key)) => {
                Key { tenant: call.context().tenant().clone(), command: call.name(), value: key }
            }
            _ => return next.run(call).await,
        };
        let replay = self.replay_of(call);
        let before = self.memory().begin(&key, self.remembered_for);
        match (before, replay) {
            (None, _) => {}
            (Some(Execution::Finished(Some(kept))), Some(replay)) => {
                (replay.give)(call, &kept);
                return Ok(());
            }
            (Some(Execution::Finished(_)), _) => {
                return Err(Rejection::duplicate("this command was executed before").into());
            }
            (Some(Execution::Running), _) => {
                return Err(Rejection::duplicate("this command is being executed").into());
            }
        }
        // A command that has not succeeded is forgotten, also if this future is dropped.
        let mut running = RunningCommand { deduplicate: self, key: Some(key) };
        let outcome = next.run(call).await;
        if outcome.is_ok()
            && let Some(key) = running.key.take()
        {
            let kept = replay.and_then(|replay| (replay.keep)(call));
            self.memory().finish(key, kept, self.capacity);
        }
        outcome
    }
}

struct RunningCommand<'a> {
    deduplicate: &'a Deduplicate,
    key: Option<Key>,
}

impl Drop for RunningCommand<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.deduplicate.memory().executions.remove(key);
        }
    }
}

impl Memory {
    /// What is known about `key`. If nothing is, the command is marked as running.
    fn begin(&mut self, key: &Key, remembered_for: Duration) -> Option<Execution> {
        let now = Instant::now();
        while let Some((_, old)) =
            self.finished.pop_front_if(|(at, _)| now.duration_since(*at) > remembered_for)
        {
            self.executions.remove(&old);
        }
        let before = self.executions.get(key).cloned();
        if before.is_none() {
            self.executions.insert(key.clone(), Execution::Running);
        }
        before
    }

    fn finish(&mut self, key: Key, kept: Option<Kept>, capacity: usize) {
        self.executions.insert(key.clone(), Execution::Finished(kept));
        self.finished.push_back((Instant::now(), key));
        while self.finished.len() > capacity
            && let Some((_, oldest)) = self.finished.pop_front()
        {
            self.executions.remove(&oldest);
        }
    }
}

impl fmt::Debug for Deduplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deduplicate")
            .field("capacity", &self.capacity)
            .field("remembered_for", &self.remembered_for)
            .finish_non_exhaustive()
    }
}
