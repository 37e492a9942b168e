//! The option `order` of an events handler: `"key"`, `"tenant"` or `"none"`.

use proc_macro2::Ident;
use syn::parse::ParseStream;

use crate::attr::value;

/// Which events are handled in publish order, one at a time.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Key,
    Tenant,
    None,
}

/// Reads `= "tenant"`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>) -> syn::Result<Order> {
    Ok(match value::one_of(&["key", "tenant", "none"], key, "order = \"tenant\"", input)? {
        "tenant" => Order::Tenant,
        "none" => Order::None,
        _ => Order::Key,
    })
}
