//! Lists in pages: newest first, by keyset, so that each page costs the same.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cqrs_core::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::failure::Failure;

/// The most items of a page.
pub const MAX_LIMIT: u32 = 200;
const DEFAULT_LIMIT: u32 = 50;
const VERSION: u8 = 1;

/// Which page of a list a client asks for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many items at most, 1 to 200; 50 unless said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The newest first.
    pub items: Vec<T>,
    /// What to send as `after` for the page that follows; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which page of a list is to be read: checked [`PageParams`].
///
/// A repository reads `limit() + 1` rows with `id < after()`, newest first, and gives them to
/// [`page`](Self::page).
#[derive(Debug, Clone)]
pub struct PageRequest {
    limit: u32,
    after: Option<Uuid>,
    fingerprint: [u8; 8],
}

impl PageRequest {
    /// Checks what a client asks for.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] when the limit is out of bounds, or `after` is of another list or tenant, or
    /// made up.
    pub fn new(ctx: &Context, list: &str, params: &PageParams) -> Result<Self, Failure> {
        let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Failure::field("limit", format!("is not between 1 and {MAX_LIMIT}")));
        }
        let fingerprint = fingerprint(ctx, list);
        let after = params.after.as_deref().map(|cursor| {
            decode(cursor, fingerprint).ok_or_else(|| {
                Failure::field("after", "is not the `next` of a page of this list; start anew")
            })
        });
        Ok(Self { limit, after: after.transpose()?, fingerprint })
    }

    /// How many rows to read: one more than asked for, to see whether there are more.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Only rows with a smaller identifier; at first the largest there is.
    pub fn after(&self) -> Uuid {
        self.after.unwrap_or(Uuid::max())
    }

    /// Makes the page of what was read.
    pub fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> Uuid) -> Page<T> {
        let limit = self.limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|last| encode(id(last), self.fingerprint));
        Page { items, next }
    }
}

impl<T> Page<T> {
    /// The same page of something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Of the tenant and the list, so that a cursor that strayed is refused instead of obeyed. No secret: what
/// a page may show is decided by the tenant, never by the cursor.
fn fingerprint(ctx: &Context, list: &str) -> [u8; 8] {
    let digest = Sha256::digest(format!("{}\n{list}", ctx.tenant()));
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(&digest[..8]);
    fingerprint
}

fn encode(id: Uuid, fingerprint: [u8; 8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&[VERSION][..], &fingerprint, id.as_bytes()].concat())
}

fn decode(cursor: &str, fingerprint: [u8; 8]) -> Option<Uuid> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (found, id) = rest.split_at_checked(8)?;
    (*version == VERSION && found == fingerprint).then_some(())?;
    Uuid::from_slice(id).ok()
}
