//! The lowest checkpoint of a subscription, in the SQL of both databases.

/// The lowest checkpoint of all shards of `subscription`. A shard without one has the subscription's start. `$shards` is
/// how many there are.
pub(crate) const LOWEST: &str = "(SELECT CASE WHEN count(*) = 0 \
     OR count(*) < $shards AND subscription.start < min(checkpoint.position) \
     THEN subscription.start ELSE min(checkpoint.position) END \
     FROM {checkpoint} checkpoint WHERE checkpoint.subscription = subscription.id)";
