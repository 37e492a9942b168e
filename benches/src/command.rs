//! A command, against a map look-up and one boxed future.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;

use cqrs_core::prelude::*;

use crate::paired::compare;

const OPERATIONS: u32 = 20_000;

#[derive(Command)]
#[command(output = u64)]
struct Add(u64, u64);

#[command_handler(Add)]
struct AddHandler;

impl CommandHandler<Add> for AddHandler {
    async fn execute(&self, command: Add, _: &Context) -> Result<u64, HandlerError> {
        Ok(command.0 + command.1)
    }
}

type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;
type AddFn = Box<dyn Fn(Add) -> Boxed + Send + Sync>;

pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let app = App::builder().build().expect("wired");
    let ctx = Context::for_tenant("acme").expect("valid");
    let add: AddFn = Box::new(|add| Box::pin(async move { add.0 + add.1 }));
    let map: HashMap<TypeId, Box<dyn Any + Send + Sync>> =
        HashMap::from([(TypeId::of::<Add>(), Box::new(add) as Box<dyn Any + Send + Sync>)]);

    let floor = || {
        runtime.block_on(async {
            for number in 0..u64::from(OPERATIONS) {
                let add = map[&TypeId::of::<Add>()].downcast_ref::<AddFn>().expect("an AddFn");
                black_box(add(Add(number, 1)).await);
            }
        });
    };
    let command = || {
        runtime.block_on(async {
            for number in 0..u64::from(OPERATIONS) {
                let sum = app.commands().execute(&ctx, Add(number, 1)).await;
                black_box(sum.expect("it cannot fail"));
            }
        });
    };
    compare("command: look-up and boxed future", OPERATIONS, floor, command);
}
