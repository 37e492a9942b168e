use cqrs_core::prelude::*;

#[derive(Serialize, Deserialize, Event)]
struct EmployeeCreated<'a> {
    #[serde(borrow)]
    full_name: std::borrow::Cow<'a, str>,
}

fn main() {}
