//! What surrounds the content of every page.

use axum::http::{HeaderMap, header};
use jiff::tz::TimeZone;

use super::super::assets::{SCRIPT, STYLE};
use super::super::product::Product;
use super::super::view::View;

/// The cookie in which the page's script stores the chosen theme.
const THEME_COOKIE: &str = "activity_theme";

pub(super) struct Frame {
    pub(super) home: String,
    pub(super) base: String,
    /// The product that the page is part of.
    pub(super) product: Option<Product>,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    /// `dark` or `light`, if the reader has chosen.
    pub(super) theme: Option<&'static str>,
    /// The tenant of the entries.
    pub(super) scope: String,
    /// The requested time zone.
    pub(super) zone: Option<String>,
    pub(super) zone_name: String,
}

impl Frame {
    pub(super) fn new(View { ctx, links, headers, .. }: &View, zone: Option<&TimeZone>) -> Self {
        let zone = zone.and_then(TimeZone::iana_name).map(ToOwned::to_owned);
        Self {
            home: links.home.clone(),
            base: links.base.clone(),
            product: links.product.clone(),
            style: &STYLE.name,
            script: &SCRIPT.name,
            theme: theme(headers),
            scope: ctx.tenant_id().map_or("System".to_owned(), ToString::to_string),
            zone_name: zone.clone().unwrap_or_else(|| "UTC".to_owned()),
            zone,
        }
    }
}

fn theme(headers: &HeaderMap) -> Option<&'static str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, theme) = pairs.find(|(name, _)| name.trim() == THEME_COOKIE)?;
    ["dark", "light"].into_iter().find(|known| *known == theme.trim())
}
