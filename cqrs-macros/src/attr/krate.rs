//! `crate = ".."`: the path of `cqrs_core` in generated code, if the dependency is renamed or re-exported.

use proc_macro2::Ident;
use syn::parse::ParseStream;
use syn::{LitStr, Path};

use crate::attr::{options, value};

/// Reads `= "platform::cqrs"` if `key` is `crate`. Returns whether it is.
pub(crate) fn read(
    key: &Ident,
    input: ParseStream<'_>,
    krate: &mut Option<Path>,
) -> syn::Result<bool> {
    if key != "crate" {
        return Ok(false);
    }
    let literal: LitStr = value::string(key, "crate = \"platform::cqrs\"", input)?;
    let path = literal.parse_with(Path::parse_mod_style).map_err(|_| {
        let message = "`crate` is the path of `cqrs_core`, such as `crate = \"platform::cqrs\"`";
        syn::Error::new(literal.span(), message)
    })?;
    options::set(krate, key, path)?;
    Ok(true)
}
