//! From the log to the lanes: appending, reading, checkpoints, leases.
//!
//! One process is a *node*. Its [`Engine`] appends what the process publishes, and keeps a [window](window) of the log's
//! last events. Each handler's [subscriber](subscriber) reads the window, and feeds the handler's lane with the events
//! of the shards that the node has leases of. A [slice](slice) is one subscription on one shard: it hears what becomes
//! of each delivery, and knows by its [tracker](tracker) how far the checkpoint may move.

mod appender;
mod checkpoints;
mod codec;
mod leases;
mod slice;
mod subscriber;
mod tail;
mod tracker;
mod window;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::lane::Lane;
use crate::log::{NewSubscription, Node, Position, Store, StoreError};
use crate::runtime::Lifecycle;

pub(crate) use self::appender::{Appender, NotAppended};
pub(crate) use self::codec::Codec;
pub(crate) use self::subscriber::Wanted;

use self::codec::Read;
use self::subscriber::Subscriber;
use self::window::Window;
