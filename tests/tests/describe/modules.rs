//! Which module depends on which, and what handlers emit.

use cqrs_core::describe::{Description, Emission, Format};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;
use cqrs_core::{AppBuilder, Handler, modules};

mod contracts {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    pub(super) struct StockReserved;

    #[derive(Command)]
    pub(super) struct ReserveStock;
}

mod sales {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    pub(super) struct CartFilled;

    pub(super) mod below {
        use super::super::*;

        #[events_handler]
        async fn announce_cart(
            _: &CartFilled,
            ctx: &Context,
            events: &EventBus,
            commands: &CommandBus,
        ) -> HandlerResult {
            commands.execute(ctx, contracts::ReserveStock).await?;
            events.publish(ctx, warehouse::CartPacked).await?;
            Ok(())
        }

        use super::CartFilled;
    }
}

mod warehouse {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    pub(super) struct CartPacked;

    #[command_handler]
    async fn reserve(
        _: contracts::ReserveStock,
        ctx: &Context,
        events: &EventBus,
    ) -> Result<(), HandlerError> {
        events.publish(ctx, contracts::StockReserved).await?;
        Ok(())
    }

    #[events_handler(super::sales::CartFilled)]
    struct Pack;

    impl EventHandler<super::sales::CartFilled> for Pack {
        async fn handle(&self, _: &super::sales::CartFilled, _: &Context) -> HandlerResult {
            Ok(())
        }
    }
}

fn app() -> AppBuilder {
    App::builder().only(modules![contracts, sales, warehouse])
}

async fn with_emissions() -> Description {
    let app = TestApp::from_builder(app()).build().expect("wired");
    app.publish(&Context::system(), sales::CartFilled).await.expect("accepted");
    app.settled().await;
    app.describe().with_emissions(app.observed_emissions())
}

#[tokio::test(start_paused = true)]
async fn a_cycle_of_modules_is_named_with_its_handlers_and_messages() {
    // What is only handled: the warehouse depends on sales.
    app().build().expect("wired").describe().assert_no_cycles();

    let cycles = with_emissions().await.module_cycles();
    assert_eq!(cycles.len(), 1, "modules without handlers are on none: {cycles:?}");
    let (sales, warehouse) = ("describe::modules::sales", "describe::modules::warehouse");
    assert_eq!(cycles[0].modules, [sales, warehouse]);
    let text = cycles[0].to_string();
    assert!(text.starts_with(&format!("{sales} -> {warehouse} -> {sales}\n")), "{text}");
    for part in ["`announce-cart` (tests/tests/describe/modules.rs:", "emits `cart.packed` of"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(text.contains("handles `cart.filled` of describe::modules::sales ("), "{text}");
    assert_eq!(text.lines().count(), 3, "one line for each reason: {text}");
}

#[tokio::test(start_paused = true)]
#[should_panic(
    expected = "in a circle:\ndescribe::modules::sales -> describe::modules::warehouse -> "
)]
async fn the_check_of_cycles_fails_a_test() {
    with_emissions().await.assert_no_cycles();
}

#[test]
fn modules_of_one_crate_that_are_not_named_are_one_module() {
    let builder = App::builder().bare().modules(modules![crate::shop::audit]);
    let handler =
        Handler::event_fn("by-hand", |_: Published<sales::CartFilled>, _| async { Ok(()) });
    let description = builder.register(handler).build().expect("wired").describe();
    let part_of: Vec<_> = description.modules.iter().map(|it| it.part_of.as_str()).collect();
    assert_eq!(part_of, ["describe"]);
    let graph = description.render(Format::Mermaid);
    let of_rust_module = "subgraph module_describe__modules__sales[\"describe::modules::sales\"]";
    assert!(graph.contains(of_rust_module), "nothing that is there is named: {graph}");
    description.with_emissions([Emission::new("by-hand", "cart.filled")]).assert_no_cycles();
}

#[tokio::test(start_paused = true)]
async fn what_a_task_of_a_handler_and_a_failed_attempt_emit_counts_too() {
    static EVENTS: std::sync::OnceLock<EventBus> = std::sync::OnceLock::new();
    let spawn = |_: Published<sales::CartFilled>, ctx: Context| async move {
        let inside = ctx.clone();
        let task = ctx.spawn(async move {
            // A fresh context, as in code that has no context argument.
            let ctx = Context::system();
            EVENTS.get().expect("set").publish(&ctx, warehouse::CartPacked).await
        });
        task.await??;
        EVENTS.get().expect("set").publish(&inside, contracts::StockReserved).await?;
        Err(HandlerError::msg("too late").permanent())
    };
    let handler = Handler::event_fn("spawns", spawn);
    let app =
        TestApp::from_builder(App::builder().bare().register(handler)).build().expect("wired");
    assert!(EVENTS.set(app.events().clone()).is_ok());
    app.expect_failures();
    app.publish(&Context::system(), sales::CartFilled).await.expect("accepted");
    app.settled().await;
    let emissions = ["cart.packed", "stock.reserved"].map(|name| Emission::new("spawns", name));
    assert_eq!(app.observed_emissions(), emissions);
    assert_eq!(app.all_published().len(), 2, "what the failed attempt published is dropped");
}

