//! Removing what is old, by [`Retention`] or by hand, and accounting for it.

mod announcement;
mod pruned;
mod error;
mod prune;

pub(crate) use self::announcement::announced_base;
pub use self::error::RetentionError;
pub use self::pruned::Pruned;
pub use crate::policy::Retention;
