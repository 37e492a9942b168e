//! The stylesheet and the script, embedded, with names that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cqrs_http::Problem;
use sha2::{Digest, Sha256};

use super::path;

/// One embedded file.
pub(super) struct Asset {
    /// Such as `activity-0123456789abcdef.css`.
    pub(super) name: String,
    media_type: &'static str,
    content: &'static str,
}

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("css", "text/css; charset=utf-8", include_str!("../../assets/activity.css"))
});

pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("js", "text/javascript; charset=utf-8", include_str!("../../assets/activity.js"))
});

impl Asset {
    fn new(extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(content.as_bytes())[..8]);
        let name = format!("activity-{:016x}.{extension}", u64::from_be_bytes(first));
        Self { name, media_type, content }
    }
}

/// A year, because changed content has another name.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

pub(super) async fn serve(Path(parameters): Path<path::Parameters>) -> Response {
    let name = path::own(parameters);
    let asset = [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.name == name);
    match asset {
        Some(Asset { media_type, content, .. }) => {
            let headers = [(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, FOR_EVER)];
            (headers, *content).into_response()
        }
        None => Problem::new(StatusCode::NOT_FOUND, "there is no such file").into_response(),
    }
}
