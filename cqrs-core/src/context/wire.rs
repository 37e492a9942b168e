//! How a context is stored and sent: what serde cannot derive for [`Context`](super::Context).

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::Instant;

use super::Shared;

pub(super) fn write_shared<S: Serializer>(shared: &Shared, to: S) -> Result<S::Ok, S::Error> {
    shared.serialize(to)
}

pub(super) fn read_shared<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Shared>, D::Error> {
    Shared::deserialize(from).map(Arc::new)
}

/// In wall-clock time, since a reader in another process shares no other clock. A deadline too far away
/// to be written is none.
#[expect(clippy::ref_option, reason = "serde calls it so")]
pub(super) fn write_deadline<S: Serializer>(
    deadline: &Option<Instant>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let wall_clock = deadline.and_then(|deadline| {
        let remaining = deadline.saturating_duration_since(Instant::now());
        Timestamp::now().checked_add(SignedDuration::try_from(remaining).ok()?).ok()
    });
    wall_clock.serialize(to)
}

/// A deadline that has passed is now.
pub(super) fn read_deadline<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Instant>, D::Error> {
    let wall_clock = Option::<Timestamp>::deserialize(from)?;
    Ok(wall_clock.map(|deadline| {
        let remaining = deadline.duration_since(Timestamp::now());
        let now = Instant::now();
        now.checked_add(remaining.try_into().unwrap_or_default()).unwrap_or(now)
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use crate::context::{Actor, Context};

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
