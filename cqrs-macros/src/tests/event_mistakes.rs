//! What `#[derive(Event)]` says about mistakes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, event, mistakes};

const NAME_RULE: &str = "cannot be a message's name: write words of lower-case ASCII letters, \
                         digits, `-` and `_`, each starting with a letter and joined by dots, such \
                         as `name = \"employee.created\"`";

#[test]
fn names() {
    for name in ["Employee.Created", "employee..created", "", "1.created", "employee created"] {
        let input = quote!(
            #[event(name = #name)]
            struct EmployeeCreated;
        );
        assert_one_mistake(event(input), &format!("\"{name}\" {NAME_RULE}"));
    }
    assert_one_mistake(
        event(quote!(
            struct GrößeGeändert;
        )),
        &format!("\"größe.geändert\" {NAME_RULE}"),
    );
    let long = "a".repeat(129);
    assert_one_mistake(
        event(quote!(
            #[event(name = #long)]
            struct E;
        )),
        "`name` has 129 bytes, at most 128 are allowed",
    );
}

#[test]
fn versions() {
    for version in [quote!(0), quote!(-1), quote!(4294967296)] {
        assert_one_mistake(
            event(quote!(
                #[event(version = #version)]
                struct E;
            )),
            "`version` is out of range: 1 to 4294967295 are allowed",
        );
    }
    for version in [quote!("2"), quote!(2u32), quote!(two)] {
        assert_one_mistake(
            event(quote!(
                #[event(version = #version)]
                struct E;
            )),
            "`version` takes a whole number, such as `version = 2`",
        );
    }
}

#[test]
fn upcasts() {
    let one_mistake = |options: TokenStream, expected: &str| {
        assert_one_mistake(
            event(quote!(
                #[event(#options)]
                struct E;
            )),
            expected,
        );
    };
    let needs = |version: u32, fix: &str| {
        format!(
            "`version = {version}` needs a function for each older version, which turns its \
             payload into that of the next one: add `{fix}`"
        )
    };
    let function = "path::to::function";
    one_mistake(quote!(version = 2), &needs(2, &format!("upcast(1 = {function})")));
    one_mistake(
        quote!(version = 4294967295),
        &needs(u32::MAX, &format!("upcast(1 = {function}, 2 = {function}, 3 = {function}, ..)")),
    );
    one_mistake(quote!(version = 3, upcast(2 = f)), &needs(3, &format!("1 = {function}")));
    one_mistake(quote!(version = 3, upcast(1 = f)), &needs(3, &format!("2 = {function}")));

    let not_older = |from: u32, current: u32| {
        format!(
            "`{from}` is not older than the event's version, {current}: write `version = {}`, or \
             remove this function",
            from + 1
        )
    };
    one_mistake(quote!(upcast(1 = f)), &not_older(1, 1));
    one_mistake(quote!(version = 2, upcast(1 = f, 2 = g)), &not_older(2, 2));
    one_mistake(quote!(version = 2, upcast(1 = f, 9 = g)), &not_older(9, 2));

    one_mistake(quote!(version = 2, upcast(1 = f, 1 = g)), "`1` is given twice: keep one");
    one_mistake(
        quote!(version = 2, upcast(1 = f), upcast(1 = f)),
        "`upcast` is given twice: keep one",
    );
    for from in [quote!(0), quote!(4294967295)] {
        one_mistake(
            quote!(version = 2, upcast(#from = f)),
            "`upcast` is out of range: 1 to 4294967294 are allowed",
        );
    }
    one_mistake(
        quote!(version = 2, upcast()),
        "`upcast(..)` is empty: write `upcast(1 = path::to::function)`",
    );
    for upcast in [
        quote!(upcast),
        quote!(upcast = f),
        quote!(upcast(f)),
        quote!(upcast(1 f)),
        quote!(upcast(1 = )),
        quote!(upcast(1 = |payload| payload)),
        quote!(upcast(1 = "f")),
        quote!(upcast(one = f)),
    ] {
        one_mistake(
            quote!(version = 2, #upcast),
            "`upcast` takes a function for each older version, such as \
             `upcast(1 = path::to::function)`",
        );
    }
    // While one option cannot be read, nothing is said about what the others lack.
    one_mistake(
        quote!(version = 0, upcast(1 = f)),
        "`version` is out of range: 1 to 4294967295 are allowed",
    );
}

#[test]
fn labels() {
    assert_one_mistake(
        event(quote!(
            #[event(entity = "")]
            struct E;
        )),
        "`entity` is empty: write a text or leave the option out",
    );
    let long = "a".repeat(200);
    assert_one_mistake(
        event(quote!(
            #[event(action = #long)]
            struct E;
        )),
        "`action` has 200 bytes, at most 128 are allowed",
    );
}

#[test]
fn options_that_are_unknown_or_repeated() {
    assert_one_mistake(
        event(quote!(
            #[event(nmae = "a.b")]
            struct E;
        )),
        "unknown option `nmae`, did you mean `name`? (`#[event(..)]` on a type takes `name`, \
         `version`, `upcast`, `entity`, `action`, `describe`, `activity`, `as` and `crate`)",
    );
    assert_one_mistake(
        event(quote!(
            #[event(topic = "a.b")]
            struct E;
        )),
        "unknown option `topic` (`#[event(..)]` on a type takes `name`, `version`, `upcast`, \
         `entity`, `action`, `describe`, `activity`, `as` and `crate`)",
    );
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(redacted)]
                a: u8,
            }
        )),
        "unknown option `redacted`, did you mean `redact`? (`#[event(..)]` on a field takes \
         `entity_id`, `entity_name`, `order_by`, `redact` and `changes`)",
    );
    assert_one_mistake(
        event(quote!(
            #[event(name = "a")]
            #[event(version = 1, name = "b")]
            struct E;
        )),
        "`name` is given twice: keep one",
    );
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(redact)]
                #[event(redact)]
                a: u8,
            }
        )),
        "`redact` is given twice: keep one",
    );
}

