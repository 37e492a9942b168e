//! The product over real HTTP, on real databases.

mod activity;
mod bad_input;
mod github;
mod idempotency;
mod invitations;
mod joining;
mod kills;
mod mail;
mod openapi;
mod operations;
mod pages;
mod people;
mod program;
mod readme;
mod sessions;
mod slow_clients;
mod suggestions;
mod tenants;
mod time_tracking;
mod timesheet_pages;
mod upwork;
mod world;
