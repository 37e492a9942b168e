//! Links that work under any path, also behind a proxy that strips a prefix.

use axum::extract::{NestedPath, OriginalUri};
use axum::http::request::Parts;

use super::pages::Pages;
use super::product::Product;

/// The paths of the page and of everything else, relative to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Links {
    /// The page itself, without a query.
    pub(super) home: String,
    /// The directory of everything else, with a slash at its end.
    pub(super) base: String,
    /// The product that the page is part of.
    pub(super) product: Option<Product>,
}

impl Links {
    pub(super) fn of(parts: &Parts, pages: &Pages) -> Self {
        let original =
            parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| original);
        let nested = parts.extensions.get::<NestedPath>();
        let has_slash = nested.is_some_and(|nested| nested.as_str().ends_with('/'));
        let links = Self::new(original.path(), parts.uri.path(), has_slash);
        Self { product: pages.product.clone(), ..links }
    }

    /// `original` is the path of the request, and `inner` the rest of it inside of the router. `has_slash` says
    /// that the router is nested under a path with a slash at its end; the page is then found only there.
    fn new(original: &str, inner: &str, has_slash: bool) -> Self {
        let prefix = original.strip_suffix(inner).unwrap_or(original);
        // If the router is nested, the path of the page is that of the router, without a slash at its end.
        let is_bare = inner == "/" && !original.ends_with('/');
        let prefix = if is_bare { original } else { prefix };
        let name = prefix.rsplit('/').next().unwrap_or_default();
        if is_bare {
            return Self { home: format!("./{name}"), base: format!("./{name}/"), product: None };
        }
        let up = "../".repeat(inner.matches('/').count().saturating_sub(1));
        let here = if up.is_empty() { "./".to_owned() } else { up.clone() };
        let is_here = inner == "/" || name.is_empty() || has_slash;
        let home = if is_here { here.clone() } else { format!("{up}../{name}") };
        Self { home, base: here, product: None }
    }

    /// The page with this query string, which begins with `?`.
    pub(super) fn page(&self, query: &str) -> String {
        format!("{}{query}", self.home)
    }

    pub(super) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lead_home_from_every_path_and_prefix() {
        let cases = [
            // mounted at the root
            ("/", "/", "./", "./"),
            ("/verify", "/verify", "./", "./"),
            ("/entries/1", "/entries/1", "../", "../"),
            // nested
            ("/activity", "/", "./activity", "./activity/"),
            ("/activity/", "/", "./", "./"),
            ("/activity/verify", "/verify", "../activity", "./"),
            ("/activity/entries/1", "/entries/1", "../../activity", "../"),
            ("/a/b:c", "/", "./b:c", "./b:c/"),
            ("/a/b:c/entries/1", "/entries/1", "../../b:c", "../"),
        ];
        for (original, inner, home, base) in cases {
            let links = Links::new(original, inner, false);
            assert_eq!((links.home.as_str(), links.base.as_str()), (home, base), "{original}");
        }
        let with_slash = [
            ("/activity/", "/", "./", "./"),
            ("/activity/verify", "/verify", "./", "./"),
            ("/activity/entries/1", "/entries/1", "../", "../"),
        ];
        for (original, inner, home, base) in with_slash {
            let links = Links::new(original, inner, true);
            assert_eq!((links.home.as_str(), links.base.as_str()), (home, base), "{original}");
        }
    }
}
