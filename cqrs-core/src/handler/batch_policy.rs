//! How many events a handler gets at once.

/// How many events a [`BatchEventHandler`](super::BatchEventHandler) gets at once, and whether tenants are
/// mixed. [`Handler::batches`](crate::Handler::batches) has an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    pub(crate) max: usize,
    pub(crate) across_tenants: bool,
}

impl BatchPolicy {
    /// At most `max` events of one tenant at once, 1 to 10,000; less counts as 1, more as 10,000. A batch
    /// takes the deliveries that are queued and does not wait: the next batch forms while an earlier one is
    /// being handled.
    pub const fn new(max: usize) -> Self {
        Self { max: super::clamp(max, 10_000), across_tenants: false }
    }

    /// Puts events of several tenants into one batch. The handler then runs in the system scope, and must
    /// keep the tenants apart itself.
    pub const fn across_tenants(mut self) -> Self {
        self.across_tenants = true;
        self
    }
}
