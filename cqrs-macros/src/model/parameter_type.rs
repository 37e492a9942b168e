//! What the syntax of a parameter's type says about its role.

use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type};

use crate::model::injection::{argument_of, is_named, ungrouped};

/// The `T` of `&T` and of `&mut T`, or the type itself.
pub(super) fn referred(ty: &Type) -> &Type {
    match ungrouped(ty) {
        Type::Reference(reference) => &reference.elem,
        ty => ty,
    }
}

/// A type as its author writes it.
pub(super) fn written(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    [(" < ", "<"), (" >", ">"), (" :: ", "::"), ("& ", "&"), (" ,", ",")]
        .into_iter()
        .fold(text, |text, (spaced, plain)| text.replace(spaced, plain))
}

/// Whether the name of a type is that of a store's transaction.
pub(super) fn is_transaction(ty: &Type) -> bool {
    let Type::Path(path) = ungrouped(ty) else { return false };
    path.path.segments.last().is_some_and(|last| last.ident.to_string().ends_with("Transaction"))
}

/// Why this cannot be the type of the store's transaction, if its syntax shows that.
pub(super) fn no_transaction(ty: &Type) -> Option<String> {
    let ty = ungrouped(ty);
    if is_named("Context", ty) {
        return Some("write `ctx: &Context`".to_owned());
    }
    if let Type::TraitObject(_) = ty {
        let right = written(ty);
        return Some(format!(
            "the `&mut` parameter is the store's transaction: for a service, write `&{right}`"
        ));
    }
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let has_lifetime = arguments.args.iter().any(|it| matches!(it, GenericArgument::Lifetime(_)));
    has_lifetime.then(|| {
        "the transaction is one of the store: write `tx: &mut SqliteTransaction`, or that of your store".to_owned()
    })
}

/// The type to write in place of `ty`, the type of a service, if its syntax shows that it cannot be one.
pub(super) fn other_type(ty: &Type, by_reference: bool) -> Option<String> {
    let ty = ungrouped(ty);
    match ty {
        Type::ImplTrait(_) => return Some(written(ty).replacen("impl", "&dyn", 1)),
        Type::TraitObject(_) if !by_reference => return Some(format!("&{}", written(ty))),
        Type::Slice(slice) => return Some(format!("Vec<{}>", written(&slice.elem))),
        _ => {}
    }
    let (name, inner) =
        ["Option", "Vec"].into_iter().find_map(|name| Some((name, argument_of(name, ty)?)))?;
    match ungrouped(inner) {
        Type::Reference(reference) => Some(format!("{name}<Arc<{}>>", written(&reference.elem))),
        _ => by_reference.then(|| written(ty)),
    }
}

/// Whether the type is sized, as far as its syntax shows: only a sized value can be a service without an `Arc`.
pub(crate) fn is_sized(ty: &Type) -> bool {
    let ty = ungrouped(ty);
    !matches!(ty, Type::TraitObject(_) | Type::Slice(_) | Type::ImplTrait(_))
        && !is_named("str", ty)
}
