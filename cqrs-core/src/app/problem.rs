//! What can be wired wrongly.

use std::fmt;

/// Everything that is wired wrongly, in one report.
///
/// Its text is a list to work through; [`problems`](Self::problems) are its parts.
#[derive(Clone)]
pub struct BuildError(pub(super) Vec<Problem>);

impl BuildError {
    /// What is wrong, at least one thing.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => write!(f, "the application is wired wrongly:")?,
            count => write!(f, "the application is wired wrongly in {count} places:")?,
        }
        for (number, problem) in (1..).zip(&self.0) {
            let text = problem.to_string().replace('\n', "\n     ");
            write!(f, "\n{number:3}. {text}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BuildError {
    /// The same text, since that is what `main` and `unwrap` print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildError {}

/// One thing that is wired wrongly. Its text has what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}\nfix: {fix}")]
pub struct Problem {
    kind: ProblemKind,
    text: String,
    fix: String,
}

/// What is wired wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No service has the type of a field.
    MissingService,
    /// Services need each other, so none can be built first.
    Cycle,
    /// Two services are offered as the same type.
    AmbiguousService,
    /// A service that does nothing without its plugin was provided without it.
    ProvidedWithoutPlugin,
    /// A command or query has no handler.
    NoHandler,
    /// A command or query has more than one handler.
    ManyHandlers,
    /// Several messages have the same name.
    SharedMessageName,
    /// Several handlers have the same name.
    SharedHandlerName,
    /// Several plugins have the same name.
    SharedPluginName,
    /// A handler was registered by hand without an event.
    HandlesNothing,
    /// A handler takes the events of a trait, and no event has that trait as an alias.
    NoEventOfTrait,
    /// A handler would get one event twice: it names the event twice, under another name, or beside `*`.
    SameEventTwice,
    /// A query handler injects a bus that can change state, or a service that injects one.
    QueryReachesBus,
    /// A handler writes in a transaction that the store of the application does not have.
    WrongTransaction,
    /// A command is idempotent, and its handler does not write in a transaction.
    IdempotentWithoutTransaction,
    /// Settings name a handler that does not exist, or an option that the handler does not have; or options contradict
    /// each other.
    WrongSetting,
    /// A module that was named contains no annotation.
    EmptyModule,
    /// A service is made by an asynchronous provider, and the application was built with `build`.
    AsyncProvider,
    /// A provider failed.
    ProviderFailed,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, text: String, fix: impl Into<String>) -> Self {
        Self { kind, text, fix: fix.into() }
    }

    /// What is wired wrongly, for tests and tools.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }
}

/// The lines below a problem's text.
pub(super) fn list(items: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    items.into_iter().map(|item| "\n- ".to_owned() + item.as_ref()).collect()
}
