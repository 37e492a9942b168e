//! Types at run time.

use std::any::{TypeId, type_name};
use std::fmt;

/// The compiler's name for a closure's type.
const CLOSURE: &str = "{{closure}}";

/// A Rust type as it appears in reports: for people, never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeRef {
    id: TypeId,
    path: &'static str,
}

impl TypeRef {
    /// The type `T`.
    pub fn of<T: ?Sized + 'static>() -> Self {
        Self { id: TypeId::of::<T>(), path: type_name::<T>() }
    }

    /// The type's identity in this process.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// The name with all paths, as the compiler writes it.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The name without its paths, such as `Arc<dyn EmailService>`; `closure` for a closure.
    pub fn name(&self) -> String {
        without_paths(&self.path.replace(CLOSURE, "closure"))
    }

    pub(crate) fn is_closure(&self) -> bool {
        self.path.ends_with(CLOSURE)
    }
}

fn without_paths(type_name: &str) -> String {
    let mut short = String::with_capacity(type_name.len());
    let mut segment_start = 0;
    for character in type_name.chars() {
        if character == ':' {
            // The segment before a `::` is a crate or a module.
            short.truncate(segment_start);
            continue;
        }
        short.push(character);
        if !(character.is_alphanumeric() || character == '_') {
            segment_start = short.len();
        }
    }
    short
}

impl fmt::Display for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl fmt::Debug for TypeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::without_paths;

    #[test]
    fn paths_are_left_out_and_structure_is_kept() {
        assert_eq!(
            without_paths("alloc::sync::Arc<dyn app::mail::EmailService>"),
            "Arc<dyn EmailService>"
        );
        assert_eq!(without_paths("(alloc::string::String, &[u8])"), "(String, &[u8])");
        assert_eq!(without_paths("u32"), "u32");
        assert_eq!(without_paths("app::main::closure::closure"), "closure");
    }
}
