//! What every page has around its content.

use axum::http::{HeaderMap, header};
use cqrs_core::Context;
use jiff::tz::TimeZone;

use super::super::assets::{SCRIPT, STYLE};
use super::super::links::Links;
use super::super::product::Product;

/// The cookie that the page's script remembers a choice in.
const THEME_COOKIE: &str = "activity_theme";

pub(super) struct Frame {
    pub(super) home: String,
    pub(super) base: String,
    /// Where the reader came from.
    pub(super) product: Option<Product>,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    /// `dark` or `light`, where the reader has chosen.
    pub(super) theme: Option<&'static str>,
    /// Whose entries these are.
    pub(super) scope: String,
    /// The time zone that was asked for.
    pub(super) zone: Option<String>,
    pub(super) zone_name: String,
}

impl Frame {
    pub(super) fn new(
        ctx: &Context,
        links: &Links,
        headers: &HeaderMap,
        zone: Option<&TimeZone>,
    ) -> Self {
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
