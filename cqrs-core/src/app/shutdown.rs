//! What a shutdown could not finish.

use std::fmt;
use std::sync::Arc;

use crate::bus::Undelivered;
use crate::lane::DeliveryState;
use crate::message::AnyEvent;

/// What was not finished when an application stopped.
#[derive(Debug, Clone, Default)]
#[must_use = "look at `is_clean`, or log it: it says what was lost"]
pub struct ShutdownReport {
    pub(super) unfinished: Vec<Unfinished>,
    pub(super) dead_letters: usize,
}

/// One delivery, command, query or plugin that was not finished.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Unfinished {
    /// An event that a handler did not finish.
    Delivery {
        /// The handler's stable name.
        handler: Arc<str>,
        /// The event, with its context.
        event: AnyEvent,
        /// How many attempts had failed.
        failed_attempts: u32,
        /// Where it was.
        state: DeliveryState,
    },
    /// Tasks that handlers spawned with [`Context::spawn`](crate::Context::spawn), and that still run.
    Tasks {
        /// How many.
        count: usize,
    },
    /// A plugin that failed to shut down.
    Plugin {
        /// The plugin's name.
        plugin: String,
        /// Why.
        reason: String,
    },
    /// A command or query that was running, and was cancelled.
    Execution {
        /// The handler's stable name.
        handler: Arc<str>,
        /// The message's stable name.
        message: &'static str,
    },
}

impl ShutdownReport {
    pub(super) fn new(
        executions: Vec<(Arc<str>, &'static str)>,
        mut deliveries: Vec<Undelivered>,
        tasks: usize,
    ) -> Self {
        deliveries.sort_by(|a, b| (a.1.id(), &a.0).cmp(&(b.1.id(), &b.0)));
        let mut unfinished = Vec::new();
        for (handler, message) in executions {
            unfinished.push(Unfinished::Execution { handler, message });
        }
        for (handler, event, failed_attempts, state) in deliveries {
            unfinished.push(Unfinished::Delivery { handler, event, failed_attempts, state });
        }
        if tasks > 0 {
            unfinished.push(Unfinished::Tasks { count: tasks });
        }
        Self { unfinished, dead_letters: 0 }
    }

    /// How many dead letters the application has. They count as finished. They are lost when the process
    /// ends.
    pub fn dead_letters(&self) -> usize {
        self.dead_letters
    }

    /// Whether everything was finished.
    pub fn is_clean(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// What was not finished.
    pub fn unfinished(&self) -> &[Unfinished] {
        &self.unfinished
    }
}

/// How many unfinished items the text lists.
const LISTED: usize = 20;

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.unfinished.len();
        match count {
            0 => f.write_str("everything was finished")?,
            _ => write!(f, "{count} not finished:")?,
        }
        for unfinished in self.unfinished.iter().take(LISTED) {
            write!(f, "\n  {unfinished}")?;
        }
        if let more @ 1.. = count.saturating_sub(LISTED) {
            write!(f, "\n  and {more} more")?;
        }
        match (self.dead_letters, count) {
            (0, _) => Ok(()),
            (dead, 0) => write!(f, "; dead letters: {dead}"),
            (dead, _) => write!(f, "\n  dead letters: {dead}"),
        }
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivery { handler, event, state, .. } => {
                write!(f, "{} {} for {handler}: {state}", event.name(), event.id())
            }
            Self::Tasks { count } => write!(f, "tasks that handlers spawned: {count}"),
            Self::Plugin { plugin, reason } => write!(f, "plugin {plugin}: {reason}"),
            Self::Execution { handler, message } => write!(f, "{message} in {handler}: running"),
        }
    }
}
