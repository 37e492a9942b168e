//! The activity log.