#[test]
fn options_in_the_wrong_place() {
    assert_one_mistake(
        event(quote!(
            #[event(entity_id)]
            struct E;
        )),
        "`entity_id` belongs on a field: `#[event(entity_id)]` above the field",
    );
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(name = "a.b")]
                a: u8,
            }
        )),
        "`name` belongs on the type: `#[event(name = ..)]` above it",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                #[event(name = "a.b")]
                A,
            }
        )),
        "`name` belongs above the enum, which is one event: a variant takes only `describe`",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                #[event(redact)]
                A(u8),
            }
        )),
        "`redact` belongs above one of the variant's fields: a variant takes only `describe`",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                #[event(descibe = "a")]
                A,
            }
        )),
        "unknown option `descibe`, did you mean `describe`? (`#[event(..)]` on a variant takes \
         `describe`)",
    );
    for option in [quote!(changes), quote!(entity_name), quote!(order_by)] {
        let message =
            format!("`{option}` belongs on a field: `#[event({option})]` above the field");
        assert_one_mistake(
            event(quote!(
                #[event(#option)]
                struct E;
            )),
            &message,
        );
    }
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(activity = false)]
                a: u8,
            }
        )),
        "`activity` belongs on the type: `#[event(activity = ..)]` above it",
    );
}

#[test]
fn values_that_are_missing_or_too_many() {
    assert_one_mistake(
        event(quote!(
            #[event(activity = no)]
            struct E;
        )),
        "`activity` takes `true` or `false`, such as `activity = false`",
    );
    assert_one_mistake(
        event(quote!(
            #[event(name)]
            struct E;
        )),
        "`name` needs a value, such as `name = \"employee.created\"`",
    );
    assert_one_mistake(
        event(quote!(
            #[event(name = )]
            struct E;
        )),
        "`name` takes a string, such as `name = \"employee.created\"`",
    );
    assert_one_mistake(
        event(quote!(
            #[event(entity = Employee)]
            struct E;
        )),
        "`entity` takes a string, such as `entity = \"Employee\"`",
    );
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(entity_id = "id")]
                a: u8,
            }
        )),
        "`entity_id` takes no value: write `entity_id` alone",
    );
    assert_one_mistake(
        event(quote!(
            #[event(version = 1 version = 2)]
            struct E;
        )),
        "expected `,`",
    );
    for attribute in [quote!(#[event]), quote!(#[event()]), quote!(#[event = "a.b"])] {
        assert_one_mistake(
            event(quote!(#attribute struct E;)),
            "`#[event]` needs an option, such as `#[event(name = \"employee.created\")]`",
        );
    }
}

#[test]
fn two_entity_ids() {
    assert_one_mistake(
        event(quote!(
            struct E {
                #[event(entity_id)]
                a: u8,
                #[event(entity_id)]
                b: u8,
            }
        )),
        "an event is about one entity: `a` is its `entity_id` already",
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                A(#[event(entity_id)] u8, #[event(entity_id)] u8),
            }
        )),
        "an event is about one entity: `0` is its `entity_id` already",
    );
}

#[test]
fn two_orders() {
    assert_one_mistake(
        event(quote!(
            enum E {
                A {
                    #[event(order_by)]
                    a: u8,
                    #[event(order_by)]
                    b: u8,
                },
                B(#[event(order_by)] u8),
            }
        )),
        "an event has one order: `a` is its `order_by` already",
    );
}

#[test]
fn types_that_cannot_be_events() {
    let generic = "an event's name identifies one type, so an event cannot be generic: write one \
                   type for each event";
    assert_one_mistake(
        event(quote!(
            struct E<T>(T);
        )),
        generic,
    );
    let borrows = "this value outlives the code that creates it, so it must own its data: \
                   write `String` instead of `&str`, or share the data with an `Arc`";
    assert_one_mistake(
        event(quote!(
            struct E<'a>(&'a str);
        )),
        borrows,
    );
    assert_one_mistake(
        event(quote!(
            enum E {
                A { name: &'static str },
            }
        )),
        borrows,
    );
    assert_one_mistake(
        event(quote!(
            struct E<const N: usize>;
        )),
        generic,
    );
    assert_one_mistake(
        event(quote!(union E { a: u8 })),
        "an event is a struct or an enum: a union cannot be written as JSON",
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let input = quote! {
        #[event(nmae = "x", version = 0, entity = "")]
        struct E { #[event(name = "a.b")] a: u8 }
    };
    assert_eq!(mistakes(event(input)).len(), 4);
}
