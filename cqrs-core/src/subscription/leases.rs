//! Which shards this node works on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::slice::Slice;
use super::subscriber::{Subscriber, lose};
use super::{Shared, checkpoints};
use crate::log::{Claim, Lease, Node, StoreError, SubscriptionId};
use crate::observe;

/// How many times a node says that it lives while its leases last.
const BEATS: u32 = 3;

/// For which part of its leases' time, by its own clock, a node begins attempts.
const BEGINS_FOR: f64 = 0.875;

/// How long to wait after the log could not be read.
const BACK_OFF: Duration = Duration::from_millis(500);

/// How often a shard that is handed over is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// This node, and what it knows of its leases.
pub(super) struct Leases {
    node: Node,
    /// When the last beat that succeeded was sent.
    last_beat: Mutex<Option<Instant>>,
    /// Held while shards are claimed or given back.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Leases {
    pub(super) fn new(lease: Duration) -> Self {
        let about = format!("process {}", std::process::id());
        let node = Node { id: Uuid::now_v7(), ttl: lease, about };
        Self { node, last_beat: Mutex::default(), changing: tokio::sync::Mutex::default() }
    }

    /// Whether this node still has its leases, by its own clock.
    pub(super) fn are_valid(&self) -> bool {
        let last_beat = *self.last_beat();
        last_beat.is_some_and(|sent| sent.elapsed() < self.node.ttl.mul_f64(BEGINS_FOR))
    }

