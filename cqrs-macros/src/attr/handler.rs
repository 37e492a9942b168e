//! The arguments of `#[events_handler(..)]`, `#[command_handler(..)]` and `#[query_handler(..)]`.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Lit, LitStr, Path, Token, Type, token};

use crate::attr::batch::{self, Batch};
use crate::attr::breaker::{self, Breaker};
use crate::attr::dead_letters::{self, DeadLetters};
use crate::attr::duration::{self, Range};
use crate::attr::emits;
use crate::attr::order::{self, Order};
use crate::attr::rate::{self, Rate};
use crate::attr::retry::{self, Retry};
use crate::attr::start::{self, Start};
use crate::attr::value::{self, Limit};
use crate::attr::{krate, options};
use crate::error::Errors;
use crate::model::injection::ungrouped;
use crate::suggest;

const EVENT_OPTIONS: &[&str] = &[
    "name",
    "retry",
    "timeout",
    "deliver_within",
    "dead_letters",
    "concurrency",
    "order",
    "rate",
    "breaker",
    "batch",
    "transactional",
    "transient",
    "start",
    "emits",
    "crate",
];
const COMMAND_OPTIONS: &[&str] = &["name", "timeout", "retry", "transactional", "emits", "crate"];
const QUERY_OPTIONS: &[&str] = &["name", "timeout", "stream", "crate"];
/// At most a year.
const DELIVER_WITHIN: Range = Range { from: "1ms", to: "8760h" };
const TIMEOUT: Range = Range { from: "1ms", to: "24h" };

/// One of the three annotations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Events,
    Command,
    Query,
}

impl Kind {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Events => "events_handler",
            Self::Command => "command_handler",
            Self::Query => "query_handler",
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Events => "event",
            Self::Command => "command",
            Self::Query => "query",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Events => EVENT_OPTIONS,
            Self::Command => COMMAND_OPTIONS,
            Self::Query => QUERY_OPTIONS,
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Events => "EmployeeCreated",
            Self::Command => "CreateEmployee",
            Self::Query => "FindEmployee",
        }
    }
}

/// Everything between the parentheses.
#[derive(Default)]
pub(crate) struct HandlerArgs {
    pub(crate) messages: Vec<Type>,
    /// The span of `*`, if it is given.
    pub(crate) any: Option<Span>,
    pub(crate) options: HandlerOptions,
    /// The path of `cqrs_core` in generated code.
    pub(crate) krate: Option<Path>,
}

/// The options that were set.
#[derive(Default)]
pub(crate) struct HandlerOptions {
    pub(crate) name: Option<LitStr>,
    /// The option, and its span.
    pub(crate) retry: Option<(Retry, Span)>,
    /// How many milliseconds one attempt may take.
    pub(crate) timeout: Option<Limit<u64>>,
    pub(crate) deliver_within_millis: Option<u64>,
    /// The option, and its span.
    pub(crate) dead_letters: Option<(DeadLetters, Span)>,
    pub(crate) concurrency: Option<u32>,
    pub(crate) order: Option<Order>,
    pub(crate) rate: Option<Limit<Rate>>,
    pub(crate) breaker: Option<Limit<Breaker>>,
    pub(crate) batch: Option<Batch>,
    /// Whether the handler writes in a transaction of the store.
    pub(crate) transactional: Option<()>,
    /// The span of `transient`, if it is given.
    pub(crate) transient: Option<Span>,
    pub(crate) start: Option<Start>,
    /// What the handler publishes and executes, if it is listed.
    pub(crate) emits: Option<Vec<Type>>,
    /// Whether the handler of a query answers with a stream.
    pub(crate) stream: Option<()>,
}

impl HandlerArgs {
    pub(crate) fn read(kind: Kind, args: TokenStream, errors: &mut Errors) -> Self {
        let before = errors.len();
        let args = Self::parse(kind, args, errors);
        if errors.len() == before {
            args.check(kind, errors);
            args.check_options(kind, errors);
        }
        args
    }

