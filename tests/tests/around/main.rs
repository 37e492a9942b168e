//! What people expect around the buses.

mod claim_check;
mod directory_blobs;
mod http;
mod middleware;
mod plugins;
mod test_kit;
