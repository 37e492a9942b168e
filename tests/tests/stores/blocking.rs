//! Dead letters that block their order key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cqrs_core::handler::{DeadLetters, HandlerOptions};
use cqrs_core::operations::{DeliveryFilter, FailedDelivery, FailedState};
use cqrs_core::registry::HandlerRegistration;
use cqrs_core::{App, RetryPolicy};

use crate::applications::{Counted, Seen, app, idle, noting, publish, stop};
use crate::faulty::faulty_with_lease;
use crate::harness::Harness;
use crate::operations::{failed, operator, refusing};
use crate::support::{SHORT, eventually};

/// A handler that refuses events with an odd number until `heals` is set; a dead letter blocks its counter.
fn blocking(seen: &Seen, heals: &Arc<AtomicBool>) -> HandlerRegistration {
    let options = HandlerOptions::DEFAULT.retry(RetryPolicy::none());
    refusing("blocking", seen, heals).options(options.dead_letters(DeadLetters::Block))
}

fn numbers(failed: &[FailedDelivery]) -> Vec<u32> {
    failed.iter().map(|it| it.event.downcast_ref::<Counted>().unwrap().number).collect()
}

/// The only dead letter.
async fn dead_letter(app: &App) -> FailedDelivery {
    let mut dead = failed(app, DeliveryFilter::dead()).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    dead.remove(0)
}

/// The first numbers of this counter, without those that came again.
fn first_of(seen: &Seen, counter: u32) -> Vec<u32> {
    let mut numbers = seen.by_counter().remove(&counter).unwrap_or_default();
    let mut first = std::collections::BTreeSet::new();
    numbers.retain(|number| first.insert(*number));
    numbers
}

pub(crate) async fn a_dead_letter_blocks_its_key_across_a_restart(harness: impl Harness) {
    let (seen, other, heals) = (Seen::default(), Seen::default(), Arc::new(AtomicBool::new(false)));
    let handlers = || [blocking(&seen, &heals), noting("other", &other)];
    let first = app(harness.another().await, handlers()).await;
    for number in [1, 2, 4] {
        publish(&first, 1, number).await;
    }
    publish(&first, 2, 2).await;
    eventually("others go on", async || {
        other.len() == 4
            && first_of(&seen, 2) == [2]
            && !failed(&first, DeliveryFilter::dead()).await.is_empty()
    })
    .await;
    let letter = dead_letter(&first).await;
    assert!(letter.blocks_key && letter.state == FailedState::Dead, "{letter:?}");
    assert_eq!((letter.attempts, &*letter.error), (1, "1 is odd"));
    stop(first).await;

    let second = app(harness.another().await, handlers()).await;
    publish(&second, 1, 6).await;
    publish(&second, 2, 4).await;
    eventually("others go on", async || first_of(&seen, 2) == [2, 4]).await;
    eventually("what waits is parked", async || {
        numbers(&failed(&second, DeliveryFilter::parked()).await) == [2, 4, 6]
    })
    .await;
    let status = second.operations().subscriptions().await.unwrap();
    let status = status.iter().find(|it| it.handler == "blocking").unwrap();
    assert_eq!((status.dead, status.parked), (1, 3));
    assert_eq!(second.handler("blocking").unwrap().status().blocked_keys, 1);

    // What fails again still blocks its key.
    let letter = dead_letter(&second).await;
    second.operations().redeliver(&operator(), letter.id).await.unwrap();
    eventually("it is dead again", async || {
        let dead = failed(&second, DeliveryFilter::dead()).await;
        dead.len() == 1 && dead[0].since > letter.since
    })
    .await;
    assert_eq!(first_of(&seen, 1), [0; 0]);
    heals.store(true, SeqCst);
    let letter = dead_letter(&second).await;
    assert!(letter.blocks_key && letter.attempts == 1, "{letter:?}");
    second.operations().redeliver(&operator(), letter.id).await.unwrap();
    idle(&second).await;
    assert_eq!(first_of(&seen, 1), [1, 2, 4, 6]);
    assert_eq!(failed(&second, DeliveryFilter::all()).await.len(), 0);
    stop(second).await;
}

pub(crate) async fn another_node_that_takes_over_blocks_the_key_until_an_operator_acts(
    harness: impl Harness,
) {
    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let store = faulty_with_lease(harness.another().await, SHORT);
    let first = app(store.clone(), [blocking(&seen, &heals)]).await;
    publish(&first, 1, 1).await;
    publish(&first, 1, 2).await;
    publish(&first, 1, 3).await;
    publish(&first, 1, 4).await;
    eventually("it is dead", async || !failed(&first, DeliveryFilter::dead()).await.is_empty())
        .await;
    let second =
        app(faulty_with_lease(harness.another().await, SHORT), [blocking(&seen, &heals)]).await;
    stop(first).await;
    publish(&second, 2, 2).await;
    eventually("the other node has the shard", async || first_of(&seen, 2) == [2]).await;
    assert_eq!(second.handler("blocking").unwrap().status().blocked_keys, 1);

    // A node without the shard discards the first one, and then the third one.
    let operators = app(harness.another().await, []).await;
    let letter = dead_letter(&operators).await;
    operators.operations().discard(&operator(), letter.id).await.unwrap();
    eventually("the third one is dead", async || {
        numbers(&failed(&operators, DeliveryFilter::dead()).await) == [3]
    })
    .await;
    assert_eq!(first_of(&seen, 1), [2]);
    let letter = dead_letter(&operators).await;
    operators.operations().discard(&operator(), letter.id).await.unwrap();
    eventually("the last one is handled", async || first_of(&seen, 1) == [2, 4]).await;
    eventually("nothing is left", async || {
        failed(&operators, DeliveryFilter::all()).await.is_empty()
    })
    .await;
    stop(second).await;
    stop(operators).await;
}
