//! The option `retry` of an events handler.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Token, token};

use crate::attr::duration::{self, Duration, Range};
use crate::attr::{options, value};
use crate::error::Errors;

/// What applies where the user says nothing. `HandlerOptions::DEFAULT` in `cqrs-core` is the same.
const DEFAULT_ATTEMPTS: u32 = 5;
const DEFAULT_BACKOFF: &str = "100ms";
const DEFAULT_MAX: &str = "30s";

const BACKOFF: Range = Range { from: "1ms", to: "1h" };
const MAX: Range = Range { from: "1ms", to: "24h" };
const EXAMPLE: &str = "retry(attempts = 5, backoff = \"100ms\", max = \"30s\")";

/// How often a delivery is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Once.
    None,
    /// Again after a pause that doubles each time.
    Exponential { attempts: u32, backoff_millis: u64, max_millis: u64 },
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
            let literal = value::integer(key, "attempts = 5", input)?;
            let attempts = literal.base10_parse().unwrap_or(u32::MAX);
            if !(1..=100).contains(&attempts) {
                let message = "`attempts` is out of range: 1 to 100 are allowed";
                return Err(syn::Error::new(literal.span(), message));
            }
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
        let millis = |part: &Option<Duration>, default| {
            part.as_ref().map_or(duration::millis_of(default), |given| given.millis)
        };
        let backoff_millis = millis(&self.backoff, DEFAULT_BACKOFF);
        let max_millis = millis(&self.max, DEFAULT_MAX);
        if max_millis < backoff_millis {
            return Err(self.max_is_shorter());
        }
        let attempts = self.attempts.unwrap_or(DEFAULT_ATTEMPTS);
        Ok(Retry::Exponential { attempts, backoff_millis, max_millis })
    }

    fn max_is_shorter(&self) -> syn::Error {
        let text = |part: &Option<Duration>| part.as_ref().map(|given| given.literal.value());
        match (&self.max, &self.backoff) {
            (Some(max), _) => {
                let backoff = text(&self.backoff)
                    .map_or(format!("the default of \"{DEFAULT_BACKOFF}\""), |given| {
                        format!("\"{given}\"")
                    });
                let message =
                    format!("`max` is shorter than `backoff`, {backoff}: make it at least as long");
                syn::Error::new(max.literal.span(), message)
            }
            (None, backoff) => {
                let message = format!(
                    "`backoff` is longer than the default `max` of \"{DEFAULT_MAX}\": set `max` too"
                );
                let span = backoff.as_ref().map(|given| given.literal.span());
                syn::Error::new(span.unwrap_or_else(proc_macro2::Span::call_site), message)
            }
        }
    }
}
