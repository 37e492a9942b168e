//! Handlers in transactions, and the stores that have them.

use cqrs_core::app::{Problem, ProblemKind};
use cqrs_core::log::MemoryStore;
use cqrs_core::prelude::*;
use cqrs_core::{BuildError, Handler, modules};
use cqrs_tests::ledger::{Ledger, LedgerTransaction};

use super::{assert_only, assert_says, problems_of};

struct OtherTransaction;

#[derive(Serialize, Deserialize, Event)]
struct Booked;

#[events_handler(Booked, transactional)]
struct Count;

impl TransactionalEventHandler<Booked> for Count {
    type Transaction = LedgerTransaction;

    async fn handle(&self, _: &Booked, _: &mut LedgerTransaction, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[derive(Command)]
struct Book;

#[command_handler(Book, transactional)]
struct BookHandler;

impl TransactionalCommandHandler<Book> for BookHandler {
    type Transaction = LedgerTransaction;

    async fn execute(
        &self,
        _: Book,
        _: &mut LedgerTransaction,
        _: &Context,
    ) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct Elsewhere;

impl TransactionalEventHandler<Booked> for Elsewhere {
    type Transaction = OtherTransaction;

    async fn handle(&self, _: &Booked, _: &mut OtherTransaction, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[track_caller]
fn assert_both_refused(error: &BuildError, but: &str) {
    let kinds: Vec<_> = error.problems().iter().map(Problem::kind).collect();
    assert_eq!(kinds, [ProblemKind::WrongTransaction; 2], "{error}");
    let file = file!();
    assert_says(
        error,
        &[
            &format!("handler `Count` ({file}:"),
            &format!("handler `BookHandler` ({file}:"),
            &format!(") writes in transactions of type `LedgerTransaction`, but {but}\n"),
            "fix: give the application a store that has them with `.store(..)`, or write a \
             handler without `transactional`",
        ],
    );
}

#[test]
fn a_handler_in_transactions_needs_a_store() {
    assert_both_refused(&problems_of(modules![self]), "the application has no store");
}

#[test]
fn a_handler_in_transactions_needs_a_store_with_transactions() {
    let app = App::builder().only(modules![self]).store(MemoryStore::new());
    let error = app.build().expect_err("users cannot write in memory");
    assert_both_refused(&error, "the store (memory) has no transactions");
}

#[test]
fn a_handler_in_transactions_needs_a_store_with_those() {
    let app = App::builder().bare().store(Ledger::default());
    let elsewhere = Handler::transactional_events("elsewhere", Elsewhere).on::<Booked>();
    let error = app.register(elsewhere).build().expect_err("the store has others");
    assert_only(&error, ProblemKind::WrongTransaction);
    assert_says(
        &error,
        &["`OtherTransaction`, but the transactions of the store (ledger) are of type \
           `LedgerTransaction`"],
    );
}

#[test]
fn with_the_store_that_they_are_for_they_are_wired() {
    App::builder().only(modules![self]).store(Ledger::default()).build().expect("wired");
}
