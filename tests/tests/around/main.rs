//! What people expect around the buses.

mod activity_events;
mod claim_check;
mod directory_blobs;
mod http;
mod middleware;
mod plugins;
mod test_kit;
