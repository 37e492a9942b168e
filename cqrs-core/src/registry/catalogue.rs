//! The catalogue: everything that is annotated in the linked crates.

use std::any::TypeId;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{
    EventAlias, HandlerRegistration, InjectableRegistration, MessageRegistration, PluginService,
};
use crate::message::{Decoder, Validator};

/// What the annotations submitted. It alone reads `inventory`, once per application.
///
/// Sorted, because the order in which the linker finds annotations is not stable.
pub(crate) struct Catalogue {
    /// Of the selected modules, by name.
    pub(crate) messages: Vec<&'static MessageRegistration>,
    /// Of the selected modules, by name.
    pub(crate) handlers: Vec<&'static HandlerRegistration>,
    /// Of the selected modules, by type.
    pub(crate) injectables: Vec<&'static InjectableRegistration>,
    /// The handlers of all other modules, by name.
    pub(crate) left_out: Vec<&'static HandlerRegistration>,
    /// All messages, whether or not their module is selected.
    pub(crate) by_type: FxHashMap<TypeId, &'static MessageRegistration>,
    /// The events that have each trait as an alias, in the order of their types' paths.
    pub(crate) aliases: FxHashMap<TypeId, Vec<&'static EventAlias>>,
    /// The names of plugins, by the service that does nothing without its plugin.
    pub(crate) plugins: FxHashMap<TypeId, &'static str>,
    /// All modules with something annotated, selected or not.
    pub(crate) modules: BTreeSet<&'static str>,
}

impl Catalogue {
    /// `is_selected` gets the path of a module.
    pub(crate) fn read(is_selected: impl Fn(&str) -> bool) -> Self {
        let mut messages: Vec<_> = inventory::iter::<MessageRegistration>().collect();
        messages.sort_by_key(|it| (it.name, it.source));
        let mut handlers: Vec<_> = inventory::iter::<HandlerRegistration>().collect();
        handlers.sort_by_key(|it| (&*it.name, it.source));
        let mut injectables: Vec<_> = inventory::iter::<InjectableRegistration>().collect();
        injectables.sort_by_key(|it| ((it.service)().path(), it.source));

        let mut aliases = FxHashMap::<_, Vec<_>>::default();
        for alias in inventory::iter::<EventAlias>() {
            aliases.entry((alias.alias)().id()).or_default().push(alias);
        }
        for events in aliases.values_mut() {
            events.sort_by_key(|it| (it.event)().path());
        }
        let plugins = inventory::iter::<PluginService>();
        let plugins = plugins.map(|it| ((it.service)().id(), it.plugin)).collect();
        let sources =
            messages.iter().map(|it| it.source).chain(handlers.iter().map(|it| it.source));
        let sources = sources.chain(injectables.iter().map(|it| it.source));
        let modules = sources.map(|source| source.module).collect();
        let by_type = messages.iter().map(|&it| ((it.message)().id(), it)).collect();
        messages.retain(|it| is_selected(it.source.module));
        injectables.retain(|it| is_selected(it.source.module));
        let (handlers, left_out) =
            handlers.into_iter().partition(|it| is_selected(it.source.module));
        Self { messages, handlers, injectables, left_out, by_type, aliases, plugins, modules }
    }

    /// How every event, in any module, is read.
    pub(crate) fn events(&self) -> impl Iterator<Item = Decoder> {
        self.by_type.values().filter_map(|it| it.decoder())
    }

    /// The validators of all messages that implement [`Validate`](crate::middleware::Validate).
    pub(crate) fn validators(&self) -> FxHashMap<TypeId, Validator> {
        let validators =
            self.by_type.iter().map(|(&message, it)| Some((message, (it.validator)()?)));
        validators.flatten().collect()
    }
}