    fn last_beat(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that the node lives, and takes or gives back shards, until a shutdown begins.
pub(super) async fn run(shared: Arc<Shared>, subscribers: Vec<Arc<Subscriber>>) {
    let every = shared.leases.node.ttl / BEATS;
    while shared.unless_stopped(tokio::time::sleep(every)).await {
        if let Err(error) = beat(&shared, &subscribers).await {
            tracing::warn!(%error, "this node cannot renew its leases; trying again");
        }
    }
}

/// Says that the node lives, and takes as many shards as are its share.
pub(super) async fn beat(
    shared: &Arc<Shared>,
    subscribers: &[Arc<Subscriber>],
) -> Result<(), StoreError> {
    let Leases { node, changing, .. } = &shared.leases;
    let _changing = changing.lock().await;
    // After the shards were given back, none is claimed.
    if !shared.is_feeding() {
        return Ok(());
    }
    let sent = Instant::now();
    let beat = shared.store.beat(node).await?;
    let held: Vec<Lease> = subscribers.first().map(|it| it.leases()).unwrap_or_default();
    for lost in held.iter().filter(|lease| !beat.leases.contains(lease)) {
        lose(subscribers, *lost);
    }
    // After the lost shards were removed, so that no attempt of them begins.
    *shared.leases.last_beat() = Some(sent);
    for subscriber in subscribers {
        subscriber.pause(beat.paused.contains(&subscriber.id()));
    }
    let share = usize::from(shared.store.profile().shards).div_ceil(beat.living.max(1));
    // What the store has as this node's, but this node does not work on: it was claimed by a call whose answer was lost.
    let unknown: Vec<Lease> =
        beat.leases.iter().filter(|lease| !held.contains(lease)).copied().collect();
    if !unknown.is_empty() {
        shared.store.release(node, &unknown).await?;
    }
    let working = subscribers.first().map(|it| it.working_leases()).unwrap_or_default();
    let owned = working.len();
    if owned < share {
        let ids: Vec<SubscriptionId> = subscribers.iter().map(|it| it.id()).collect();
        let claims = shared.store.claim(node, share - owned, &ids).await?;
        observe::leases_taken(claims.len());
        for claim in claims {
            begin(shared, subscribers, claim).await?;
        }
    } else if owned > share
        && let Some(surplus) = working.last()
    {
        // One with each beat: the other nodes take it with their next one.
        tokio::spawn(hand_over(Arc::clone(shared), subscribers.to_vec(), *surplus));
    }
    Ok(())
}

/// Begins to work on a shard that was claimed.
async fn begin(
    shared: &Arc<Shared>,
    subscribers: &[Arc<Subscriber>],
    claim: Claim,
) -> Result<(), StoreError> {
    let Claim { lease, checkpoints, ahead, parked } = claim;
    let mut positions: Vec<_> = parked.iter().map(|(_, parked)| parked.position).collect();
    positions.dedup();
    let events =
        if positions.is_empty() { Vec::new() } else { shared.store.read_at(&positions).await? };
    let events: Vec<_> = events.into_iter().map(|logged| shared.codec.decode(logged)).collect();
    for subscriber in subscribers {
        let id = subscriber.id();
        let Some((_, checkpoint)) = checkpoints.iter().find(|(of, _)| *of == id) else { continue };
        // What this build does not want or cannot read stays parked for one that does, and is not waited for.
        let parked = parked.iter().filter(|(of, _)| *of == id).filter_map(|(_, parked)| {
            let at = events.binary_search_by_key(&parked.position, |event| event.position).ok()?;
            subscriber.can_handle(&events[at]).then_some((&events[at], parked))
        });
        let parked: Vec<_> = parked.collect();
        let rows =
            parked.iter().map(|(event, parked)| ((*parked).clone(), event.tenant().into_owned()));
        let ahead = ahead.iter().find(|(of, _)| *of == id).map(|(_, ahead)| &**ahead);
        let slice = Slice::new(subscriber, lease, shared, *checkpoint, ahead, rows.collect());
        // The parked ones first: they are before all that is read from now on.
        for (event, parked) in parked {
            slice.feed_parked(event, parked);
        }
        subscriber.add(slice);
    }
    Ok(())
}

/// Gives a shard to other nodes, after its running attempts have ended. They are not waited for longer than it would
/// take if this node had died: until then, no handler goes on with the shard.
pub(super) async fn hand_over(
    shared: Arc<Shared>,
    subscribers: Vec<Arc<Subscriber>>,
    lease: Lease,
) {
    let slices: Vec<_> = subscribers.iter().filter_map(|it| it.slice(lease)).collect();
    for slice in &slices {
        slice.revoke();
    }
    let begin = Instant::now();
    while slices.iter().any(|slice| slice.is_working()) && begin.elapsed() < shared.leases.node.ttl
    {
        if !shared.unless_stopped(tokio::time::sleep(LOOK_AGAIN)).await {
            return;
        }
    }
    checkpoints::save_all(&shared, &subscribers, &slices).await;
    for subscriber in &subscribers {
        subscriber.remove(lease);
    }
    if let Err(error) = shared.store.release(&shared.leases.node, &[lease]).await {
        tracing::warn!(%error, shard = lease.shard, "a shard cannot be given to another node now");
    }
}

/// Forgets all progress that is not in the store, because its log is not the one that the window had in this
/// `generation`. With the next beat this node claims its shards again, and goes on at the checkpoints that the store has.
pub(super) async fn begin_again(
    shared: &Shared,
    subscribers: &[Arc<Subscriber>],
    generation: u32,
    error: &StoreError,
) {
    // No checkpoint of the lost log is saved after the window has begun again.
    let _saving = shared.saving.lock().await;
    let _changing = shared.leases.changing.lock().await;
    let Some(window) = shared.window.get() else { return };
    // The reader and the saver may both find out.
    if window.generation() != generation {
        return;
    }
    tracing::error!(
        %error,
        "events that were accepted are lost; the handlers go on at the checkpoints of this database, and may handle \
         again what they have handled"
    );
    for subscriber in subscribers {
        subscriber.leases().into_iter().for_each(|lease| subscriber.remove(lease));
    }
    // Until then no shard is claimed, because the window still has events of the lost log.
    loop {
        match shared.store.range().await {
            Ok(range) => return window.begin_again(*range.end()),
            Err(error) => tracing::warn!(%error, "the log cannot be read; trying again"),
        }
        if !shared.unless_stopped(tokio::time::sleep(BACK_OFF)).await {
            return;
        }
    }
}

/// Gives all shards back, and says that this node has ended.
pub(super) async fn give_back(shared: &Shared, subscribers: &[Arc<Subscriber>]) {
    let Leases { node, changing, .. } = &shared.leases;
    let _changing = changing.lock().await;
    let leases: Vec<Lease> = subscribers.first().map(|it| it.leases()).unwrap_or_default();
    for lease in &leases {
        for subscriber in subscribers {
            subscriber.remove(*lease);
        }
    }
    let released = async {
        shared.store.release(node, &leases).await?;
        shared.store.leave(node).await
    };
    if let Err(error) = released.await {
        tracing::warn!(%error, "this node's shards are free only when its leases end");
    }
}
