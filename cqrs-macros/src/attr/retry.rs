//! The option `retry` of an events handler.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Token, token};

use crate::attr::duration::{self, Duration, Range};
use crate::attr::{options, value};
use crate::error::Errors;

const BACKOFF: Range = Range { from: "1ms", to: "1h" };
const MAX: Range = Range { from: "1ms", to: "24h" };
const EXAMPLE: &str = "retry(attempts = 5, backoff = \"100ms\", max = \"30s\")";

/// How often a delivery is attempted.
#[derive(Clone, Copy)]
pub(crate) enum Retry {
    /// Once.
    None,
    /// Again after a wait that doubles each time. The core has defaults for the parts that are not given.
    Exponential { attempts: Option<u32>, backoff_millis: Option<u64>, max_millis: Option<u64> },
}

/// Reads what follows the key: `(attempts = 5, ..)` or `= none`.
pub(crate) fn read(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Retry> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.peek(Ident::peek_any) && input.fork().call(Ident::parse_any)? == "none" {
            input.call(Ident::parse_any)?;
            return Ok(Retry::None);
        }
        let message = format!("write `retry = none` or `{EXAMPLE}`");
        return Err(syn::Error::new(input.span(), message));
    }
    if !input.peek(token::Paren) {
        let message = format!("`retry` needs a value: `retry = none` or `{EXAMPLE}`");
        return Err(syn::Error::new(key.span(), message));
    }
    let content;
    let parens = syn::parenthesized!(content in input);
    if content.is_empty() {
        let message = format!("`retry(..)` is empty: write `{EXAMPLE}` or a part of it");
        return Err(syn::Error::new(parens.span.join(), message));
    }
    let mut parts = Parts::default();
    let before = errors.len();
    options::read_list(&content, errors, |key, input, _| parts.option(key, input));
    if errors.len() > before {
        return Ok(Retry::None);
    }
    parts.combine()
}

#[derive(Default)]
struct Parts {
    attempts: Option<u32>,
    backoff: Option<Duration>,
    max: Option<Duration>,
}

impl Parts {
    fn option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if key == "attempts" {
            let attempts = value::integer_in(1..=100, key, "attempts = 5", input)?;
            options::set(&mut self.attempts, key, attempts)
        } else if key == "backoff" {
            let backoff = duration::read(key, "backoff = \"100ms\"", BACKOFF, input)?;
            options::set(&mut self.backoff, key, backoff)
        } else if key == "max" {
            let max = duration::read(key, "max = \"30s\"", MAX, input)?;
            options::set(&mut self.max, key, max)
        } else {
            Err(options::unknown(key, "`retry(..)`", &["attempts", "backoff", "max"]))
        }
    }

    fn combine(self) -> syn::Result<Retry> {
        if let (Some(backoff), Some(max)) = (&self.backoff, &self.max)
            && max.millis < backoff.millis
        {
            let backoff = backoff.literal.value();
            let message =
                format!("`max` is shorter than `backoff`, \"{backoff}\": make it at least as long");
            return Err(syn::Error::new(max.literal.span(), message));
        }
        let millis = |part: Option<Duration>| part.map(|given| given.millis);
        Ok(Retry::Exponential {
            attempts: self.attempts,
            backoff_millis: millis(self.backoff),
            max_millis: millis(self.max),
        })
    }
}
