//! What the handlers' annotations say about mistakes in their options.

use proc_macro2::TokenStream;
use quote::quote;

use super::{assert_one_mistake, command_handler, events_handler, mistakes, query_handler};

#[track_caller]
fn assert_args_mistake(args: TokenStream, expected: &str) {
    assert_one_mistake(
        events_handler(
            args,
            quote!(
                struct H;
            ),
        ),
        expected,
    );
}

#[test]
fn options_that_are_unknown_or_repeated() {
    assert_args_mistake(
        quote!(A, concurency = 8),
        "unknown option `concurency`, did you mean `concurrency`? (`#[events_handler(..)]` takes \
         `name`, `retry`, `timeout`, `deliver_within`, `dead_letters`, `concurrency`, `order`, \
         `rate`, `breaker`, `batch`, `transactional`, `transient`, `start`, `emits` and `crate`)",
    );
    assert_args_mistake(
        quote!(A, retry(atempts = 8)),
        "unknown option `atempts`, did you mean `attempts`? (`retry(..)` takes `attempts`, \
         `backoff`, `max`, `jitter`, `waits` and `never`)",
    );
    assert_args_mistake(
        quote!(A, timeout = "1s", timeout = none),
        "`timeout` is given twice: keep one",
    );
    assert_args_mistake(
        quote!(A, retry = none, retry(attempts = 3)),
        "`retry` is given twice: keep one",
    );
    assert_args_mistake(
        quote!(A, timeout),
        "`timeout` needs a value, such as `timeout = \"30s\"` or `timeout = none`",
    );
    assert_args_mistake(
        quote!(A, concurrency(8)),
        "`concurrency` needs a value, such as `concurrency = 8`",
    );
    assert_one_mistake(
        command_handler(
            quote!(A, nam = "x"),
            quote!(
                struct H;
            ),
        ),
        "unknown option `nam`, did you mean `name`? (`#[command_handler(..)]` takes `name`, \
         `timeout`, `retry`, `transactional`, `emits` and `crate`)",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, nam = "x"),
            quote!(
                struct H;
            ),
        ),
        "unknown option `nam`, did you mean `name`? (`#[query_handler(..)]` takes `name`, `timeout`, `stream` and `crate`)",
    );
}

#[test]
fn misspelt_options_without_a_value_are_no_types() {
    let takes = "(`#[events_handler(..)]` takes `name`, `retry`, `timeout`, `deliver_within`, \
                 `dead_letters`, `concurrency`, `order`, `rate`, `breaker`, `batch`, `transactional`, `transient`, `start`, `emits` and `crate`)";
    for (args, written, meant) in [
        (quote!(A, transactionl), "transactionl", "transactional"),
        (quote!(A, transiant, timeout = "1s"), "transiant", "transient"),
    ] {
        let expected = format!("unknown option `{written}`, did you mean `{meant}`? {takes}");
        assert_args_mistake(args, &expected);
    }
    assert_one_mistake(
        command_handler(
            quote!(A, transactionel),
            quote!(
                struct H;
            ),
        ),
        "unknown option `transactionel`, did you mean `transactional`? (`#[command_handler(..)]` \
         takes `name`, `timeout`, `retry`, `transactional`, `emits` and `crate`)",
    );
    let item = quote!(
        struct H;
    );
    assert!(mistakes(events_handler(quote!(Order, Start, Transient), item)).is_empty());
}

