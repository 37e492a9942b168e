//! What the annotations generate, and what they say about mistakes.

#![allow(clippy::needless_pass_by_value, reason = "cases read better with `quote!(..)` in place")]

mod descriptions;
mod event_mistakes;
mod expansions;
mod function_mistakes;
mod handler_mistakes;
mod handler_option_mistakes;
mod message_mistakes;
mod redactions;
mod service_mistakes;

use proc_macro2::TokenStream;
use syn::{File, Item, LitStr};

use crate::attr::handler::Kind;
use crate::expand;
use crate::model::message;

fn event(input: TokenStream) -> TokenStream {
    expand::event::derive(input).expect("an item")
}

fn command(input: TokenStream) -> TokenStream {
    expand::message::derive(message::Kind::Command, input).expect("an item")
}

fn query(input: TokenStream) -> TokenStream {
    expand::message::derive(message::Kind::Query, input).expect("an item")
}

fn injectable(input: TokenStream) -> TokenStream {
    expand::injectable::derive(input).expect("an item")
}

fn events_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler::annotate(Kind::Events, args, &item)
}

fn command_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler::annotate(Kind::Command, args, &item)
}

fn query_handler(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::handler::annotate(Kind::Query, args, &item)
}

/// Generated code as a person would read it.
fn pretty(tokens: TokenStream) -> String {
    prettyplease::unparse(&file(tokens))
}

fn file(tokens: TokenStream) -> File {
    let text = tokens.to_string();
    syn::parse2(tokens).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The texts of the compile errors in generated code.
fn mistakes(tokens: TokenStream) -> Vec<String> {
    let items = file(tokens).items.into_iter();
    let texts = items.filter_map(|item| match item {
        Item::Macro(item) if item.mac.path.segments.last()?.ident == "compile_error" => {
            Some(item.mac.parse_body::<LitStr>().expect("a text").value())
        }
        _ => None,
    });
    texts.collect()
}

/// Checks that there is exactly one compile error, and that this is its text.
#[track_caller]
fn assert_one_mistake(tokens: TokenStream, expected: &str) {
    assert_eq!(mistakes(tokens), [expected]);
}
