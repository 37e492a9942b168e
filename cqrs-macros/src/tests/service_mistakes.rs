//! What `#[derive(Injectable)]` and `#[inject(..)]` say about mistakes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, command_handler, injectable};

/// Both places where fields are injected must say the same about a field.
#[track_caller]
fn assert_field_mistake(field: &TokenStream, expected: &str) {
    assert_one_mistake(injectable(quote!(struct Service { #field })), expected);
    assert_one_mistake(command_handler(quote!(C), quote!(struct Handler { #field })), expected);
}

#[test]
fn fields() {
    assert_field_mistake(
        &quote!(#[inject(defualt)] a: u8),
        "unknown option `defualt`, did you mean `default`? (`#[inject(..)]` takes `default` and \
         `name`)",
    );
    assert_field_mistake(
        &quote!(#[inject(default, name = "a")] a: u8),
        "a field is either made by `Default` or injected by name: keep `default` or `name`",
    );
    assert_field_mistake(
        &quote!(#[inject(name = "")] a: u8),
        "`name` is empty: write a name, or leave the option out",
    );
    assert_field_mistake(
        &quote!(#[inject(name)] a: u8),
        "`name` needs a value, such as `name = \"primary\"`",
    );
    assert_field_mistake(
        &quote!(#[inject(default = 5)] a: u8),
        "`default` takes no value: write `default` alone",
    );
    assert_field_mistake(
        &quote!(#[inject(default)] #[inject(default)] a: u8),
        "`default` is given twice: keep one",
    );
    assert_field_mistake(
        &quote!(#[inject] a: u8),
        "a field is injected without `#[inject]`: remove it, or write `#[inject(default)]` or \
         `#[inject(name = \"..\")]`",
    );
}

#[test]
fn traits() {
    assert_one_mistake(
        injectable(quote!(
            #[injectable(as = Repository)]
            struct S;
        )),
        "an alias is a trait object: write `as = dyn Trait`",
    );
    assert_one_mistake(
        injectable(quote!(
            #[injectable(as = "dyn Repository")]
            struct S;
        )),
        "`as` takes a type, such as `as = dyn EmployeeRepository`",
    );
    assert_one_mistake(
        injectable(quote!(
            #[injectable(as(dyn A, dyn B), as = dyn A)]
            struct S;
        )),
        "this trait is named twice: keep one",
    );
    assert_one_mistake(
        injectable(quote!(
            #[injectable(provide)]
            struct S;
        )),
        "unknown option `provide` (`#[injectable(..)]` takes `as`, `name` and `crate`)",
    );
}

#[test]
fn attributes_in_the_wrong_place() {
    assert_one_mistake(
        injectable(quote!(
            #[inject(default)]
            struct S;
        )),
        "`#[inject(..)]` belongs on a field; on the type, write `#[injectable(..)]`",
    );
    assert_one_mistake(
        injectable(quote!(
            struct S {
                #[injectable(as = dyn A)]
                a: u8,
            }
        )),
        "`#[injectable(..)]` belongs on the type; on a field, write `#[inject(..)]`",
    );
}

#[test]
fn types_that_cannot_be_built() {
    assert_one_mistake(
        injectable(quote!(
            struct S<T>(T);
        )),
        "a generic service cannot be built by type: build it and `provide` it",
    );
    for item in [
        quote!(
            enum S {
                A,
            }
        ),
        quote!(union S { a: u8 }),
    ] {
        assert_one_mistake(
            injectable(item),
            "only a struct can be built from its fields: build the value and `provide` it",
        );
    }
}

#[test]
fn a_handler_needs_no_injectable() {
    let error = "a handler is injected already: remove `Injectable`";
    assert_one_mistake(
        injectable(quote!(
            #[events_handler(A)]
            struct S {
                #[inject(nonsense)]
                a: u8,
            }
        )),
        error,
    );
    for derive in [quote!(Debug, Injectable), quote!(cqrs_core::Injectable)] {
        assert_one_mistake(
            command_handler(
                quote!(C),
                quote!(
                    #[derive(#derive)]
                    struct S;
                ),
            ),
            error,
        );
    }
}

#[test]
fn names_of_services() {
    assert_one_mistake(
        injectable(quote!(
            #[injectable(name = "smtp")]
            struct S;
        )),
        "a name tells services of one type apart: say as what it is offered, such as \
         `as = dyn EmployeeRepository`",
    );
}

#[test]
fn providers() {
    let provider = |args, item: TokenStream| crate::expand::provider::annotate(args, &item);
    assert_one_mistake(
        provider(
            quote!(),
            quote!(
                struct S;
            ),
        ),
        "`#[provider]` goes on a function that returns a service; a struct that is built from its fields has \
         `#[derive(Injectable)]`",
    );
    assert_one_mistake(
        provider(
            quote!(),
            quote!(
                async fn database() {}
            ),
        ),
        "a provider returns a service: add `-> Database` or `-> Result<Database, Error>`",
    );
    assert_one_mistake(
        provider(
            quote!(),
            quote!(
                fn database(config: &mut Config) -> Database {}
            ),
        ),
        "services are shared: write `&` instead of `&mut`",
    );
    for context in [quote!(&Context), quote!(Context), quote!(&mut cqrs_core::Context)] {
        assert_one_mistake(
            provider(quote!(), quote!(fn database(ctx: #context) -> Database {})),
            "a provider has no context, because it runs before any message: remove this parameter",
        );
    }
    assert_one_mistake(
        provider(
            quote!(nam = "a"),
            quote!(
                fn database() -> Database {}
            ),
        ),
        "unknown option `nam`, did you mean `name`? (`#[provider(..)]` takes `name` and `crate`)",
    );
}