mod returns {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    pub(super) struct CartReturned;

    #[derive(Query)]
    #[query(output = u32)]
    pub(super) struct CountReturns;

    #[query_handler]
    async fn count_returns(_: CountReturns) -> Result<u32, HandlerError> {
        Ok(1)
    }

    pub(super) mod labels {
        use super::super::*;

        #[derive(Serialize, Deserialize, Event)]
        pub(super) struct LabelPrinted;

        #[events_handler(emits())]
        async fn print_label(_: &super::CartReturned) -> HandlerResult {
            Ok(())
        }
    }

    #[events_handler(emits(labels::LabelPrinted, contracts::ReserveStock, CountReturns))]
    async fn pack_again(
        _: &CartReturned,
        ctx: &Context,
        events: &EventBus,
        queries: &QueryBus,
    ) -> HandlerResult {
        queries.execute(ctx, CountReturns).await?;
        events.publish(ctx, contracts::StockReserved).await?;
        Ok(())
    }

    #[command_handler(emits(contracts::StockReserved))]
    async fn reserve(_: contracts::ReserveStock) -> Result<(), HandlerError> {
        Ok(())
    }
}

fn returns() -> AppBuilder {
    App::builder().only(modules![returns])
}

#[test]
fn what_handlers_declare_is_drawn_and_counts_for_cycles() {
    let description = returns().build().expect("wired").describe();
    let graph = description.render(Format::Mermaid);
    assert!(graph.contains("    handler_pack_again --> query_count_returns\n"), "{graph}");
    assert!(graph.contains("    handler_pack_again --> command_reserve_stock\n"), "{graph}");
    let lists = description.render(Format::Markdown);
    let emits = "  - emits: `count.returns`, `label.printed`, `reserve.stock`\n";
    assert!(lists.contains(emits), "{lists}");
    assert!(lists.contains("  - emits: `stock.reserved`\n"), "{lists}");
    assert!(!lists.contains("without declaring"), "{lists}");
    description.assert_emissions_declared();

    let app = returns().modules(modules![returns::labels]).build().expect("wired");
    let cycles = app.describe().module_cycles();
    assert_eq!(cycles.len(), 1, "{cycles:?}");
    let text = cycles[0].to_string();
    assert!(
        text.contains(") emits `label.printed` of describe::modules::returns::labels"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_emits_what_it_does_not_declare_is_found_in_a_test() {
    let app = TestApp::from_builder(returns()).build().expect("wired");
    app.publish(&Context::system(), returns::CartReturned).await.expect("accepted");
    app.settled().await;
    let description = app.describe().with_emissions(app.observed_emissions());
    let lists = description.render(Format::Markdown);
    assert!(lists.contains("  - emits without declaring it: `stock.reserved`\n"), "{lists}");
    let check = || description.assert_emissions_declared();
    let panic = std::panic::catch_unwind(check).expect_err("it emits more");
    let panic = panic.downcast_ref::<String>().expect("a text");
    let expected = "\n  `pack-again` (tests/tests/describe/modules.rs:";
    assert!(panic.contains(expected) && panic.contains(") emits `stock.reserved`\n"), "{panic}");
}

#[test]
fn a_handler_that_declares_to_emit_nothing_emits_nothing() {
    let description = returns().build().expect("wired").describe();
    description.assert_emissions_declared();
    let emission = Emission::new("print-label", "cart.returned");
    let description = description.with_emissions([emission]);
    let handler = description.handlers.iter().find(|it| it.name == "print-label");
    let undeclared: Vec<_> = handler.expect("it is there").undeclared_emissions().collect();
    assert_eq!(undeclared, ["cart.returned"]);
}

#[tokio::test(start_paused = true)]
async fn what_handlers_emit_is_observed_in_a_test_and_drawn() {
    let description = with_emissions().await;
    let emits = |name: &str| {
        let handler = description.handlers.iter().find(|it| it.name == name);
        handler.expect("it is there").emits.clone()
    };
    assert_eq!(emits("announce-cart"), ["cart.packed", "reserve.stock"]);
    assert_eq!(emits("reserve"), ["stock.reserved"], "and not the handler that executed it");
    assert!(emits("pack").is_empty());

    let graph = description.render(Format::Mermaid);
    assert!(graph.contains("    handler_announce_cart --> event_cart_packed\n"), "{graph}");
    assert!(graph.contains("    handler_announce_cart --> command_reserve_stock\n"), "{graph}");
    assert!(graph.contains("subgraph module_describe__modules__sales["), "{graph}");
    assert!(!graph.contains("below"), "a named module is one box: {graph}");
    let lists = description.render(Format::Markdown);
    assert!(lists.contains("  - emits: `cart.packed`, `reserve.stock`\n"), "{lists}");
}
