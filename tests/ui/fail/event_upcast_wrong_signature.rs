use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
#[event(version = 4, upcast(1 = takes_hours, 2 = returns_a_text, 3 = does_not_exist))]
struct TimeLogged;

struct Hours(u64);

fn takes_hours(payload: Hours) -> Result<serde_json::Value, String> {
    Ok(payload.0.into())
}

fn returns_a_text(payload: serde_json::Value) -> String {
    payload.to_string()
}

fn main() {}