    /// Reads each option, without the rules for combinations of options.
    pub(crate) fn parse(kind: Kind, args: TokenStream, errors: &mut Errors) -> Self {
        let mut reader = Reader { kind, args: Self::default(), in_options: false };
        let parsed = (|input: ParseStream<'_>| {
            options::separated(input, errors, |input, errors| reader.element(input, errors));
            Ok(())
        })
        .parse2(args);
        errors.keep(parsed);
        reader.args
    }

    /// The rules for the list as a whole.
    fn check(&self, kind: Kind, errors: &mut Errors) {
        let (attribute, message, example) = (kind.attribute(), kind.message(), kind.example());
        match (kind, self.any, self.messages.as_slice()) {
            (Kind::Events, Some(_), []) | (_, None, [_]) => {}
            (Kind::Events, Some(any), _) => errors
                .on(any, "`*` already means every event: keep `*`, or list the events without it"),
            (Kind::Events, None, []) => errors.on(
                Span::call_site(),
                "no events are named: write `#[events_handler(EmployeeCreated)]`, or \
                 `#[events_handler(*)]` for every event",
            ),
            (_, Some(any), _) => errors.on(
                any,
                format!(
                    "one handler per {message}: write the {message}'s type, such as \
                     `#[{attribute}({example})]`; only `#[events_handler(*)]` takes `*`"
                ),
            ),
            (Kind::Events, None, messages) => {
                for (at, ty) in messages.iter().enumerate() {
                    if messages[..at].contains(ty) {
                        errors.on_tokens(ty, "this event is named twice: keep one");
                    }
                }
            }
            (_, None, []) => errors.on(
                Span::call_site(),
                format!("no {message} is named: write `#[{attribute}({example})]`"),
            ),
            (_, None, [_, second, ..]) => errors.on_tokens(
                second,
                format!("one handler per {message}: write another handler for this {message}"),
            ),
        }
    }
}

impl HandlerArgs {
    /// Checks combinations of options, and of options and messages.
    pub(crate) fn check_options(&self, kind: Kind, errors: &mut Errors) {
        self.options.check(kind, errors);
        let alias = self.messages.iter().find(|ty| matches!(ungrouped(ty), Type::TraitObject(_)));
        if let Some(alias) = alias.filter(|_| self.options.batch.is_some()) {
            errors.on_tokens(
                alias,
                "a batch holds events of one type: name the events, or remove `batch(..)`",
            );
        }
    }
}

impl HandlerOptions {
    /// The rules for the options together.
    fn check(&self, kind: Kind, errors: &mut Errors) {
        if let (Kind::Command, Some((retry, span))) = (kind, &self.retry)
            && retry.is_on()
            && retry.when.is_none()
            && self.transactional.is_none()
        {
            errors.on(
                *span,
                "`retry(..)` of a command says after which errors it is attempted again: add \
                 `when = is_busy`, with a function such as \
                 `fn is_busy(error: &HandlerError) -> bool`",
            );
        }
        if let (Some((DeadLetters::Block, span)), Some(Order::None)) =
            (self.dead_letters, self.order)
        {
            errors.on(
                span,
                "`dead_letters = \"block\"` lets the later events of an order key wait, and with \
                 `order = \"none\"` there is no order key: remove one of them",
            );
        }
        let Some(transient) = self.transient else {
            return;
        };
        if self.transactional.is_some() {
            errors.on(
                transient,
                "a `transient` handler gets its events from memory, where nothing is exactly once: \
                 remove `transient` or `transactional`",
            );
        }
        if self.start.is_some() {
            errors.on(
                transient,
                "a `transient` handler gets what is published while it runs, so it starts nowhere \
                 else: remove `transient` or `start`",
            );
        }
    }
}

struct Reader {
    kind: Kind,
    args: HandlerArgs,
    in_options: bool,
}

impl Reader {
    fn element(&mut self, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let (attribute, example) = (self.kind.attribute(), self.kind.example());
        if input.peek(Token![*]) {
            let star: Token![*] = input.parse()?;
            if self.args.any.is_some() {
                return Err(syn::Error::new(star.span, "`*` is given twice: keep one"));
            }
            self.args.any = Some(star.span);
            return self.before_options(star.span);
        }
        if at_option(input) {
            let key = input.call(Ident::parse_any)?;
            self.in_options = true;
            return self.option(&key, input, errors);
        }
        if input.peek(Lit) {
            let message = format!(
                "write the {}'s type here, such as `#[{attribute}({example})]`",
                self.kind.message()
            );
            return Err(syn::Error::new(input.span(), message));
        }
        let start = input.span();
        let ty: Type = input.parse().map_err(|_| {
            let message = format!("expected a type or an option, such as `{example}`");
            syn::Error::new(start, message)
        })?;
        self.args.messages.push(ty);
        self.before_options(start)
    }

    fn before_options(&self, span: Span) -> syn::Result<()> {
        if !self.in_options {
            return Ok(());
        }
        let message = match self.kind {
            Kind::Events => "events come before the options: move it to the front".to_owned(),
            kind => {
                format!("the {} comes before the options: move it to the front", kind.message())
            }
        };
        Err(syn::Error::new(span, message))
    }

