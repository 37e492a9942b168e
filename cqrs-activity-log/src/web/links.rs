//! Links that work wherever the router is mounted, also behind a proxy that strips a prefix.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, NestedPath, OriginalUri};
use axum::http::request::Parts;

use super::Pages;
use super::product::Product;

/// Where the page and everything else lie, relative to the request that is being answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Links {
    /// The page itself, without a query.
    pub(super) home: String,
    /// The directory that everything else lies in, with a slash at its end.
    pub(super) base: String,
    /// What the page is part of.
    pub(super) product: Option<Product>,
}

impl Links {
    /// `original` is the path of the request, `inner` is what remained of it inside of the router, and
    /// `has_slash` says that the router is nested under a path with a slash at its end, where alone the
    /// page is then found.
    fn new(original: &str, inner: &str, has_slash: bool) -> Self {
        let prefix = original.strip_suffix(inner).unwrap_or(original);
        // Nested, the page itself has the router's own path, without a slash at its end.
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

impl FromRequestParts<Pages> for Links {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Infallible> {
        let original =
            parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| original);
        let nested = parts.extensions.get::<NestedPath>();
        let has_slash = nested.is_some_and(|nested| nested.as_str().ends_with('/'));
        let links = Self::new(original.path(), parts.uri.path(), has_slash);
        Ok(Self { product: pages.product.clone(), ..links })
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
