//! Looking on while events are published.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use rustc_hash::FxHashMap;

use crate::message::{AnyEvent, Event, Published};
use crate::runtime::{Broadcast, Lagged, Receiver};

/// Who looks on, by event type; `None` stands for every event.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Whether there ever was one: most applications have none.
    any: AtomicBool,
    channels: RwLock<Channels>,
}

#[derive(Debug, Default)]
struct Channels {
    by_event: FxHashMap<Option<TypeId>, Broadcast<AnyEvent>>,
    ended: bool,
}

impl Subscriptions {
    /// For streams of an application that is gone.
    pub(super) fn ended() -> Self {
        let subscriptions = Self::default();
        subscriptions.end();
        subscriptions
    }

    pub(super) fn subscribe<E: Event>(&self) -> EventStream<E> {
        EventStream { events: self.receiver(Some(TypeId::of::<E>())), event: PhantomData }
    }

    pub(super) fn subscribe_all(&self) -> AnyEventStream {
        AnyEventStream(self.receiver(None))
    }

    pub(super) fn show<E: Event>(&self, event: &AnyEvent) {
        if !self.any.load(SeqCst) {
            return;
        }
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        for key in [Some(TypeId::of::<E>()), None] {
            if let Some(channel) = channels.by_event.get(&key) {
                channel.send(|| event.clone());
            }
        }
    }

    pub(super) fn end(&self) {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        channels.ended = true;
        channels.by_event.values().for_each(Broadcast::end);
    }

    fn receiver(&self, key: Option<TypeId>) -> Receiver<AnyEvent> {
        self.any.store(true, SeqCst);
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let ended = channels.ended;
        let channel = channels.by_event.entry(key).or_default();
        if ended {
            channel.end();
        }
        channel.subscribe()
    }
}

/// Events of type `E` as they are published, from the moment of subscription on, of all tenants; ends
/// with the application.
///
/// A stream is for looking on, such as a progress display: it has no retries, and a reader that is more
/// than 1,024 events behind gets [`Lagged`] with the
/// number it missed. What must not be missed is for a handler.
pub struct EventStream<E> {
    events: Receiver<AnyEvent>,
    event: PhantomData<fn() -> E>,
}

impl<E: Event> EventStream<E> {
    /// The next event; `None` when the application is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<Published<E>, Lagged>> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Published<E>, Lagged>>> {
        loop {
            return Poll::Ready(match std::task::ready!(self.events.poll_next(cx)) {
                // The channel is by type, so every event is an `E`.
                Some(Ok(event)) => match event.downcast() {
                    Some(event) => Some(Ok(event)),
                    None => continue,
                },
                Some(Err(lagged)) => Some(Err(lagged)),
                None => None,
            });
        }
    }
}

impl<E: Event> Stream for EventStream<E> {
    type Item = Result<Published<E>, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<E: Event> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventStream({})", E::NAME)
    }
}

/// Every event as it is published; otherwise like [`EventStream`].
#[derive(Debug)]
pub struct AnyEventStream(Receiver<AnyEvent>);

impl AnyEventStream {
    /// The next event; `None` when the application is gone. Cancel safe.
    pub async fn recv(&mut self) -> Option<Result<AnyEvent, Lagged>> {
        self.0.recv().await
    }
}

impl Stream for AnyEventStream {
    type Item = Result<AnyEvent, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(cx)
    }
}
