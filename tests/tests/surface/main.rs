//! What users read: the README, and what the compiler says about mistakes.

mod mistakes;
mod readme;
