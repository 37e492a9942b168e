//! The end of a chain, to be kept outside of the database.

use std::fmt;
use std::str::FromStr;

use cqrs_core::{Context, TenantId, TenantScope};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::content::tenant_column;
use crate::entry::EntryHash;
use crate::log::ActivityLog;
use crate::query::ReadError;

/// What the text of a head begins with.
const PREFIX: &str = "activity-head/1";

/// The end of a tenant's chain. Its hash depends on all entries up to there.
///
/// Keep it where a writer of the database cannot change it. Later it proves that nothing up to there was altered
/// or removed: [`ActivityLog::verify_against`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("activity.db");
/// use cqrs_activity_log::chain::Head;
/// use cqrs_activity_log::{Activity, ActivityLog};
/// use cqrs_core::Context;
///
/// let log = ActivityLog::sqlite(path).await?;
/// let ctx = Context::for_tenant("acme")?;
/// log.record(&ctx, Activity::new("closed", "Year").id(2026)).await?;
///
/// let noted = log.head(&ctx).await?.to_string();     // sent by e-mail, printed, given to an auditor
/// assert!(noted.starts_with("activity-head/1:acme:1:"));
///
/// let head: Head = noted.parse()?;                   // a year later
/// log.verify_against(&ctx, &head).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The tenant of the chain.
    pub tenant: TenantScope,
    /// The sequence of the last entry; 0, if there never was one.
    pub sequence: u64,
    /// The hash of the last entry.
    pub hash: EntryHash,
}

impl ActivityLog {
    /// The end of the tenant's chain.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the database fails.
    pub async fn head(&self, ctx: &Context) -> Result<Head, ReadError> {
        let tenant = ctx.tenant().clone();
        let chain = self.database().chain(tenant_column(&tenant)).await?;
        Ok(Head { tenant, sequence: chain.head.sequence.unsigned_abs(), hash: chain.head.hash })
    }
}

impl fmt::Display for Head {
    /// `activity-head/1:acme:42:` and the hash; the system scope has an empty name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}:{}:{}:{}", tenant_column(&self.tenant), self.sequence, self.hash)
    }
}

/// The text is not a [`Head`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a head of an activity log is written as `{PREFIX}:<tenant>:<sequence>:<64 hexadecimal digits>`"
)]
pub struct InvalidHead;

impl FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let mut parts = text.trim().split(':');
        let mut next = || parts.next().ok_or(InvalidHead);
        if next()? != PREFIX {
            return Err(InvalidHead);
        }
        let tenant = match next()? {
            "" => TenantScope::System,
            id => TenantScope::Tenant(TenantId::new(id).map_err(|_| InvalidHead)?),
        };
        let sequence = next()?.parse().map_err(|_| InvalidHead)?;
        let hash = next()?.parse().map_err(|_| InvalidHead)?;
        match parts.next() {
            None => Ok(Self { tenant, sequence, hash }),
            Some(_) => Err(InvalidHead),
        }
    }
}

impl Serialize for Head {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_being_written_down() {
        for tenant in [TenantScope::System, TenantScope::Tenant("acme".parse().unwrap())] {
            let head = Head { tenant, sequence: 42, hash: EntryHash([0xab; 32]) };
            assert_eq!(head.to_string().parse(), Ok(head.clone()));
            let json = serde_json::to_string(&head).unwrap();
            assert_eq!(serde_json::from_str::<Head>(&json).unwrap(), head);
        }
    }

    #[test]
    fn a_text_that_is_not_a_head_is_refused() {
        let hash = "0".repeat(64);
        for text in [
            String::new(),
            "activity-head/1:acme:1".to_owned(),
            format!("activity-head/2:acme:1:{hash}"),
            format!("activity-head/1:a b:1:{hash}"),
            format!("activity-head/1:acme:-1:{hash}"),
            format!("activity-head/1:acme:1:{hash}:"),
            format!("activity-head/1:acme:1:+{}", &hash[1..]),
            format!("activity-head/1:acme:1:{}", "ä".repeat(32)),
        ] {
            assert_eq!(text.parse::<Head>(), Err(InvalidHead), "{text}");
        }
    }
}
