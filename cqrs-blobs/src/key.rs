//! The key of a blob in its store.

use cqrs_core::TenantScope;
use object_store::path::Path;
use uuid::Uuid;

/// `tenant-acme/0190b5a4-…`, or `system/0190b5a4-…` for the system scope.
///
/// Capital letters are marked, since some file systems do not distinguish `acme` from `Acme`. The prefix
/// avoids names that some systems reserve, such as `con`.
pub(crate) fn key(tenant: &TenantScope, id: Uuid) -> Path {
    let mut key = String::new();
    match tenant.id() {
        None => key.push_str("system"),
        Some(tenant) => {
            key.push_str("tenant-");
            for letter in tenant.as_str().chars() {
                if letter.is_ascii_uppercase() {
                    key.push('!');
                }
                key.push(letter.to_ascii_lowercase());
            }
        }
    }
    Path::from(format!("{key}/{id}"))
}

#[cfg(test)]
mod tests {
    use cqrs_core::Context;

    use super::*;

    #[test]
    fn every_scope_has_keys_of_its_own_on_any_file_system() {
        let id = Uuid::from_u128(7);
        let key = |ctx: Context| key(ctx.tenant(), id).to_string();
        let of = |tenant| key(Context::for_tenant(tenant).expect("a tenant"));
        assert_eq!(key(Context::system()), format!("system/{id}"));
        assert_eq!(of("acme"), format!("tenant-acme/{id}"));
        assert_eq!(of("Acme.2_b-C"), format!("tenant-!acme.2_b-!c/{id}"));
        assert_eq!(of("system"), format!("tenant-system/{id}"));
    }
}
