// A module that does not exist: the error is on its name. `core` and `crate` exist.
fn main() {
    let _ = cqrs_core::modules![crate, cqrs_core::message, bilings, cqrs_core::mesage];
}
