//! The functions of `metrics` without the feature: they count nothing and read no clock.

use std::sync::Arc;

use crate::message::MessageKind;

pub(super) struct Stopwatch;

impl Stopwatch {
    pub(super) fn none() -> Self {
        Self
    }

    pub(super) fn start(_: &Arc<str>) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "it is one that measures nothing")]
    pub(super) fn executed(self, _: MessageKind, _: &'static str, _: Option<&'static str>) {}

    #[expect(clippy::unused_self, reason = "it is one that measures nothing")]
    pub(super) fn attempted(self, _: impl Iterator<Item = Option<&'static str>>) {}
}

pub(super) fn published(_: &'static str, _: Option<&'static str>) {}

pub(super) fn execution_refused(_: MessageKind, _: &'static str, _: &'static str) {}

pub(super) fn settled_failure(_: &Arc<str>, _: bool) {}
