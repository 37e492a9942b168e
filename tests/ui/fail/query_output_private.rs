use cqrs_core::prelude::*;

mod employees {
    use super::*;

    #[derive(Query)]
    #[query(output = Employee)]
    pub struct FindEmployee;

    struct Employee;
}

fn main() {}
