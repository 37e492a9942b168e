//! Nothing the user has in scope gets in the way of generated code.

#![no_implicit_prelude]
#![deny(warnings)]

#[allow(non_camel_case_types, dead_code)]
mod names {
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Vec;
    pub struct Result;
    pub struct Display;
    pub struct Event;
    pub struct Injectable;
    pub mod core {}
    pub mod std {}
    pub mod cqrs_core {}
}

#[allow(unused_imports)]
use names::*;

#[derive(::serde::Serialize, ::serde::Deserialize, ::cqrs_core::Event)]
#[event(version = 3, upcast(1 = from, 2 = payload))]
struct Created {
    #[event(entity_id, redact)]
    id: ::std::string::String,
}

fn from(value: ::serde_json::Value) -> ::serde_json::Value {
    value
}

fn payload(value: ::serde_json::Value) -> ::serde_json::Value {
    value
}

#[derive(::serde::Serialize, ::serde::Deserialize, ::cqrs_core::Event)]
#[event(activity = false, describe = "renamed")]
enum Renamed {
    #[event(describe = "{value} {name|none}, {entity_name}")]
    Once {
        #[event(entity_name)]
        value: ::std::string::String,
        name: ::core::option::Option<::std::string::String>,
        #[event(changes)]
        changes: ::core::option::Option<::cqrs_core::Changes>,
    },
    #[event(describe = "{0} {entity_id|none}")]
    Twice(::core::primitive::u8, #[event(entity_id)] ::core::option::Option<::core::primitive::u8>),
}

#[derive(::cqrs_core::Command)]
struct Create;

#[derive(::cqrs_core::Query)]
#[query(output = ::core::primitive::usize)]
struct Size;

trait Clock: ::core::marker::Send + ::core::marker::Sync {}

#[derive(::cqrs_core::Injectable)]
#[injectable(as = dyn Clock)]
struct System;

impl Clock for System {}

#[::cqrs_core::events_handler(Created, retry(attempts = 2), timeout = "1s", concurrency = 1)]
struct OnCreated {
    _clock: ::std::sync::Arc<dyn Clock>,
}

impl ::cqrs_core::EventHandler<Created> for OnCreated {
    async fn handle(&self, _: &Created, _: &::cqrs_core::Context) -> ::cqrs_core::HandlerResult {
        ::core::result::Result::Ok(())
    }
}

#[::cqrs_core::command_handler(Create, timeout = none)]
struct OnCreate;

impl ::cqrs_core::CommandHandler<Create> for OnCreate {
    async fn execute(
        &self,
        _: Create,
        _: &::cqrs_core::Context,
    ) -> ::core::result::Result<(), ::cqrs_core::HandlerError> {
        ::core::result::Result::Ok(())
    }
}

#[::cqrs_core::query_handler(Size)]
struct OnSize;

impl ::cqrs_core::QueryHandler<Size> for OnSize {
    async fn execute(
        &self,
        _: Size,
        _: &::cqrs_core::Context,
    ) -> ::core::result::Result<::core::primitive::usize, ::cqrs_core::HandlerError> {
        ::core::result::Result::Ok(1)
    }
}
