//! Without metrics, nothing is counted and no clock is read.

use std::sync::Arc;
use std::time::Duration;

use crate::message::MessageKind;

pub(super) struct Stopwatch;

impl Stopwatch {
    pub(super) fn start(_: &Arc<str>) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "it is one that measures nothing")]
    pub(super) fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Clone, Copy)]
pub(super) struct Began;

impl Began {
    pub(super) fn now() -> Self {
        Self
    }
}

pub(super) fn appended(_: usize, _: Option<&'static str>, _: Began) {}

/// This node has taken so many shards.
pub(crate) fn leases_taken(_: usize) {}

/// Another node has taken over a shard of this one.
pub(crate) fn lease_lost() {}

pub(super) fn published(_: &'static str, _: Option<&'static str>) {}

pub(super) fn executed(_: MessageKind, _: &'static str, _: Option<&'static str>, _: Duration) {}

pub(super) fn attempted(_: &Stopwatch, _: impl Iterator<Item = Option<&'static str>>) {}

/// A failed attempt was settled: it will be attempted again, is a dead letter now, or is discarded.
pub(crate) fn settled_failure(_: &Arc<str>, _: bool, _: bool) {}
