//! A handler: the messages it is registered for, its options, and how it is built.

use proc_macro2::{Ident, Span, TokenStream};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, Item, ItemFn, ItemStruct, Meta, Path, Token, parse_quote};

use crate::attr::conditional::{self, Conditional};
use crate::attr::handler::{HandlerArgs, Kind};
use crate::error::Errors;
use crate::model::function::{self, Parameters};
use crate::model::injection::{self, Injection};
use crate::{naming, validate};

/// A checked handler.
pub(crate) struct Handler<'a> {
    pub(crate) kind: Kind,
    pub(crate) ident: &'a Ident,
    pub(crate) name: String,
    pub(crate) args: HandlerArgs,
    pub(crate) injection: Injection<'a>,
}

impl<'a> Handler<'a> {
    pub(crate) fn read(
        kind: Kind,
        args: TokenStream,
        item: &'a ItemStruct,
        errors: &mut Errors,
    ) -> Self {
        let args = HandlerArgs::read(kind, args, errors);
        validate::not_generic(
            &item.generics,
            "a handler is registered as one type, so it cannot be generic: remove the annotation \
             and register it with `App::builder().register(..)`",
            errors,
        );
        let name = name(&args, &item.ident, errors);
        let injection = Injection::read(&item.fields, errors);
        Self { kind, ident: &item.ident, name, args, injection }
    }

    /// Reads a handler that is written as a function.
    pub(crate) fn read_function(
        kind: Kind,
        args: TokenStream,
        item: &'a ItemFn,
        errors: &mut Errors,
    ) -> (Self, Parameters<'a>) {
        let mut args = HandlerArgs::parse(kind, args, errors);
        let name = name(&args, &item.sig.ident, errors);
        let (parameters, injection) = function::read(kind, item, &mut args, errors);
        args.check_options(kind, errors);
        (Self { kind, ident: &item.sig.ident, name, args, injection }, parameters)
    }
}

/// The handler's stable name.
fn name(args: &HandlerArgs, ident: &Ident, errors: &mut Errors) -> String {
    let (name, span) = match &args.options.name {
        Some(literal) => (literal.value(), literal.span()),
        None => (naming::kebab(&ident.unraw().to_string()), ident.span()),
    };
    validate::handler_name(&name, span, errors);
    name
}

/// Reports attributes that contradict a handler annotation, and removes them so that they do not report the
/// same mistake again.
pub(crate) fn remove_conflicting(kind: Kind, attrs: &mut Vec<Attribute>, errors: &mut Errors) {
    attrs.retain_mut(|attr| {
        if let Some(other) = injection::handler_attribute(attr) {
            errors.on_tokens(attr.path(), two_annotations(kind, other));
            return false;
        }
        if attr.path().is_ident("derive") {
            return remove_injectable(attr, errors);
        }
        true
    });
}

fn two_annotations(kind: Kind, other: Kind) -> String {
    if kind != other {
        return "a handler has one annotation, for events, a command or a query: write a second \
                struct"
            .to_owned();
    }
    match kind {
        Kind::Events => {
            "list all events in one annotation: `#[events_handler(EmployeeCreated, ..)]`".to_owned()
        }
        _ => format!("one handler per {0}: write another handler for this {0}", kind.message()),
    }
}

/// Removes `Injectable` from a `derive`; says whether any derive remains.
fn remove_injectable(attr: &mut Attribute, errors: &mut Errors) -> bool {
    let parser = Punctuated::<Path, Token![,]>::parse_terminated;
    let Ok(derives) = attr.parse_args_with(parser) else {
        return true;
    };
    let is_injectable =
        |path: &Path| path.segments.last().is_some_and(|last| last.ident == "Injectable");
    let Some(injectable) = derives.iter().find(|path| is_injectable(path)) else {
        return true;
    };
    errors.on_tokens(injectable, injection::ALREADY_INJECTED);
    let others: Vec<&Path> = derives.iter().filter(|path| !is_injectable(path)).collect();
    if others.is_empty() {
        return false;
    }
    *attr = parse_quote!(#[derive(#(#others),*)]);
    true
}

/// The lint attributes of generated code: it may do what the author allows or expects. An expectation can be fulfilled by
/// generated code alone, such as that of a deprecated event, so it is no expectation there.
pub(crate) fn allowed(attrs: &[Attribute]) -> Vec<Attribute> {
    let lints = conditional::flattened(attrs).into_iter();
    let lints = lints.filter(|attr| attr.is("allow") || attr.is("expect"));
    lints.map(|attr| allowing(attr).attribute()).collect()
}

/// Lets a struct allow `deprecated` if it expects it: the reason can be in generated code alone, see [`allowed`].
pub(crate) fn allow_expected(attrs: &mut Vec<Attribute>) {
    let flat = conditional::flattened(attrs);
    if !flat.iter().any(expects_deprecated) {
        return;
    }
    let allowed = |attr| if expects_deprecated(&attr) { allowing(attr) } else { attr };
    *attrs = flat.into_iter().map(|attr| allowed(attr).attribute()).collect();
}

fn allowing(mut attr: Conditional) -> Conditional {
    if let Meta::List(list) = &mut attr.meta {
        list.path = parse_quote!(allow);
    }
    attr
}

fn expects_deprecated(attr: &Conditional) -> bool {
    let Meta::List(list) = &attr.meta else { return false };
    let lints = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    attr.is("expect") && lints.is_ok_and(|it| it.iter().any(|it| it.path().is_ident("deprecated")))
}

/// Removes the attributes that only the annotation understands.
pub(crate) fn remove_inject(fields: &mut Fields) {
    for field in fields {
        let attrs = conditional::flattened(&field.attrs);
        if attrs.iter().any(|attr| attr.is("inject")) {
            let others = attrs.iter().filter(|attr| !attr.is("inject"));
            field.attrs = others.map(Conditional::attribute).collect();
        }
    }
}

/// Reports an annotation on something that is neither a struct nor a function.
pub(crate) fn not_a_handler(kind: Kind, item: &TokenStream, errors: &mut Errors) {
    let attribute = kind.attribute();
    let (what, span) = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Enum(item)) => ("an enum", item.enum_token.span),
        Ok(Item::Union(item)) => ("a union", item.union_token.span),
        Ok(Item::Trait(item)) => ("a trait", item.trait_token.span),
        Ok(Item::Mod(item)) => ("a module", item.mod_token.span),
        Ok(Item::Type(item)) => ("a type alias", item.type_token.span),
        Ok(Item::Impl(item)) => ("an `impl`", item.impl_token.span),
        _ => ("this", Span::call_site()),
    };
    errors.on(
        span,
        format!(
            "`#[{attribute}(..)]` goes on the handler's struct or function, not on {what}: its fields or parameters \
             are what gets injected"
        ),
    );
}
