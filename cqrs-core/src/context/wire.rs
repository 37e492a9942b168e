//! How a context is stored and sent.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;
use uuid::Uuid;

use super::attributes::Attributes;
use super::{Actor, Context, Shared, TenantScope, TraceParent};

/// Field names are part of the stored format: add, never rename.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    tenant: Cow<'a, TenantScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Cow<'a, Actor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<Cow<'a, str>>,
    message_id: Uuid,
    correlation_id: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<Cow<'a, str>>,
    /// Wall-clock time, since a reader in another process shares no other clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_empty")]
    attributes: Cow<'a, Attributes>,
}

fn is_empty(attributes: &Attributes) -> bool {
    attributes.is_empty()
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shared = &*self.shared;
        Wire {
            tenant: Cow::Borrowed(&shared.tenant),
            actor: shared.actor.as_ref().map(Cow::Borrowed),
            organization: shared.organization.as_deref().map(Cow::Borrowed),
            message_id: self.message_id,
            correlation_id: shared.correlation_id,
            causation_id: self.causation_id,
            traceparent: self.traceparent,
            locale: shared.locale.as_deref().map(Cow::Borrowed),
            deadline: self.deadline.and_then(to_wall_clock),
            attributes: Cow::Borrowed(&shared.attributes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let shared = Shared {
            tenant_key: wire.tenant.key(),
            tenant: wire.tenant.into_owned(),
            actor: wire.actor.map(Cow::into_owned),
            organization: wire.organization.map(Cow::into_owned),
            correlation_id: wire.correlation_id,
            locale: wire.locale.map(Cow::into_owned),
            attributes: wire.attributes.into_owned(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            message_id: wire.message_id,
            causes: None,
            causation_id: wire.causation_id,
            traceparent: wire.traceparent,
            deadline: wire.deadline.map(from_wall_clock),
            work: None,
        })
    }
}

/// A deadline too far away to be written is none.
fn to_wall_clock(deadline: Instant) -> Option<Timestamp> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    let remaining = SignedDuration::try_from(remaining).ok()?;
    Timestamp::now().checked_add(remaining).ok()
}

/// A deadline that has passed is now.
fn from_wall_clock(deadline: Timestamp) -> Instant {
    let remaining = deadline.duration_since(Timestamp::now());
    let now = Instant::now();
    now.checked_add(remaining.try_into().unwrap_or_default()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_context_survives_the_way_to_a_store_and_back() {
        let ctx = Context::for_tenant("acme")
            .unwrap()
            .with_actor(Actor::service("sync").on_behalf_of(Actor::user(7).named("Ada")))
            .with_organization("research")
            .with_traceparent(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap(),
            )
            .with_locale("de-DE")
            .with_attribute("channel", "import")
            .unwrap()
            .with_timeout(Duration::from_mins(1))
            .child();
        let stored = serde_json::to_string(&ctx).unwrap();
        let back: Context = serde_json::from_str(&stored).unwrap();

        assert_eq!(back.tenant(), ctx.tenant());
        assert_eq!(back.actor(), ctx.actor());
        assert_eq!(back.organization(), Some("research"));
        assert_eq!(back.message_id(), ctx.message_id());
        assert_eq!(back.correlation_id(), ctx.correlation_id());
        assert_eq!(back.causation_id(), ctx.causation_id());
        assert_eq!(back.traceparent(), ctx.traceparent());
        assert_eq!(back.locale(), Some("de-DE"));
        assert_eq!(back.attribute("channel"), Some("import"));
        let remaining = back.remaining().unwrap();
        assert!(remaining > Duration::from_secs(50) && remaining <= Duration::from_mins(1));
    }

    #[test]
    fn an_oversized_bag_is_refused_when_read() {
        let id = Uuid::now_v7();
        let value = "x".repeat(2000);
        let stored = format!(
            r#"{{"tenant":"system","message_id":"{id}","correlation_id":"{id}","attributes":{{"k":"{value}"}}}}"#
        );
        let error = serde_json::from_str::<Context>(&stored).unwrap_err();
        assert!(error.to_string().contains("attribute `k` has 2000 bytes"), "{error}");
    }
}
