//! Which events a handler handles one after the other.

/// Which events a handler receives in publish order, one at a time. Other events it handles at the same
/// time, as many as its [`concurrency`](super::HandlerOptions::concurrency) allows.
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
    /// The events of one order key: the tenant with the value of `#[event(order_by)]`, or else with the
    /// entity's type and id. Events without either have no order.
    #[default]
    Key,
    /// All events of one tenant.
    Tenant,
    /// None: for a handler whose result does not depend on the order of events.
    None,
}
