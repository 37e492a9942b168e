//! The order in which a handler receives events.

/// Which events a handler receives in publish order, one at a time. It handles other events at the same
/// time, up to its [`concurrency`](super::HandlerOptions::concurrency).
///
/// ```
/// use cqrs_core::handler::Order;
/// use cqrs_core::HandlerOptions;
///
/// // As `#[events_handler(EmployeeCreated, order = "tenant")]`.
/// let options = HandlerOptions::DEFAULT.order(Order::Tenant);
/// assert_ne!(options, HandlerOptions::DEFAULT);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The events of one order key: the tenant with the value of `#[event(order_by)]`, or, without that,
    /// with the entity's type and id. Events with neither have no order.
    #[default]
    Key,
    /// All events of one tenant.
    Tenant,
    /// No events: for a handler whose result does not depend on the order of events.
    None,
}
