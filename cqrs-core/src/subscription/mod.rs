//! From the log to the lanes: what a handler's subscription reads, and how far it has come.

#[cfg_attr(not(test), expect(dead_code, reason = "no subscription reads a log yet"))]
mod tracker;
#[cfg(test)]
mod tracker_properties;
