//! The option `retry` of a handler of events or of a command.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Lit, Path, Token, Type, token};

use crate::attr::duration::{self, Duration, Range};
use crate::attr::handler::Kind;
use crate::attr::{options, value};
use crate::error::Errors;

const BACKOFF: Range = Range { from: "1ms", to: "1h" };
const MAX: Range = Range { from: "1ms", to: "24h" };
const WAIT: Range = Range { from: "1ms", to: "24h" };
/// `RetryPolicy::waits` keeps as many.
const MOST_WAITS: usize = 16;
const WAITS: &str = "waits = [\"1s\", \"10s\", \"1m\"]";
const WHEN: &str = "when = is_busy";
const NEVER: &str = "never = [InvalidAddress]";
const OF_EVENTS: &[&str] = &["attempts", "backoff", "max", "jitter", "waits", "never"];
const OF_COMMANDS: &[&str] = &["attempts", "backoff", "max", "jitter", "waits", "when"];
const EXAMPLE: &str = "retry(attempts = 5, backoff = \"100ms\", max = \"30s\")";

/// How often a delivery is attempted.
#[derive(Default)]
pub(crate) struct Retry {
    /// `None` if the option is left out.
    pub(crate) policy: Option<Policy>,
    /// The error types that are permanent.
    pub(crate) never: Vec<Type>,
    /// The function that decides whether a command is attempted again after an error.
    pub(crate) when: Option<Path>,
}

impl Retry {
    /// Whether more than one attempt is possible.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.policy, Some(Policy::None))
    }
}

/// The number of attempts, and the waits between them.
pub(crate) enum Policy {
    /// Once.
    None,
    /// Again after a wait that doubles each time. The core has defaults for the parts that are not given.
    Exponential {
        attempts: Option<u32>,
        backoff_millis: Option<u64>,
        max_millis: Option<u64>,
        has_jitter: bool,
    },
    /// One more attempt after each of these waits, in milliseconds.
    Waits(Vec<u64>),
}

/// Reads what follows the key: `(attempts = 5, ..)` or `= none`.
pub(crate) fn read(
    kind: Kind,
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Retry> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if value::is_off(input)? {
            return Ok(Retry { policy: Some(Policy::None), ..Retry::default() });
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
    let known = if kind == Kind::Events { OF_EVENTS } else { OF_COMMANDS };
    let mut parts = Parts::default();
    let before = errors.len();
    options::read_list(&content, errors, |key, input, errors| {
        if !options::contain(known, key) {
            return Err(options::unknown(key, "`retry(..)`", known));
        }
        parts.option(key, input, errors)
    });
    if errors.len() > before {
        return Ok(Retry::default());
    }
    parts.combine()
}

#[derive(Default)]
struct Parts {
    attempts: Option<u32>,
    backoff: Option<Duration>,
    max: Option<Duration>,
    /// The span of the option, if it is `none`.
    jitter: Option<Span>,
    waits: Option<(Span, Vec<u64>)>,
    never: Option<Vec<Type>>,
    when: Option<Path>,
}

impl Parts {
    fn option(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if key == "attempts" {
            let attempts = value::integer_in(1..=100, key, "attempts = 5", input)?;
            options::set(&mut self.attempts, key, attempts)
        } else if key == "backoff" {
            let backoff = duration::read(key, "backoff = \"100ms\"", BACKOFF, input)?;
            options::set(&mut self.backoff, key, backoff)
        } else if key == "max" {
            let max = duration::read(key, "max = \"30s\"", MAX, input)?;
            options::set(&mut self.max, key, max)
        } else if key == "jitter" {
            value::equals(key, "jitter = none", input)?;
            if !input.peek(Ident::peek_any) || input.fork().call(Ident::parse_any)? != "none" {
                return Err(value::expected("`none`", "jitter = none", key, input));
            }
            input.call(Ident::parse_any)?;
            options::set(&mut self.jitter, key, key.span())
        } else if key == "waits" {
            options::set(&mut self.waits, key, waits(key, input, errors)?)
        } else if key == "never" {
            options::set(&mut self.never, key, never(key, input, errors)?)
        } else {
            value::equals(key, WHEN, input)?;
            if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
                return Err(value::expected("the path of a function", WHEN, key, input));
            }
            options::set(&mut self.when, key, input.parse()?)
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
        let is_exponential = self.attempts.is_some()
            || self.backoff.is_some()
            || self.max.is_some()
            || self.jitter.is_some();
        let millis = |part: Option<Duration>| part.map(|given| given.millis);
        let policy = match self.waits {
            Some((span, _)) if is_exponential => {
                let message = "`waits` says how many attempts are made, and when, exactly: remove it, or \
                               `attempts`, `backoff`, `max` and `jitter`";
                return Err(syn::Error::new(span, message));
            }
            Some((_, waits)) => Some(Policy::Waits(waits)),
            None => is_exponential.then(|| Policy::Exponential {
                attempts: self.attempts,
                backoff_millis: millis(self.backoff),
                max_millis: millis(self.max),
                has_jitter: self.jitter.is_none(),
            }),
        };
        Ok(Retry { policy, never: self.never.unwrap_or_default(), when: self.when })
    }
}

/// Reads `= ["1s", "10s"]`.
fn waits(
    key: &Ident,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<(Span, Vec<u64>)> {
    let (span, waits) = list(key, "durations", WAITS, input, errors, |content| {
        Ok(duration::after_equals(key, WAITS, WAIT, content)?.millis)
    })?;
    if waits.len() > MOST_WAITS {
        let message = format!("`waits` is too long: at most {MOST_WAITS} are allowed");
        return Err(syn::Error::new(span, message));
    }
    Ok((span, waits))
}

/// Reads `= [SomeError, OtherError]`.
fn never(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Type>> {
    let (_, types) = list(key, "error types", NEVER, input, errors, |content| {
        if content.peek(Lit) {
            let message = format!("write the types of the errors, such as `{NEVER}`");
            return Err(syn::Error::new(content.span(), message));
        }
        content.parse()
    })?;
    Ok(types)
}

/// Reads `= [..]`, which must not be empty, and returns its span too.
fn list<T>(
    key: &Ident,
    what: &str,
    example: &str,
    input: ParseStream<'_>,
    errors: &mut Errors,
    element: impl Fn(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<(Span, Vec<T>)> {
    value::equals(key, example, input)?;
    if !input.peek(token::Bracket) {
        return Err(value::expected(&format!("a list of {what}"), example, key, input));
    }
    let content;
    let span = syn::bracketed!(content in input).span.join();
    if content.is_empty() {
        return Err(syn::Error::new(
            span,
            format!("`{key}` is empty: write `{example}` or remove it"),
        ));
    }
    let mut elements = Vec::new();
    options::separated(&content, errors, |content, _| {
        elements.push(element(content)?);
        Ok(())
    });
    Ok((span, elements))
}
