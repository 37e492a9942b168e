//! Parameters of a path.

/// Names and values, in their order.
pub(super) type Parameters = Vec<(String, String)>;

/// The router's own parameter. It is the last one: those before belong to the path that the router is nested under.
pub(super) fn own(parameters: Parameters) -> String {
    parameters.into_iter().next_back().map(|(_, value)| value).unwrap_or_default()
}