#[test]
fn options_for_events_only() {
    assert_one_mistake(
        command_handler(
            quote!(A, breaker(failures = 3)),
            quote!(
                struct H;
            ),
        ),
        "`breaker` is for events handlers only: a command is not queued, its caller waits for the \
         result and decides whether to try again",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, retry(attempts = 3)),
            quote!(
                struct H;
            ),
        ),
        "`retry` is for handlers of events and commands: a query changes nothing, so its caller \
         can try again; remove it",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, concurrency = 3),
            quote!(
                struct H;
            ),
        ),
        "`concurrency` is for events handlers only: a query is not queued, it runs when its caller \
         asks, so the callers decide how many run at once",
    );
    assert_one_mistake(
        command_handler(
            quote!(A, rate = "1/s"),
            quote!(
                struct H;
            ),
        ),
        "`rate` is for events handlers only: a command is not queued, it runs when its caller \
         asks, so the callers decide how often",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, breaker(failures = 3)),
            quote!(
                struct H;
            ),
        ),
        "`breaker` is for events handlers only: a query is not queued, its caller waits for the \
         result and decides whether to try again",
    );
}

#[test]
fn values_out_of_range() {
    for attempts in [quote!(0), quote!(101), quote!(99999999999)] {
        assert_args_mistake(
            quote!(A, retry(attempts = #attempts)),
            "`attempts` is out of range: 1 to 100 are allowed",
        );
    }
    for concurrency in [quote!(0), quote!(1025)] {
        assert_args_mistake(
            quote!(A, concurrency = #concurrency),
            "`concurrency` is out of range: 1 to 1024 are allowed",
        );
    }
    for timeout in ["0ms", "25h"] {
        assert_args_mistake(
            quote!(A, timeout = #timeout),
            "`timeout` is out of range: \"1ms\" to \"24h\" are allowed",
        );
    }
    assert_args_mistake(
        quote!(A, retry(backoff = "2h", max = "3h")),
        "`backoff` is out of range: \"1ms\" to \"1h\" are allowed",
    );
    assert_args_mistake(
        quote!(A, retry(max = "25h")),
        "`max` is out of range: \"1ms\" to \"24h\" are allowed",
    );
    assert_args_mistake(
        quote!(A, retry(backoff = "2s", max = "1s")),
        "`max` is shorter than `backoff`, \"2s\": make it at least as long",
    );
}

#[test]
fn values_of_the_wrong_kind() {
    for timeout in ["30", "soon", "1.5s", "", "30 s"] {
        assert_args_mistake(
            quote!(A, timeout = #timeout),
            "`timeout` takes a whole number and its unit `ms`, `s`, `m` or `h`, such as \"250ms\" \
             or \"30s\"",
        );
    }
    assert_args_mistake(
        quote!(A, timeout = 30),
        "write the unit: `timeout = \"30s\"` or `timeout = \"30ms\"`",
    );
    assert_args_mistake(
        quote!(A, timeout = 30s),
        "write the duration as a string: `timeout = \"30s\"`",
    );
    assert_args_mistake(
        quote!(A, timeout = never),
        "`timeout` takes a duration, such as `timeout = \"30s\"` or `timeout = none`",
    );
    assert_args_mistake(
        quote!(A, concurrency = "8"),
        "`concurrency` takes a whole number, such as `concurrency = 8`",
    );
    let example = "retry(attempts = 5, backoff = \"100ms\", max = \"30s\")";
    assert_args_mistake(quote!(A, retry = 3), &format!("write `retry = none` or `{example}`"));
    assert_args_mistake(quote!(A, retry = never), &format!("write `retry = none` or `{example}`"));
    assert_args_mistake(
        quote!(A, retry),
        &format!("`retry` needs a value: `retry = none` or `{example}`"),
    );
    assert_args_mistake(
        quote!(A, retry()),
        &format!("`retry(..)` is empty: write `{example}` or a part of it"),
    );
}

#[test]
fn lists_of_what_is_emitted() {
    let example = "emits(InvoiceIssued, CloseOrder)";
    let lists = format!("`emits` lists messages: write `{example}`");
    assert_args_mistake(quote!(A, emits), &lists);
    assert_args_mistake(quote!(A, emits = B), &lists);
    assert_args_mistake(
        quote!(A, emits("b.created")),
        &format!("`emits` takes the types of messages: `{example}`"),
    );
    assert_args_mistake(quote!(A, emits(B, C, B)), "this message is named twice: keep one");
}

#[test]
fn rates_and_breakers() {
    for rate in ["100", "100/d", "/s", "1.5/s", ""] {
        assert_args_mistake(
            quote!(A, rate = #rate),
            "`rate` takes a whole number and `/s`, `/m` or `/h`, such as \"100/s\" or \"5/m\"",
        );
    }
    assert_args_mistake(
        quote!(A, rate = 100),
        "`rate` takes a number and its time, such as `rate = \"100/s\"` or `rate = none`",
    );
    let needs = "`rate` needs a value, such as `rate = \"100/s\"` or `rate = none`";
    assert_args_mistake(quote!(A, rate), needs);
    assert_args_mistake(
        quote!(A, rate = "1000001/s"),
        "`rate` is out of range: 1 to 1000000 are allowed",
    );
    assert_args_mistake(
        quote!(A, rate = "0/s"),
        "`rate` is out of range: at least 1 is allowed, such as \"1/h\"; to stop a handler for a \
         while, pause it at run time",
    );
    let example = "breaker(failures = 5, cooldown = \"30s\")";
    let needs = format!("`breaker` needs a value: `breaker = none` or `{example}`");
    assert_args_mistake(quote!(A, breaker), &needs);
    let either = format!("write `breaker = none` or `{example}`");
    assert_args_mistake(quote!(A, breaker = 5), &either);
    assert_args_mistake(
        quote!(A, breaker()),
        &format!("`breaker(..)` is empty: write `{example}` or a part of it"),
    );
    for failures in [quote!(0), quote!(10001)] {
        assert_args_mistake(
            quote!(A, breaker(failures = #failures)),
            "`failures` is out of range: 1 to 10000 are allowed",
        );
    }
    assert_args_mistake(
        quote!(A, breaker(cooldown = "25h")),
        "`cooldown` is out of range: \"1ms\" to \"24h\" are allowed",
    );
    assert_args_mistake(
        quote!(A, breaker(failure = 5)),
        "unknown option `failure`, did you mean `failures`? (`breaker(..)` takes `failures`, \
         `cooldown` and `count`)",
    );
    assert_args_mistake(
        quote!(A, breaker(count = "errors")),
        "unknown value \"errors\" (`count` takes `\"all\"`)",
    );
    assert_args_mistake(
        quote!(A, breaker(failures = 5), breaker(failures = 6)),
        "`breaker` is given twice: keep one",
    );
}

#[test]
fn orders() {
    assert_args_mistake(
        quote!(A, order = "tennant"),
        "unknown value \"tennant\", did you mean \"tenant\"? (`order` takes `\"key\"`, `\"tenant\"` \
         and `\"none\"`)",
    );
    assert_args_mistake(
        quote!(A, order = tenant),
        "`order` takes a string, such as `order = \"tenant\"`",
    );
    assert_args_mistake(quote!(A, order), "`order` needs a value, such as `order = \"tenant\"`");
    assert_args_mistake(
        quote!(A, order = "none", order = "key"),
        "`order` is given twice: keep one",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, order = "none"),
            quote!(
                struct H;
            ),
        ),
        "`order` is for events handlers only: a query is not queued, so it runs at once",
    );
}

#[test]
fn batches() {
    let example = "`batch(max = 500)`";
    for args in [quote!(A, batch), quote!(A, batch = 500)] {
        assert_args_mistake(args, &format!("write {example}"));
    }
    for args in [quote!(A, batch()), quote!(A, batch(across_tenants))] {
        assert_args_mistake(
            args,
            &format!("`batch(..)` needs the most events at once: write {example}"),
        );
    }
    for max in [quote!(0), quote!(10001), quote!(99999999999)] {
        assert_args_mistake(
            quote!(A, batch(max = #max)),
            "`max` is out of range: 1 to 10000 are allowed",
        );
    }
    assert_args_mistake(
        quote!(A, batch(max = "500")),
        "`max` takes a whole number, such as `max = 500`",
    );
    assert_args_mistake(
        quote!(A, batch(max = 500, across_tenants = true)),
        "`across_tenants` takes no value: write `across_tenants` alone",
    );
    assert_args_mistake(
        quote!(A, batch(max = 500, linger = "20ms")),
        "unknown option `linger` (`batch(..)` takes `max` and `across_tenants`)",
    );
    assert_args_mistake(
        quote!(A, batch(max = 5), batch(max = 6)),
        "`batch` is given twice: keep one",
    );
    assert_one_mistake(
        command_handler(
            quote!(A, batch(max = 500)),
            quote!(
                struct H;
            ),
        ),
        "`batch` is for events handlers only: a command is not queued, its caller waits for the \
         result of this one",
    );
}

#[test]
fn batches_are_for_events_only() {
    assert_one_mistake(
        query_handler(
            quote!(A, batch(max = 500)),
            quote!(
                struct H;
            ),
        ),
        "`batch` is for events handlers only: a query is not queued, its caller waits for the result \
         of this one",
    );
}

#[test]
fn transactions() {
    assert_args_mistake(
        quote!(A, transactional = true),
        "`transactional` takes no value: write `transactional` alone",
    );
    assert_args_mistake(
        quote!(A, transactional("sqlite")),
        "`transactional` takes no value: write `transactional` alone",
    );
    assert_args_mistake(
        quote!(*, transactional, transactional),
        "`transactional` is given twice: keep one",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, transactional),
            quote!(
                struct H;
            ),
        ),
        "`transactional` is for handlers of events and commands: a query changes nothing, so it \
         needs no transaction; remove it",
    );
}

#[test]
fn transient_handlers() {
    assert_args_mistake(
        quote!(A, transient = true),
        "`transient` takes no value: write `transient` alone",
    );
    assert_args_mistake(quote!(A, transient, transient), "`transient` is given twice: keep one");
    for args in [quote!(A, transient, transactional), quote!(A, transactional, transient)] {
        assert_args_mistake(
            args,
            "a `transient` handler gets its events from memory, where nothing is exactly once: \
             remove `transient` or `transactional`",
        );
    }
    assert_args_mistake(
        quote!(A, transient, start = "now"),
        "a `transient` handler gets what is published while it runs, so it starts nowhere else: \
         remove `transient` or `start`",
    );
    assert_one_mistake(
        command_handler(
            quote!(A, transient),
            quote!(
                struct H;
            ),
        ),
        "`transient` is for events handlers only: a command is not queued, and no store keeps it",
    );
}

#[test]
fn starts() {
    assert_args_mistake(
        quote!(A, start = "begining"),
        "unknown value \"begining\", did you mean \"beginning\"? (`start` takes `\"beginning\"` and \
         `\"now\"`)",
    );
    assert_args_mistake(
        quote!(A, start = beginning),
        "`start` takes a string, such as `start = \"beginning\"`",
    );
    assert_args_mistake(quote!(A, start), "`start` needs a value, such as `start = \"beginning\"`");
    assert_args_mistake(
        quote!(A, start = "now", start = "now"),
        "`start` is given twice: keep one",
    );
    assert_one_mistake(
        query_handler(
            quote!(A, start = "now"),
            quote!(
                struct H;
            ),
        ),
        "`start` is for events handlers only: a query is not queued, and no store keeps it",
    );
}

#[test]
fn the_events_of_a_trait_come_one_by_one() {
    let expected = "a batch holds events of one type: name the events, or remove `batch(..)`";
    let item = quote!(
        struct H;
    );
    assert_one_mistake(events_handler(quote!(dyn A, batch(max = 5)), item), expected);
    let item = quote!(
        async fn h(batch: &Batch<dyn A>) -> HandlerResult {
            Ok(())
        }
    );
    assert_one_mistake(events_handler(quote!(batch(max = 5)), item), expected);
}

#[test]
fn lists_of_waits_and_of_errors() {
    let example = "waits = [\"1s\", \"10s\", \"1m\"]";
    assert_args_mistake(
        quote!(A, retry(waits = "1s")),
        &format!("`waits` takes a list of durations, such as `{example}`"),
    );
    assert_args_mistake(
        quote!(A, retry(waits = [])),
        &format!("`waits` is empty: write `{example}` or remove it"),
    );
    assert_args_mistake(
        quote!(A, retry(waits = ["1s", 10])),
        "write the unit: `waits = \"10s\"` or `waits = \"10ms\"`",
    );
    assert_args_mistake(
        quote!(A, retry(waits = ["25h"])),
        "`waits` is out of range: \"1ms\" to \"24h\" are allowed",
    );
    let many = vec!["1s"; 17];
    assert_args_mistake(
        quote!(A, retry(waits = [#(#many),*])),
        "`waits` is too long: at most 16 are allowed",
    );
    assert_args_mistake(
        quote!(A, retry(waits = ["1s"], attempts = 3)),
        "`waits` says how many attempts are made, and when, exactly: remove it, or `attempts`, \
         `backoff`, `max` and `jitter`",
    );
    assert_args_mistake(
        quote!(A, retry(jitter = "full")),
        "`jitter` takes `none`, such as `jitter = none`",
    );
    assert_args_mistake(
        quote!(A, retry(never = [])),
        "`never` is empty: write `never = [InvalidAddress]` or remove it",
    );
    assert_args_mistake(
        quote!(A, retry(never = InvalidAddress)),
        "`never` takes a list of error types, such as `never = [InvalidAddress]`",
    );
    assert_args_mistake(
        quote!(A, retry(never = ["InvalidAddress", Other])),
        "write the types of the errors, such as `never = [InvalidAddress]`",
    );
}

#[test]
fn what_becomes_of_old_events_and_of_dead_letters() {
    assert_args_mistake(
        quote!(A, deliver_within = "9000h"),
        "`deliver_within` is out of range: \"1ms\" to \"8760h\" are allowed",
    );
    assert_args_mistake(
        quote!(A, dead_letters = "discrad"),
        "unknown value \"discrad\", did you mean \"discard\"? (`dead_letters` takes `\"keep\"`, \
         `\"discard\"` and `\"block\"`)",
    );
    assert_args_mistake(
        quote!(A, dead_letters = "block", order = "none"),
        "`dead_letters = \"block\"` lets the later events of an order key wait, and with `order = \"none\"` \
         there is no order key: remove one of them",
    );
    assert_one_mistake(
        command_handler(
            quote!(A, deliver_within = "1h"),
            quote!(
                struct H;
            ),
        ),
        "`deliver_within` is for events handlers only: a command is not queued, so it runs at once",
    );
}

#[test]
fn commands_are_retried_after_errors_that_are_named() {
    let one = |args, expected| {
        let item = quote!(
            struct H;
        );
        assert_one_mistake(command_handler(args, item), expected);
    };
    one(
        quote!(A, retry(attempts = 3)),
        "`retry(..)` of a command says after which errors it is attempted again: add `when = is_busy`, \
         with a function such as `fn is_busy(error: &HandlerError) -> bool`",
    );
    one(
        quote!(A, retry(never = [Busy])),
        "unknown option `never` (`retry(..)` takes `attempts`, `backoff`, `max`, `jitter`, `waits` and \
         `when`)",
    );
    one(
        quote!(A, retry(when = "is_busy")),
        "`when` takes the path of a function, such as `when = is_busy`",
    );
    assert_args_mistake(
        quote!(A, retry(when = is_busy)),
        "unknown option `when` (`retry(..)` takes `attempts`, `backoff`, `max`, `jitter`, `waits` and \
         `never`)",
    );
}
