//! A handler that is written as a function, and the role of each parameter.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, ItemFn, Pat, PatType, Receiver, ReturnType, Type, TypeReference};

use crate::attr::handler::{HandlerArgs, Kind};
use crate::attr::injectable;
use crate::error::Errors;
use crate::model::injection::{
    InjectedField, Injection, Shape, argument_of, focus, is_named, second_argument_of, ungrouped,
};
use crate::model::parameter_type::{is_transaction, no_transaction, other_type, referred, written};
use crate::validate;

/// The arguments of a handler function, in the order of its parameters.
pub(crate) struct Parameters<'a> {
    pub(crate) arguments: Vec<Argument<'a>>,
    /// The type of the transaction, if the function takes one.
    pub(crate) transaction: Option<&'a Type>,
}

/// One argument of the function.
pub(crate) enum Argument<'a> {
    Message,
    Context,
    Transaction,
    /// Where a query sends its rows.
    Rows,
    /// A reference to a service.
    Reference(&'a Ident),
    /// A clone of a service, such as a bus or an `Arc`.
    Clone(&'a Ident),
}

/// Reads the signature of `item`. Adds the message and the transaction, which it determines, to `args`.
pub(crate) fn read<'a>(
    kind: Kind,
    item: &'a ItemFn,
    args: &mut HandlerArgs,
    errors: &mut Errors,
) -> (Parameters<'a>, Injection<'a>) {
    check_signature(kind, item, errors);
    let mut reader = Reader { kind, arguments: Vec::new(), transaction: None, fields: Vec::new() };
    let mut inputs = item.sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Typed(first)) => {
            reader.arguments.push(Argument::Message);
            message(kind, &first.ty, args, errors);
        }
        Some(FnArg::Receiver(receiver)) => errors.on_tokens(receiver, NO_METHOD),
        None => errors.on(
            item.sig.paren_token.span.join(),
            format!("the first parameter is the {}: write `{}`", kind.message(), parameter(kind)),
        ),
    }
    no_conditions(item, errors);
    for input in inputs {
        // Only the first parameter can be `self`.
        if let FnArg::Typed(parameter) = input {
            reader.parameter(parameter, errors);
        }
    }
    match (&mut args.options.transactional, reader.transaction) {
        (transactional @ None, Some(_)) => *transactional = Some(()),
        (Some(()), None) => errors.on(
            item.sig.paren_token.span.join(),
            "a `transactional` function takes the transaction: add `tx: &mut SqliteTransaction`, or that of your store",
        ),
        _ => {}
    }
    let streams = reader.arguments.iter().any(|argument| matches!(argument, Argument::Rows));
    match (&mut args.options.stream, streams) {
        (stream @ None, true) => *stream = Some(()),
        (Some(()), false) => errors.on(
            item.sig.paren_token.span.join(),
            "a function that answers with a stream sends its rows: add `rows: &mut Rows<Row>`",
        ),
        _ => {}
    }
    let Reader { arguments, transaction, fields, .. } = reader;
    (Parameters { arguments, transaction }, Injection { shape: Shape::Function, fields })
}

/// Reads the parameters of a function whose parameters are all services.
pub(crate) fn read_services<'a>(
    item: &'a ItemFn,
    errors: &mut Errors,
) -> (Vec<Argument<'a>>, Injection<'a>) {
    let (arguments, fields) = (Vec::new(), Vec::new());
    let mut reader = Reader { kind: Kind::Query, arguments, transaction: None, fields };
    no_conditions(item, errors);
    for input in &item.sig.inputs {
        match input {
            FnArg::Typed(parameter) => match ungrouped(&parameter.ty) {
                ty if is_named("Context", referred(ty)) => errors.on_tokens(
                    ty,
                    "a provider has no context, because it runs before any message: remove this parameter",
                ),
                Type::Reference(TypeReference { elem, mutability: None, .. }) => {
                    reader.service(parameter, elem, true, errors);
                }
                ty @ Type::Reference(_) => {
                    errors.on_tokens(ty, "services are shared: write `&` instead of `&mut`");
                }
                ty => reader.service(parameter, ty, false, errors),
            },
            FnArg::Receiver(receiver) => errors.on_tokens(receiver, NO_METHOD),
        }
    }
    (reader.arguments, Injection { shape: Shape::Function, fields: reader.fields })
}

