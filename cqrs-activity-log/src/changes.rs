//! What an update changed.

/// Old and new values.
pub type Changes = serde_json::Value;
