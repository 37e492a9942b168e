//! What only the compiler can decide about a wrong annotation: types, traits, and the token it underlines.
//! The texts of the other mistakes are tested in `cqrs-macros/src/tests`.

#[test]
fn mistakes_are_explained() {
    // Without a `pass` case, all cases are checked by one run of cargo.
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}
