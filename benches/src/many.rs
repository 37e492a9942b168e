//! A delivery beside a thousand handlers of other events, against one that is alone: their number
//! should cost nothing.

use cqrs_core::prelude::*;
use cqrs_core::{AppBuilder, Handler};

use crate::paired::compare;

const OPERATIONS: u32 = 10_000;
const HANDLERS_OF_EACH: usize = 16;

#[derive(Serialize, Deserialize, Event)]
struct Wanted;

/// One of 64 other events.
#[derive(Serialize, Deserialize)]
struct Other<const NUMBER: usize>;

impl<const NUMBER: usize> Other<NUMBER> {
    const DIGITS: [u8; 2] = [b'0' + (NUMBER / 10) as u8, b'0' + (NUMBER % 10) as u8];
}

impl<const NUMBER: usize> Event for Other<NUMBER> {
    // No two messages may have the same name.
    const NAME: &'static str = match str::from_utf8(&Self::DIGITS) {
        Ok(name) => name,
        Err(_) => unreachable!(),
    };
}

fn others<const NUMBER: usize>(builder: AppBuilder) -> AppBuilder {
    (0..HANDLERS_OF_EACH).fold(builder, |builder, handler| {
        let name = format!("other-{NUMBER}-{handler}");
        builder.register(Handler::event_fn(name, |_: Published<Other<NUMBER>>, _| async { Ok(()) }))
    })
}

macro_rules! with_others {
    ($builder:expr; $($first:literal)*) => {{
        let mut builder = $builder;
        $(
            builder = others::<{ $first }>(builder);
            builder = others::<{ $first + 1 }>(builder);
            builder = others::<{ $first + 2 }>(builder);
            builder = others::<{ $first + 3 }>(builder);
        )*
        builder
    }};
}

fn wanted() -> AppBuilder {
    let handler = Handler::event_fn("wanted", |_: Published<Wanted>, _| async { Ok(()) });
    App::builder().bare().register(handler)
}

pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ctx = Context::for_tenant("acme").expect("valid");
    let alone = wanted().build().expect("wired");
    let crowded = with_others!(wanted(); 0 4 8 12 16 20 24 28 32 36 40 44 48 52 56 60);
    let crowded = crowded.build().expect("wired");
    let publish = |app: &App| {
        runtime.block_on(async {
            for _ in 0..OPERATIONS {
                app.events().publish(&ctx, Wanted).await.expect("accepted");
            }
            app.idle().await;
        });
    };
    let name = "delivery beside 1,024 others: without them";
    compare(name, OPERATIONS, || publish(&alone), || publish(&crowded));
}