const NO_METHOD: &str = "a function that is annotated is not a method: write it outside of the `impl`, and take services as parameters";

/// Refuses parameters that are there under a condition: an argument of a call cannot be left out under one.
fn no_conditions(item: &ItemFn, errors: &mut Errors) {
    for input in &item.sig.inputs {
        let (FnArg::Typed(PatType { attrs, .. }) | FnArg::Receiver(Receiver { attrs, .. })) = input;
        for attr in
            attrs.iter().filter(|it| it.path().is_ident("cfg") || it.path().is_ident("cfg_attr"))
        {
            errors.on_tokens(
                attr,
                "a parameter of an annotated function has no condition: write the function twice, each with its own `cfg`",
            );
        }
    }
}

fn check_signature(kind: Kind, item: &ItemFn, errors: &mut Errors) {
    let signature = &item.sig;
    if signature.asyncness.is_none() {
        errors.on(
            signature.fn_token.span,
            format!("a handler function is asynchronous: write `async fn {}`", signature.ident),
        );
    }
    not_generic(item, errors);
    if let (Kind::Events, ReturnType::Type(_, ty)) = (kind, &signature.output)
        && let Some(error) = second_argument_of("Result", ty)
        && (is_named("Box", error)
            || is_named("String", error)
            || matches!(error, Type::Reference(_)))
    {
        errors.on_tokens(
            error,
            "a handler fails with an error that `?` converts into a `HandlerError`: write `-> HandlerResult`, and \
             `.map_err(HandlerError::new)?` for a boxed error or a text",
        );
    }
    if matches!(signature.output, ReturnType::Default) {
        let output = match kind {
            Kind::Events => "HandlerResult",
            Kind::Command | Kind::Query => "Result<Output, HandlerError>",
        };
        errors.on(
            signature.ident.span(),
            format!("a handler says whether it succeeded: add `-> {output}`"),
        );
    }
}

/// Refuses type, lifetime and const parameters.
pub(crate) fn not_generic(item: &ItemFn, errors: &mut Errors) {
    let generics = &item.sig.generics;
    let lifetimes = generics.lifetimes().count();
    if lifetimes > 0 && lifetimes == generics.params.len() {
        errors.on_tokens(
            &generics.params,
            "the handler owns its services and lends them to the function: remove the lifetimes",
        );
        return;
    }
    validate::not_generic(
        generics,
        "a handler is registered as one type, so its function cannot be generic: write one function for each type",
        errors,
    );
}

/// Reads the first parameter: `event: &E`, `batch: &Batch<E>`, `command: C` or `query: Q`.
fn message(kind: Kind, ty: &Type, args: &mut HandlerArgs, errors: &mut Errors) {
    if let Some(named) = args.messages.first().map(focus).or(args.any) {
        errors.on(
            named,
            format!(
                "the {} of a function is the type of its first parameter: remove it here",
                kind.message()
            ),
        );
        return;
    }
    let first = |example: &str, errors: &mut Errors| {
        let message = kind.message();
        errors.on_tokens(ty, format!("the first parameter is the {message}: write `{example}`"));
    };
    let referred = referred(ty);
    if is_named("Context", referred) {
        return first(parameter(kind), errors);
    }
    let owned = match ungrouped(ty) {
        Type::Reference(TypeReference { elem, mutability: None, .. }) if kind == Kind::Events => {
            &**elem
        }
        Type::Reference(_) => {
            let by_reference = if kind == Kind::Events { "&" } else { "" };
            let name = kind.message();
            return first(&format!("{name}: {by_reference}{}", written(referred)), errors);
        }
        ty if kind == Kind::Events => {
            let event = argument_of("Arc", ty).unwrap_or(ty);
            let text =
                format!("all handlers of an event share it: write `event: &{}`", written(event));
            errors.on_tokens(ty, text);
            return;
        }
        ty => ty,
    };
    let event = match (argument_of("Batch", owned), args.options.batch) {
        (Some(event), Some(_)) => event,
        (Some(_), None) if kind == Kind::Events => {
            errors.on_tokens(ty, "a handler of batches says how large they are: add `batch(max = 500)` to the annotation");
            return;
        }
        (None, Some(_)) => {
            let owned = written(owned);
            errors.on_tokens(
                ty,
                format!("`batch(..)` gives many events at once: write `batch: &Batch<{owned}>`"),
            );
            return;
        }
        _ => owned,
    };
    if kind == Kind::Events && is_named("AnyEvent", event) {
        args.any = Some(focus(event));
    } else {
        args.messages.push(event.clone());
    }
}

