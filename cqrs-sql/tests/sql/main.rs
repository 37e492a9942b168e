//! What is about SQL: concurrent transactions, lost connections, migrations, rights. What every store does is tested
//! by the suite for stores.

mod support; // stores of a test, and events
mod contract; // the basics, on both databases
mod order; // concurrent appenders and transactions: a reader misses nothing
mod fencing; // leases, done rows, saved progress
mod idempotency; // keys are removed when they are old
mod migrations; // races, rights, newer databases
mod row_security; // other roles see one tenant
mod dropped; // futures that are dropped
mod lost; // lost connections and full disks
