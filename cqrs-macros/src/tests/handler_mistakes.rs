//! What the handlers' annotations say about mistakes.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, command_handler, events_handler, mistakes, query_handler};

#[track_caller]
fn assert_args_mistake(args: TokenStream, expected: &str) {
    assert_one_mistake(
        events_handler(
            args,
            quote!(
                struct H;
            ),
        ),
        expected,
    );
}

#[test]
fn lists_of_events() {
    let empty = "no events are named: write `#[events_handler(EmployeeCreated)]`, or \
                 `#[events_handler(*)]` for every event";
    assert_args_mistake(quote!(), empty);
    assert_args_mistake(quote!(concurrency = 8), empty);
    assert_args_mistake(quote!(A, m::B, A), "this event is named twice: keep one");
    let both = "`*` already means every event: keep `*`, or list the events without it";
    assert_args_mistake(quote!(*, A), both);
    assert_args_mistake(quote!(A, *), both);
    assert_args_mistake(quote!(*, *), "`*` is given twice: keep one");
    let order = "events come before the options: move it to the front";
    assert_args_mistake(quote!(A, concurrency = 8, B), order);
    assert_args_mistake(quote!(concurrency = 8, *), order);
    assert_args_mistake(
        quote!("employee.created"),
        "write the event's type here, such as `#[events_handler(EmployeeCreated)]`",
    );
    assert_args_mistake(quote!(A, +), "expected a type or an option, such as `EmployeeCreated`");
    assert_args_mistake(quote!(A B), "expected `,`");
}

#[test]
fn one_command_and_one_query() {
    let item = || {
        quote!(
            struct H;
        )
    };
    assert_one_mistake(
        command_handler(quote!(), item()),
        "no command is named: write `#[command_handler(CreateEmployee)]`",
    );
    assert_one_mistake(
        command_handler(quote!(A, B), item()),
        "one handler per command: write another handler for this command",
    );
    assert_one_mistake(
        query_handler(quote!(A, B, C), item()),
        "one handler per query: write another handler for this query",
    );
    assert_one_mistake(
        command_handler(quote!(*), item()),
        "one handler per command: write the command's type, such as \
         `#[command_handler(CreateEmployee)]`; only `#[events_handler(*)]` takes `*`",
    );
    assert_one_mistake(
        query_handler(quote!(timeout = "1s", A), item()),
        "the query comes before the options: move it to the front",
    );
    assert_one_mistake(
        query_handler(quote!("find"), item()),
        "write the query's type here, such as `#[query_handler(FindEmployee)]`",
    );
}

#[test]
fn names() {
    let error = "\"Send Mail\" cannot be a handler's name: write lower-case ASCII letters, digits, \
                 `.`, `_` and `-`, starting with a letter or a digit, such as \
                 `name = \"send-welcome-email\"`";
    assert_args_mistake(quote!(A, name = "Send Mail"), error);
    assert_args_mistake(
        quote!(A, name = send),
        "`name` takes a string, such as `name = \"send-welcome-email\"`",
    );
    let long = "a".repeat(129);
    assert_args_mistake(quote!(A, name = #long), "`name` has 129 bytes, at most 128 are allowed");
}

#[test]
fn items_that_are_no_handlers() {
    for (item, what) in [
        (
            quote!(
                enum H {
                    A,
                }
            ),
            "an enum",
        ),
        (quote!(union H { a: u8 }), "a union"),
        (quote!(impl EventHandler<A> for H {}), "an `impl`"),
        (
            quote!(
                trait H {}
            ),
            "a trait",
        ),
        (
            quote!(
                mod h {}
            ),
            "a module",
        ),
        (
            quote!(
                type H = G;
            ),
            "a type alias",
        ),
        (
            quote!(
                const H: u8 = 1;
            ),
            "this",
        ),
    ] {
        let error = format!(
            "`#[events_handler(..)]` goes on the handler's struct or function, not on {what}: its fields or \
             parameters are what gets injected"
        );
        assert_one_mistake(events_handler(quote!(A), item), &error);
    }
}

#[test]
fn generic_structs() {
    assert_one_mistake(
        events_handler(
            quote!(A),
            quote!(
                struct H<T>(T);
            ),
        ),
        "a handler is registered as one type, so it cannot be generic: remove the annotation and \
         register it with `App::builder().register(..)`",
    );
}

#[test]
fn two_annotations() {
    assert_one_mistake(
        events_handler(
            quote!(A),
            quote!(
                #[command_handler(C)]
                struct H;
            ),
        ),
        "a handler has one annotation, for events, a command or a query: write a second struct",
    );
    assert_one_mistake(
        events_handler(
            quote!(A),
            quote!(
                #[cqrs_core::events_handler(B)]
                struct H;
            ),
        ),
        "list all events in one annotation: `#[events_handler(EmployeeCreated, ..)]`",
    );
    assert_one_mistake(
        query_handler(
            quote!(A),
            quote!(
                #[query_handler(B)]
                struct H;
            ),
        ),
        "one handler per query: write another handler for this query",
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let args = quote!(A, "b", retry(attempts = 0, backoff = 5), timeout = 30, concurrency = 0);
    assert_eq!(
        mistakes(events_handler(
            args,
            quote!(
                struct H;
            )
        ))
        .len(),
        5
    );
}