/// An example of the first parameter.
fn parameter(kind: Kind) -> &'static str {
    match kind {
        Kind::Events => "event: &EmployeeCreated",
        Kind::Command => "command: CreateEmployee",
        Kind::Query => "query: FindEmployee",
    }
}

struct Reader<'a> {
    kind: Kind,
    arguments: Vec<Argument<'a>>,
    transaction: Option<&'a Type>,
    fields: Vec<InjectedField<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads a parameter after the first one.
    fn parameter(&mut self, parameter: &'a PatType, errors: &mut Errors) {
        let ty = ungrouped(&parameter.ty);
        match ty {
            Type::Reference(TypeReference { elem, mutability: Some(_), .. }) => {
                self.transaction(ty, elem, errors);
            }
            Type::Reference(TypeReference { elem, .. }) if is_named("Context", elem) => {
                self.arguments.push(Argument::Context);
            }
            ty if is_transaction(referred(ty)) => self.shared_transaction(ty, errors),
            Type::Reference(TypeReference { elem, .. }) => {
                self.service(parameter, elem, true, errors);
            }
            ty if is_named("Context", ty) => errors.on_tokens(ty, "write `ctx: &Context`"),
            ty => self.service(parameter, ty, false, errors),
        }
    }

    fn transaction(&mut self, ty: &Type, transaction: &'a Type, errors: &mut Errors) {
        if self.kind == Kind::Query && is_named("Rows", transaction) {
            self.arguments.push(Argument::Rows);
        } else if self.kind == Kind::Query {
            errors.on_tokens(ty, "a query changes nothing, so it gets nothing to change: write `&` instead of `&mut`");
        } else if let Some(why) = no_transaction(transaction) {
            errors.on_tokens(ty, why);
        } else if self.transaction.is_some() {
            errors.on_tokens(
                ty,
                "the `&mut` parameter is the transaction, and a handler has one: keep one",
            );
        } else {
            self.transaction = Some(transaction);
            self.arguments.push(Argument::Transaction);
        }
    }

    /// Reports a transaction that is taken like a service.
    fn shared_transaction(&mut self, ty: &'a Type, errors: &mut Errors) {
        let transaction = referred(ty);
        self.transaction = Some(transaction);
        let why = if self.kind == Kind::Query {
            "a query changes nothing, so it gets no transaction: remove this parameter".to_owned()
        } else {
            no_transaction(transaction).unwrap_or_else(|| {
                let right = written(transaction);
                format!("a transaction is taken by `&mut`: write `tx: &mut {right}`")
            })
        };
        errors.on_tokens(ty, why);
    }

    fn service(
        &mut self,
        parameter: &'a PatType,
        ty: &'a Type,
        by_reference: bool,
        errors: &mut Errors,
    ) {
        let Pat::Ident(name) = &*parameter.pat else {
            errors.on_tokens(
                &parameter.pat,
                "an injected parameter has a plain name, which reports show",
            );
            return;
        };
        let name = &name.ident;
        if let Some(right) = other_type(ty, by_reference) {
            errors.on_tokens(
                &parameter.ty,
                format!("a service is injected by its type: write `{name}: {right}`"),
            );
            return;
        }
        self.arguments.push(if by_reference {
            Argument::Reference(name)
        } else {
            Argument::Clone(name)
        });
        let source = injectable::read_parameter(&parameter.attrs, by_reference, errors);
        self.fields.push(InjectedField {
            ident: Some(name),
            name: name.unraw().to_string(),
            ty,
            source,
            cfgs: Vec::new(),
        });
    }
}

/// Removes the attributes that the compiler does not know.
pub(crate) fn remove_inject(item: &mut ItemFn) {
    for input in &mut item.sig.inputs {
        let attrs: &mut Vec<Attribute> = match input {
            FnArg::Typed(parameter) => &mut parameter.attrs,
            FnArg::Receiver(receiver) => &mut receiver.attrs,
        };
        attrs.retain(|attr| !attr.path().is_ident("inject"));
    }
}
