//! A delivery, against a bounded channel into a worker task.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use cqrs_core::prelude::*;
use cqrs_core::{Handler, HandlerOptions};
use tokio::sync::{Notify, mpsc};

use crate::paired::compare;

const OPERATIONS: u32 = 10_000;

#[derive(Serialize, Deserialize, Event)]
struct Ticked {
    number: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct MeterRead {
    #[event(entity_id)]
    meter: Uuid,
    kilowatt_hours: u32,
}

/// Counts down, and says when all is done.
#[derive(Default)]
struct Countdown {
    left: AtomicU32,
    done: Notify,
}

impl Countdown {
    fn start(&self, count: u32) {
        self.left.store(count, SeqCst);
    }

    fn one(&self) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            self.done.notify_one();
        }
    }
}

pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    single(&runtime, 1);
    single(&runtime, 8);
    keyed(&runtime);
    fan_out(&runtime, 10);
}

/// `workers` tasks behind bounded channels, fed in turn; each item costs one boxed future too.
fn channels(
    runtime: &tokio::runtime::Runtime,
    workers: usize,
    countdown: &Arc<Countdown>,
) -> Vec<mpsc::Sender<Arc<Ticked>>> {
    let senders = (0..workers).map(|_| {
        let (sender, mut receiver) = mpsc::channel::<Arc<Ticked>>(1024);
        let countdown = Arc::clone(countdown);
        runtime.spawn(async move {
            while let Some(event) = receiver.recv().await {
                let countdown = &countdown;
                let future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(async move {
                        std::hint::black_box(event.number);
                        countdown.one();
                    });
                future.await;
            }
        });
        sender
    });
    senders.collect()
}

fn single(runtime: &tokio::runtime::Runtime, workers: usize) {
    let countdown = Arc::new(Countdown::default());
    let senders = channels(runtime, workers, &countdown);
    let counted = Arc::clone(&countdown);
    let handler = Handler::event_fn("count", move |event: Published<Ticked>, _| {
        std::hint::black_box(event.number);
        counted.one();
        async { Ok(()) }
    });
    let handler = handler.options(HandlerOptions::DEFAULT.concurrency(workers));
    let app = App::builder().bare().register(handler).build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    let name = format!("delivery: channel into {workers} worker(s)");
    compare(
        &name,
        OPERATIONS,
        || {
            countdown.start(OPERATIONS);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    let sender = &senders[number as usize % workers];
                    sender.send(Arc::new(Ticked { number })).await.expect("open");
                }
                countdown.done.notified().await;
            });
        },
        || {
            countdown.start(OPERATIONS);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    app.events().publish(&ctx, Ticked { number }).await.expect("accepted");
                }
                countdown.done.notified().await;
            });
        },
    );
}

fn keyed(runtime: &tokio::runtime::Runtime) {
    let countdown = Arc::new(Countdown::default());
    let senders = channels(runtime, 8, &countdown);
    let counted = Arc::clone(&countdown);
    let handler = Handler::event_fn("read", move |event: Published<MeterRead>, _| {
        std::hint::black_box(event.kilowatt_hours);
        counted.one();
        async { Ok(()) }
    });
    let app = App::builder().bare().register(handler).build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    let meters: Vec<_> = (0..1000).map(Uuid::from_u128).collect();
    compare(
        "delivery in order per entity: channel into 8 workers",
        OPERATIONS,
        || {
            countdown.start(OPERATIONS);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    let sender = &senders[number as usize % 8];
                    sender.send(Arc::new(Ticked { number })).await.expect("open");
                }
                countdown.done.notified().await;
            });
        },
        || {
            countdown.start(OPERATIONS);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    let meter = meters[number as usize % meters.len()];
                    let event = MeterRead { meter, kilowatt_hours: number };
                    app.events().publish(&ctx, event).await.expect("accepted");
                }
                countdown.done.notified().await;
            });
        },
    );
}

fn fan_out(runtime: &tokio::runtime::Runtime, handlers: usize) {
    let countdown = Arc::new(Countdown::default());
    let senders = channels(runtime, handlers, &countdown);
    let builder = (0..handlers).fold(App::builder().bare(), |builder, number| {
        let counted = Arc::clone(&countdown);
        let handler =
            Handler::event_fn(format!("count-{number}"), move |event: Published<Ticked>, _| {
                std::hint::black_box(event.number);
                counted.one();
                async { Ok(()) }
            });
        builder.register(handler.options(HandlerOptions::DEFAULT.concurrency(1)))
    });
    let app = builder.build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    let deliveries = OPERATIONS * u32::try_from(handlers).expect("few");
    compare(
        &format!("delivery to {handlers} handlers: one channel each"),
        deliveries,
        || {
            countdown.start(deliveries);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    let event = Arc::new(Ticked { number });
                    for sender in &senders {
                        sender.send(Arc::clone(&event)).await.expect("open");
                    }
                }
                countdown.done.notified().await;
            });
        },
        || {
            countdown.start(deliveries);
            runtime.block_on(async {
                for number in 0..OPERATIONS {
                    app.events().publish(&ctx, Ticked { number }).await.expect("accepted");
                }
                countdown.done.notified().await;
            });
        },
    );
}