    fn option(
        &mut self,
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        if krate::read(key, input, &mut self.args.krate)? {
            return Ok(());
        }
        let known = self.kind.options();
        if !options::contain(known, key) {
            if options::contain(EVENT_OPTIONS, key) {
                return Err(syn::Error::new(key.span(), not_for(self.kind, key)));
            }
            let place = format!("`#[{}(..)]`", self.kind.attribute());
            return Err(options::unknown(key, &place, known));
        }
        let options = &mut self.args.options;
        match key.to_string().as_str() {
            "name" => {
                let name = value::string(key, "name = \"send-welcome-email\"", input)?;
                options::set(&mut options.name, key, name)
            }
            "timeout" => options::set(&mut options.timeout, key, timeout(key, input)?),
            "retry" => {
                let retry = retry::read(self.kind, key, input, errors)?;
                options::set(&mut options.retry, key, (retry, key.span()))
            }
            "deliver_within" => {
                let example = "deliver_within = \"1h\"";
                let age = duration::read(key, example, DELIVER_WITHIN, input)?;
                options::set(&mut options.deliver_within_millis, key, age.millis)
            }
            "dead_letters" => {
                let read = dead_letters::read(key, input)?;
                options::set(&mut options.dead_letters, key, (read, key.span()))
            }
            "concurrency" => {
                let limit = value::integer_in(1..=1024, key, "concurrency = 8", input)?;
                options::set(&mut options.concurrency, key, limit)
            }
            "order" => options::set(&mut options.order, key, order::read(key, input)?),
            "rate" => options::set(&mut options.rate, key, rate::read(key, input)?),
            "breaker" => {
                options::set(&mut options.breaker, key, breaker::read(key, input, errors)?)
            }
            "batch" => options::set(&mut options.batch, key, batch::read(key, input, errors)?),
            "transactional" => {
                value::none(key, input)?;
                options::set(&mut options.transactional, key, ())
            }
            "emits" => options::set(&mut options.emits, key, emits::read(key, input, errors)?),
            "stream" => {
                value::none(key, input)?;
                options::set(&mut options.stream, key, ())
            }
            "transient" => {
                value::none(key, input)?;
                options::set(&mut options.transient, key, key.span())
            }
            _ => options::set(&mut options.start, key, start::read(key, input)?),
        }
    }
}

/// An option is a word followed by `=` or `(`, or an option's name without its value, also if it is misspelt: types
/// begin with a capital letter.
fn at_option(input: ParseStream<'_>) -> bool {
    if !input.peek(Ident::peek_any) {
        return false;
    }
    let ahead = input.fork();
    let Ok(word) = ahead.call(Ident::parse_any) else {
        return false;
    };
    let word = word.to_string();
    let is_like_an_option = word.starts_with(|first: char| first.is_ascii_lowercase())
        && [EVENT_OPTIONS, QUERY_OPTIONS]
            .iter()
            .any(|options| suggest::closest(&word, options).is_some());
    (ahead.peek(Token![=]) || ahead.peek(token::Paren))
        || (is_like_an_option && (ahead.is_empty() || ahead.peek(Token![,])))
}

/// Why another kind of handler has this option, and this one has not.
fn not_for(kind: Kind, key: &Ident) -> String {
    let message = kind.message();
    let why = match key.to_string().as_str() {
        "transactional" => {
            return format!(
                "`{key}` is for handlers of events and commands: a {message} changes nothing, so it \
                 needs no transaction; remove it"
            );
        }
        "retry" => {
            return format!(
                "`{key}` is for handlers of events and commands: a {message} changes nothing, so its \
                 caller can try again; remove it"
            );
        }
        "emits" => {
            return format!(
                "`{key}` is for handlers of events and commands: a {message} changes nothing, so it \
                 publishes and executes nothing; remove it"
            );
        }
        "breaker" | "dead_letters" => {
            "its caller waits for the result and decides whether to try again"
        }
        "batch" => "its caller waits for the result of this one",
        "order" | "deliver_within" => "so it runs at once",
        "transient" | "start" => "and no store keeps it",
        "rate" => "it runs when its caller asks, so the callers decide how often",
        _ => "it runs when its caller asks, so the callers decide how many run at once",
    };
    format!("`{key}` is for events handlers only: a {message} is not queued, {why}")
}

fn timeout(key: &Ident, input: ParseStream<'_>) -> syn::Result<Limit<u64>> {
    let example = "timeout = \"30s\"` or `timeout = none";
    value::equals(key, example, input)?;
    if value::is_off(input)? {
        return Ok(Limit::Off);
    }
    let timeout = duration::after_equals(key, example, TIMEOUT, input)?;
    Ok(Limit::At(timeout.millis))
}
