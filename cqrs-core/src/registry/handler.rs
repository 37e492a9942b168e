//! The registration of handlers.

use std::borrow::Cow;
use std::sync::Arc;

use super::retried::RetryWhen;
use super::{AnyHandler, EventRoute, ExecutionRoute, MessageRegistration, Source};
use crate::handler::{
    BatchPolicy, CommandHandler, HandlerOptions, QueryHandler, StreamQueryHandler,
    TransactionalCommandHandler,
};
use crate::message::{Command, MessageKind, Query, StreamQuery};
use crate::services::{Dependency, Injectable, Services, TypeRef};

/// A handler and what it handles, as its annotation submits it.
#[derive(Debug, Clone)]
pub struct HandlerRegistration {
    pub(crate) name: Cow<'static, str>,
    pub(crate) source: Source,
    pub(crate) options: HandlerOptions,
    /// For a handler of batches.
    pub(crate) batch: Option<BatchPolicy>,
    pub(crate) handler: fn() -> TypeRef,
    pub(crate) dependencies: fn() -> Vec<Dependency>,
    pub(crate) construct: Construct,
    /// Of an event handler.
    pub(crate) routes: Cow<'static, [EventRoute]>,
    /// Of a handler of a command or query.
    pub(crate) execution: Option<ExecutionRoute>,
    /// The names of the messages that it publishes or executes, if its annotation lists them.
    pub(crate) emits: Option<&'static [fn() -> &'static str]>,
}

inventory::collect!(HandlerRegistration);

/// How a handler is made.
#[derive(Debug, Clone)]
pub(crate) enum Construct {
    Inject(fn(&Services) -> AnyHandler),
    Ready(AnyHandler),
}

impl HandlerRegistration {
    /// `H`, which handles the events of `routes`: in batches, if they are routes of batches.
    pub const fn events<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        batch: Option<BatchPolicy>,
        routes: &'static [EventRoute],
    ) -> Self {
        let mut registration = Self::injected::<H>(name, source, options, routes, None);
        registration.batch = batch;
        registration
    }

    /// `H`, which executes the command `C`.
    pub const fn command<H, C>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        C: Command,
        H: Injectable + CommandHandler<C>,
    {
        let execution = Some(ExecutionRoute::command::<H, C>());
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// `H`, which executes the command `C` in a transaction.
    pub const fn transactional_command<H, C>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
    ) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        C: Command,
        H: Injectable + TransactionalCommandHandler<C>,
    {
        let execution = Some(ExecutionRoute::transactional::<H, C>());
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// `H`, which executes the command `C`. After errors that `when` accepts, it executes it again, by the retry policy of its
    /// options.
    pub const fn retried_command<H, C>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        when: Option<&'static fn(&C::Error) -> bool>,
    ) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        C: Command + Clone,
        H: Injectable + CommandHandler<C>,
    {
        let execution = Some(ExecutionRoute::retried::<H, C>(RetryWhen::new::<C>(when)));
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// As [`retried_command`](Self::retried_command), with a new transaction for each attempt. It also executes the command
    /// again if a transaction cannot begin, or is rolled back because of a conflict.
    pub const fn retried_transactional_command<H, C>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        when: Option<&'static fn(&C::Error) -> bool>,
    ) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        C: Command + Clone,
        H: Injectable + TransactionalCommandHandler<C>,
    {
        let when = RetryWhen::new::<C>(when);
        let execution = Some(ExecutionRoute::retried_in_transactions::<H, C>(when));
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// `H`, which answers the query `Q` with a stream.
    pub const fn stream_query<H, Q>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
    ) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        Q: StreamQuery,
        H: Injectable + StreamQueryHandler<Q>,
    {
        let execution = Some(ExecutionRoute::stream::<H, Q>());
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// `H`, which answers the query `Q`.
    pub const fn query<H, Q>(name: &'static str, source: Source, options: HandlerOptions) -> Self
    where
        // First, so that the compiler reports a message of the wrong kind as such.
        Q: Query,
        H: Injectable + QueryHandler<Q>,
    {
        let execution = Some(ExecutionRoute::query::<H, Q>());
        Self::injected::<H>(name, source, options, &[], execution)
    }

    /// Lists what the handler publishes and executes, as functions that return the names of the messages.
    pub const fn emits(mut self, messages: &'static [fn() -> &'static str]) -> Self {
        self.emits = Some(messages);
        self
    }

    const fn injected<H: Injectable>(
        name: &'static str,
        source: Source,
        options: HandlerOptions,
        routes: &'static [EventRoute],
        execution: Option<ExecutionRoute>,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source,
            options,
            batch: None,
            handler: TypeRef::of::<H>,
            dependencies: H::dependencies,
            construct: Construct::Inject(|services| Arc::new(H::inject(services))),
            routes: Cow::Borrowed(routes),
            execution,
            emits: None,
        }
    }

    pub(crate) fn construct(&self, services: &Services) -> AnyHandler {
        match &self.construct {
            Construct::Inject(inject) => inject(services),
            Construct::Ready(handler) => Arc::clone(handler),
        }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        self.execution.map_or(MessageKind::Event, |execution| execution.message.kind)
    }

    /// Whether it handles commands that are attempted again.
    pub(crate) fn is_retried_command(&self) -> bool {
        self.execution.is_some_and(|execution| execution.retry.is_some())
    }

    /// The type of the transaction that the handler writes in. All its routes have the same.
    pub(crate) fn transaction(&self) -> Option<TypeRef> {
        let of_events = self.routes.first().and_then(|route| route.transaction);
        let transaction = of_events.or(self.execution.and_then(|execution| execution.transaction));
        transaction.map(|type_ref| type_ref())
    }

    /// The messages that the handler names.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &MessageRegistration> {
        let events = self.routes.iter().filter_map(|route| route.event.as_ref());
        events.chain(self.execution.as_ref().map(|execution| &execution.message))
    }
}
