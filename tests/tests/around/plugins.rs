//! A plugin adds itself in one line, and takes part in start and shutdown.

use std::sync::Mutex;

use cqrs_core::app::{BoxError, ProblemKind, StartError, Unfinished};
use cqrs_core::middleware::{Call, Middleware, Next, Outcome};
use cqrs_core::prelude::*;
use cqrs_core::{AppBuilder, Handler, Plugin, modules};

#[derive(Serialize, Deserialize, Event)]
struct LightSwitched {
    on: bool,
}

#[events_handler(LightSwitched)]
struct SwitchLamp {
    lamp: Lamp,
}

impl EventHandler<LightSwitched> for SwitchLamp {
    async fn handle(&self, event: &LightSwitched, _: &Context) -> HandlerResult {
        self.lamp.note(if event.on { "lamp on" } else { "lamp off" });
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Lamp(Arc<Mutex<Vec<String>>>);

impl Lamp {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no panic").push(what.into());
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// Provides the lamp, registers a handler, adds middleware, and notes its start and shutdown.
struct Power {
    name: &'static str,
    lamp: Lamp,
    trouble: Trouble,
}

#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    NeedsStart,
    FailsToStart,
    HangsInStart,
    PanicsInShutdown,
}

impl Plugin for Power {
    fn name(&self) -> &str {
        self.name
    }

    fn configure(&self, app: AppBuilder) -> AppBuilder {
        let (lamp, name) = (self.lamp.clone(), self.name);
        let handler = Handler::event_fn(name, move |event: Published<LightSwitched>, _| {
            lamp.note(format!("{name} sees {}", event.on));
            async { Ok(()) }
        });
        app.provide(self.lamp.clone()).register(handler).middleware(Count(self.lamp.clone()))
    }

    fn needs_start(&self) -> bool {
        self.trouble == Trouble::NeedsStart
    }

    async fn start(&self, app: &App) -> Result<(), BoxError> {
        match self.trouble {
            Trouble::FailsToStart => return Err("no fuse".into()),
            Trouble::HangsInStart => std::future::pending().await,
            _ => self.lamp.note(format!("{} starts", self.name)),
        }
        // The buses work: what is published here is kept until the handlers run.
        if self.trouble == Trouble::NeedsStart {
            app.events().publish(&Context::system(), LightSwitched { on: true }).await?;
        }
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), BoxError> {
        assert!(self.trouble != Trouble::PanicsInShutdown, "sparks");
        self.lamp.note(format!("{} shuts down", self.name));
        Ok(())
    }
}

struct Count(Lamp);

impl Middleware for Count {
    async fn handle(&self, call: &mut Call<'_>, next: Next<'_>) -> Outcome {
        self.0.note(format!("around {}", call.handler()));
        next.run(call).await
    }
}

fn builder() -> AppBuilder {
    App::builder().only(modules![self])
}

fn power(name: &'static str, lamp: &Lamp, trouble: Trouble) -> Power {
    Power { name, lamp: lamp.clone(), trouble }
}

#[tokio::test(start_paused = true)]
async fn one_line_brings_services_handlers_and_middleware() {
    let lamp = Lamp::default();
    let app = builder().plugin(power("grid", &lamp, Trouble::None)).build().expect("wired");
    app.events().publish(&Context::system(), LightSwitched { on: true }).await.expect("accepted");
    app.idle().await;
    let mut notes = lamp.notes();
    notes.sort();
    assert_eq!(notes, ["around grid", "around switch-lamp", "grid sees true", "lamp on"]);
}

#[tokio::test(start_paused = true)]
async fn plugins_start_in_order_and_shut_down_after_the_drain_in_the_opposite_order() {
    let lamp = Lamp::default();
    let app = builder()
        .plugin(power("grid", &lamp, Trouble::None))
        .plugin(power("battery", &lamp, Trouble::NeedsStart))
        .build()
        .expect("wired");
    app.events().publish(&Context::system(), LightSwitched { on: false }).await.expect("accepted");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(lamp.notes(), [""; 0], "nothing is handled before the start");

    app.start().await.expect("nothing fails");
    app.start().await.expect("once is enough");
    let report = app.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report}");
    let notes = lamp.notes();
    assert_eq!(notes[..2], ["grid starts", "battery starts"]);
    assert_eq!(notes[notes.len() - 2..], ["battery shuts down", "grid shuts down"]);
    assert_eq!(notes.iter().filter(|note| note.starts_with("lamp")).count(), 2);
    assert!(app.shutdown(Duration::from_secs(5)).await.is_clean());
    assert_eq!(lamp.notes(), [""; 0], "once");
    assert!(matches!(app.start().await, Err(StartError::ShutDown)));
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_does_not_start_is_named_and_the_started_ones_are_shut_down() {
    for (trouble, reason) in
        [(Trouble::FailsToStart, "no fuse"), (Trouble::HangsInStart, "took longer than 7s")]
    {
        let lamp = Lamp::default();
        let app = builder()
            .plugin(power("grid", &lamp, Trouble::None))
            .plugin(power("battery", &lamp, trouble))
            .plugin(power("generator", &lamp, Trouble::None))
            .plugin_timeout(Duration::from_secs(7))
            .build()
            .expect("wired");
        let error = app.start().await.expect_err("the battery is flat").to_string();
        assert_eq!(error, format!("plugin `battery` did not start: {reason}"));
        assert_eq!(lamp.notes(), ["grid starts", "grid shuts down"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_fails_to_shut_down_is_reported_and_keeps_nobody_from_it() {
    let lamp = Lamp::default();
    let app = builder()
        .plugin(power("grid", &lamp, Trouble::None))
        .plugin(power("battery", &lamp, Trouble::PanicsInShutdown))
        .build()
        .expect("wired");
    let report = app.shutdown(Duration::from_secs(5)).await;
    let [Unfinished::Plugin { plugin, reason }] = report.unfinished() else { panic!("{report}") };
    assert_eq!((plugin.as_str(), reason.as_str()), ("battery", "panicked: sparks"));
    assert_eq!(lamp.notes(), ["grid shuts down"]);
}

/// Uses a service that the application has.
struct Inspector;

impl Plugin for Inspector {
    fn name(&self) -> &'static str {
        "inspector"
    }

    async fn start(&self, app: &App) -> Result<(), BoxError> {
        app.service::<Lamp>()?.note("inspected");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_starts_finds_the_services_of_the_application() {
    let lamp = Lamp::default();
    let app = builder().provide(lamp.clone()).plugin(Inspector).build().expect("wired");
    app.start().await.expect("the lamp is there");
    assert_eq!(lamp.notes(), ["inspected"]);

    let app = App::builder().bare().plugin(Inspector).build().expect("wired");
    let error = app.start().await.expect_err("no lamp").to_string();
    assert!(error.starts_with("plugin `inspector` did not start: "), "{error}");
    assert!(error.contains("`Lamp`"), "{error}");
}

#[test]
fn a_plugin_added_twice_is_reported() {
    let lamp = Lamp::default();
    let twice = builder().plugin(power("grid", &lamp, Trouble::None)).plugin(power(
        "grid",
        &lamp,
        Trouble::None,
    ));
    let error = twice.build().expect_err("its handler has one name, too");
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!(problem.kind(), ProblemKind::SharedPluginName);
    assert!(problem.to_string().contains("plugin `grid`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_application_provides_later_replaces_what_a_plugin_provides() {
    let (lamp, own) = (Lamp::default(), Lamp::default());
    let app = builder().plugin(power("grid", &lamp, Trouble::None)).provide(own.clone());
    let app = app.build().expect("wired");
    app.events().publish(&Context::system(), LightSwitched { on: true }).await.expect("accepted");
    app.idle().await;
    assert_eq!(own.notes(), ["lamp on"]);
}
