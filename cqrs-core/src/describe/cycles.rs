//! Modules that depend on each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use super::{Description, Location};

/// Modules that depend on each other in a circle.
///
/// Its text names the modules, and each handler and message that makes one depend on the next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleCycle {
    /// The paths of the modules: each depends on the next one, and the last on the first.
    pub modules: Vec<String>,
    /// Why: each dependency of a module on the next one.
    pub dependencies: Vec<ModuleDependency>,
}

/// A handler of one module that needs a message of another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleDependency {
    /// The path of the handler's module.
    pub from: String,
    /// The path of the message's module.
    pub to: String,
    /// The handler's stable name.
    pub handler: String,
    /// Where the handler is.
    pub handler_declared: Location,
    /// Whether the handler emits the message; otherwise it handles the message.
    pub emits: bool,
    /// The message's stable name.
    pub message: String,
    /// Where the message is.
    pub message_declared: Location,
}

impl fmt::Display for ModuleCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for module in &self.modules {
            write!(f, "{module} -> ")?;
        }
        f.write_str(self.modules.first().map_or("", String::as_str))?;
        self.dependencies.iter().try_for_each(|dependency| write!(f, "\n  {dependency}"))
    }
}

impl fmt::Display for ModuleDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, handler, handler_declared, message, message_declared, .. } = self;
        let verb = if self.emits { "emits" } else { "handles" };
        write!(f, "{from}: `{handler}` ({handler_declared}) {verb} `{message}` ")?;
        write!(f, "of {to} ({message_declared})")
    }
}

impl Description {
    /// Modules that depend on each other in a circle: each such module is in at least one cycle, the shortest
    /// one through the first of its modules by name.
    ///
    /// A module here is one that `modules![..]` named, with everything below it, or else a crate. It depends on
    /// another one if one of its handlers handles a message that is declared there, or, as far as its annotation
    /// or [`with_emissions`](Self::with_emissions) said so, emits one: publishes or executes it. So a
    /// module without handlers, such as one of shared events, depends on none, and every module may depend
    /// on it. Handlers of every event, and what is registered by hand, do not count.
    pub fn module_cycles(&self) -> Vec<ModuleCycle> {
        let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let dependencies = self.module_dependencies();
        for it in &dependencies {
            next.entry(&it.from).or_default().insert(&it.to);
        }
        let mut cycles: Vec<ModuleCycle> = Vec::new();
        for module in next.keys() {
            if cycles.iter().any(|cycle| cycle.modules.iter().any(|it| it == module)) {
                continue;
            }
            let Some(modules) = shortest_cycle(&next, module) else { continue };
            let steps = modules.iter().zip(modules.iter().cycle().skip(1));
            let dependencies = steps.flat_map(|(from, to)| {
                dependencies.iter().filter(move |it| it.from == *from && it.to == *to).cloned()
            });
            let dependencies = dependencies.collect();
            let modules = modules.into_iter().map(str::to_owned).collect();
            cycles.push(ModuleCycle { modules, dependencies });
        }
        cycles
    }

    /// Checks in a test that no modules depend on each other in a circle; see
    /// [`module_cycles`](Self::module_cycles).
    ///
    /// # Panics
    ///
    /// If there is a cycle. The message has its modules, and the handlers and messages with `file:line`.
    #[track_caller]
    pub fn assert_no_cycles(&self) {
        let cycles: Vec<_> = self.module_cycles().iter().map(ToString::to_string).collect();
        assert!(
            cycles.is_empty(),
            "modules depend on each other in a circle:\n{}\n\
             fix: declare the messages that both sides need in a module without handlers",
            cycles.join("\n")
        );
    }

    /// Every handler that needs a message of another module.
    fn module_dependencies(&self) -> Vec<ModuleDependency> {
        let messages: BTreeMap<_, _> =
            self.messages.iter().map(|message| (message.name.as_str(), message)).collect();
        let mut dependencies = Vec::new();
        for handler in &self.handlers {
            let handles = handler.handles.iter().map(|message| (message, false));
            for (message, emits) in handles.chain(handler.emits.iter().map(|it| (it, true))) {
                let declared = messages.get(message.as_str()).and_then(|it| it.declared.as_ref());
                let (from, to) = (self.part_of(Some(&handler.declared)), self.part_of(declared));
                let (Some(from), Some(to), Some(declared)) = (from, to, declared) else { continue };
                if from == to {
                    continue;
                }
                dependencies.push(ModuleDependency {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    handler: handler.name.clone(),
                    handler_declared: handler.declared.clone(),
                    emits,
                    message: message.clone(),
                    message_declared: declared.clone(),
                });
            }
        }
        dependencies
    }
}

/// The modules of the shortest way from `start` back to it, beginning with `start`.
fn shortest_cycle<'a>(
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    start: &'a str,
) -> Option<Vec<&'a str>> {
    let mut reached_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(module) = queue.pop_front() {
        for &to in next.get(module).into_iter().flatten() {
            if to == start {
                let before = |it: &&'a str| reached_from.get(*it).copied();
                let mut cycle: Vec<_> = std::iter::successors(Some(module), before).collect();
                cycle.reverse();
                return Some(cycle);
            }
            if !reached_from.contains_key(to) {
                reached_from.insert(to, module);
                queue.push_back(to);
            }
        }
    }
    None
}
