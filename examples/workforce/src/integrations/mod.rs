//! Other programs: what they tell, and what is taken from them.

mod events;
pub mod github;
pub(crate) mod limits;
pub(crate) mod turns;
pub mod upwork;

pub use self::events::IntegrationSync;
pub use self::limits::Limits;
