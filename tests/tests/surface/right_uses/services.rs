//! Every way to inject.

#![deny(warnings)]

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use cqrs_core::prelude::*;

trait Clock: Send + Sync {
    fn now(&self) -> u64;
}

trait Zone: Send + Sync {}

mod store {
    pub trait Read<T>: Send + Sync {
        fn read(&self) -> T;
    }
}

#[derive(Injectable)]
#[injectable(as = dyn Clock)]
#[injectable(as(dyn Zone, dyn store::Read<u64>))]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        7
    }
}

impl Zone for SystemClock {}

impl store::Read<u64> for SystemClock {
    fn read(&self) -> u64 {
        8
    }
}

#[derive(Clone)]
struct Pool(&'static str);

#[derive(Injectable)]
struct Repository {
    clock: Arc<dyn Clock>,
    pool: Pool,
    #[inject(name = "archive")]
    archive: Pool,
    #[inject(default)]
    seen: AtomicU64,
    /// A field may be called like what generated code uses.
    services: Arc<dyn store::Read<u64>>,
    r#type: Arc<SystemClock>,
}

#[derive(Injectable)]
struct Facade(Arc<Repository>, EventBus, #[inject(default)] Mutex<Vec<u8>>);

#[derive(Injectable)]
struct Empty {}

#[derive(Command)]
#[command(output = String)]
struct Describe;

#[command_handler(Describe)]
struct DescribeHandler {
    facade: Arc<Facade>,
    #[inject(name = "archive")]
    archive: Pool,
    #[cfg(any())]
    never: Missing,
    #[inject(default)]
    count: u64,
    empty: Arc<Empty>,
}

impl CommandHandler<Describe> for DescribeHandler {
    async fn execute(&self, _: Describe, _: &Context) -> Result<String, HandlerError> {
        let Facade(repository, _, buffer) = &*self.facade;
        let Empty {} = *self.empty;
        assert!(buffer.lock().expect("not poisoned").is_empty());
        assert_eq!(repository.seen.load(std::sync::atomic::Ordering::Relaxed), self.count);
        Ok(format!(
            "{} {} {} {} {} {}",
            repository.clock.now(),
            repository.pool.0,
            repository.archive.0,
            self.archive.0,
            repository.services.read(),
            repository.r#type.now(),
        ))
    }
}

#[test]
fn everything_is_injected() {
    App::builder()
        .only(cqrs_core::modules![self])
        .provide(Pool("primary"))
        .provide_named("archive", Pool("archive"))
        .build()
        .expect("everything is wired");
}
