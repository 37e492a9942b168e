//! Each mistake in an annotation is one error that names the fix; each right use compiles.

#[test]
fn right_uses_compile_and_mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*.rs");
}
