//! The product that the page is part of.

use std::sync::Arc;

/// A link back to the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) href: Arc<str>,
    pub(super) name: Arc<str>,
}

impl Product {
    /// `None`, if the link would not lead to a page, such as `javascript:..`.
    pub(super) fn new(href: &str, name: &str) -> Option<Self> {
        // The text before the first colon is a scheme, unless a path, a query or a fragment began before it.
        let scheme = href.split(['/', '?', '#']).next().and_then(|start| start.split_once(':'));
        let is_web = scheme.is_none_or(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        });
        is_web.then(|| Self { href: href.into(), name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_to_a_page() {
        for href in
            ["/", "", "../", "?a=b:c", "/a:b", "https://acme.example/", "HTTP://acme.example"]
        {
            assert!(Product::new(href, "Acme").is_some(), "{href}");
        }
        for href in [
            "javascript:alert(1)",
            " javascript:alert(1)",
            "java\tscript:x",
            "data:text/html,x",
            "mailto:a@b.example",
        ] {
            assert!(Product::new(href, "Acme").is_none(), "{href}");
        }
    }
}
