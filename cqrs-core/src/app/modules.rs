//! The modules of an application, by name.

/// The crates and modules that [`modules!`](crate::modules) named.
#[derive(Debug, Clone, Default)]
pub struct Modules(pub(super) Vec<Module>);

impl Modules {
    /// `here` is the module that names them, `names` the paths as written there.
    #[doc(hidden)]
    pub fn named(here: &str, names: &[&str]) -> Self {
        Self(names.iter().map(|name| Module::resolve(here, name)).collect())
    }

    /// These modules and the `other` ones.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The path of the innermost module that contains `module_path`.
    pub(crate) fn containing(&self, module_path: &str) -> Option<&str> {
        let paths = self.0.iter().flat_map(|module| &module.paths).map(String::as_str);
        paths.filter(|path| is_in(module_path, path)).max_by_key(|path| path.len())
    }

    pub(crate) fn contain(&self, module_path: &str) -> bool {
        self.0.iter().any(|module| module.contains(module_path))
    }
}

/// A crate or a module of a crate, with everything below it.
#[derive(Debug, Clone)]
pub(super) struct Module {
    /// As it was written.
    pub(super) name: String,
    /// A plain name is a crate's or that of a module beside the one that names it; only one of the two
    /// can exist, or the compiler would have called it ambiguous.
    paths: Vec<String>,
}

impl Module {
    fn resolve(here: &str, name: &str) -> Self {
        let name: String = name.split_whitespace().collect();
        let here: Vec<_> = here.split("::").collect();
        let mut base: Option<&[&str]> = None;
        let mut rest = Vec::new();
        for segment in name.split("::") {
            match segment {
                "crate" => base = Some(&here[..1]),
                "self" => base = Some(&here[..]),
                "super" => {
                    let from = base.unwrap_or(&here);
                    base = Some(&from[..from.len().saturating_sub(1)]);
                }
                other => rest.push(other),
            }
        }
        let join = |base: &[&str]| [base, &rest].concat().join("::");
        let paths = match base {
            Some(base) => vec![join(base)],
            None => vec![join(&[]), join(&here)],
        };
        Self { name, paths }
    }

    pub(super) fn contains(&self, module_path: &str) -> bool {
        self.paths.iter().any(|path| is_in(module_path, path))
    }
}

fn is_in(module_path: &str, module: &str) -> bool {
    let below = module_path.strip_prefix(module);
    below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
}

/// Names crates or modules: `modules![employees, crate::billing]`.
///
/// The linker drops a crate that nothing names, and with it every annotation inside. Naming a crate
/// here keeps it; [`App::builder().modules(..)`](crate::AppBuilder::modules) then also proves that each
/// named module contributes something. [`only`](crate::AppBuilder::only) and
/// [`without`](crate::AppBuilder::without) select what runs.
///
/// A name that does not exist is a compile error. The crate in which the macro is written is `crate`, not its
/// name; in a test under `tests`, or in `main.rs` beside a `lib.rs`, the library is another crate, and has its name.
/// Name a crate as it is called in its own `Cargo.toml`, not as a renamed dependency.
///
/// ```
/// let builder = cqrs_core::App::builder().modules(cqrs_core::modules![self]);
/// # let _ = builder;
/// ```
#[macro_export]
macro_rules! modules {
    ($($($segment:ident)::+),* $(,)?) => {{
        $($crate::modules!(@name $($segment)::+);)*
        $crate::app::Modules::named(::core::module_path!(), &[$(::core::stringify!($($segment)::+)),*])
    }};
    // These always exist, and `use` does not accept them alone.
    (@name crate) => {};
    (@name self) => {};
    (@name super) => {};
    (@name $($segment:ident)::+) => {{
        // A glob, since an error about it is on the name that is wrong, and not on the whole macro.
        #[allow(unused_imports)]
        use $($segment)::+::*;
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_contains_itself_and_what_is_below_it() {
        let module = Module::resolve("shop::main", "crate :: orders");
        assert_eq!(module.name, "crate::orders");
        assert!(module.contains("shop::orders"));
        assert!(module.contains("shop::orders::handlers"));
        assert!(!module.contains("shop::orders_archive"));
        assert!(!module.contains("other::orders"));
    }

    #[test]
    fn a_plain_name_is_a_crate_or_a_module_beside_this_one() {
        let module = Module::resolve("shop::main", "orders");
        assert!(module.contains("orders::handlers"));
        assert!(module.contains("shop::main::orders"));
        assert!(!module.contains("shop::orders"));
    }

    #[test]
    fn self_and_super_are_relative_to_the_module_of_the_macro() {
        assert!(Module::resolve("shop::a::b", "self").contains("shop::a::b::c"));
        assert!(Module::resolve("shop::a::b", "super::x").contains("shop::a::x"));
        assert!(Module::resolve("shop::a::b", "super::super::y").contains("shop::y"));
    }
}
